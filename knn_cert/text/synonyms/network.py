"""The network of synonyms: made from tables, pairs or vectors; neighbours, similarities, components."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ...gate.errors import InvalidInput
from ...gate.numbers import as_real_within, as_whole_number
from .entries import Similarities, as_word, as_words, checked_similarities
from .files import is_json, read_pairs, read_table
from .vectors import check_vectors, cosines_of, nearest, unit_rows, without_top

__all__ = ["SynonymNetwork"]


class SynonymNetwork:
    """An undirected graph of words: an edge says that either word may be put for the other.

    Made by `from_table`, `from_pairs`, `from_vectors` or `read`. It must be fixed independently of any
    training set: a graph whose words, vectors or frequencies were taken from training texts changes with the
    poison, and certificates on it are void.

    Attributes
    ----------
    words : tuple of str
        All words, sorted; those without a neighbour too.
    added : int
        Entries that were missing in one direction and were added.
    dropped : int
        Edges left out by `with_similarities` because a word has no vector.
    has_similarities : bool
        Whether the edges carry similarities.
    digest : str
        sha256 of the graph and its similarities, in hexadecimal, for records.
    """

    def __init__(
        self,
        neighbours: Mapping[str, tuple[str, ...]],
        similarities: Mapping[tuple[str, str], float] | None = None,
        *,
        added: int = 0,
        dropped: int = 0,
    ):
        # The graph is symmetric and sorted already; similarities are those of the pairs (a, b) with a < b.
        self._neighbours = neighbours
        self._similarities = similarities
        self.added = added
        self.dropped = dropped

    @classmethod
    def from_table(
        cls, table: Mapping[str, Sequence[str]], *, similarities: Similarities | None = None
    ) -> SynonymNetwork:
        """Take the words and their neighbours from a table.

        Parameters
        ----------
        table : mapping from str to sequence of str
            Near words of each word. The order says nothing, and neither does an entry that is given twice or
            a word in its own list.
        similarities : mapping from (str, str) to float, or callable (str, str) -> float, optional
            Similarity in [-1, 1] of neighbours. A mapping may give a pair in either order.

        Warns
        -----
        UserWarning
            If entries have no reverse entry. They are added, since an attacker who may put v for u makes a
            text with v that the defender sees, and the number is kept in ``added``.

        Raises
        ------
        TypeError
            If the table is no mapping, a word is no str, or an entry is no sequence of str.
        ValueError
            If the table or a word is empty, or a similarity is missing, out of range or given in two ways.
        """
        network, example = cls._from_table(table, similarities)
        network._warn_of_added(example)
        return network

    @classmethod
    def from_pairs(
        cls, pairs: Iterable[tuple[str, str]], *, similarities: Similarities | None = None
    ) -> SynonymNetwork:
        """Take the edges from pairs of words, each in either order; a word paired with itself is no edge.

        Parameters
        ----------
        pairs : iterable of (str, str)
        similarities : mapping or callable, optional
            As in `from_table`.

        Raises
        ------
        TypeError, ValueError
            As `from_table`, and if an item is no pair.
        """
        table: dict[str, set[str]] = {}
        for pair in pairs:
            if isinstance(pair, str) or len(pair) != 2:
                raise InvalidInput(f"pairs must hold two words each, got {pair!r}")
            for word, other in (pair, reversed(pair)):
                table.setdefault(as_word(word), set()).add(other)
        network, _ = cls._from_table({word: sorted(others) for word, others in table.items()}, similarities)
        return network

    @classmethod
    def from_vectors(
        cls,
        words: Sequence[str],
        vectors: ArrayLike,
        *,
        threshold: float = 0.8,
        n_neighbors: int = 8,
        all_but_the_top: int | None = None,
    ) -> SynonymNetwork:
        """Join words by the cosine of their vectors, such as GloVe or counter-fitted ones.

        Parameters
        ----------
        words : sequence of n distinct str
        vectors : array of shape (n, d)
        threshold : float, in [0, 1]
            Least cosine of neighbours.
        n_neighbors : int >= 1
            Each word takes its nearest ones, at most so many; of equally near ones those that sort first.
            There is an edge if either word takes the other, so a word may have more neighbours than that;
            ``added`` counts the entries that one side lacked.
        all_but_the_top : int >= 0, optional
            Subtract the mean of all vectors and remove so many of their principal components first (J. Mu,
            P. Viswanath, ICLR 2018, who take about d / 100). None: vectors as they are.

        Returns
        -------
        SynonymNetwork
            With the cosines, after this processing, as similarities. They carry the rounding of the linear
            algebra at hand, so the digest may differ between machines.

        Raises
        ------
        TypeError
            If a word is no str, or an argument is not of its kind.
        ValueError
            If a word occurs twice, a vector is zero (also after the processing), NaN or infinite, shapes
            differ, or a number is out of range.
        """
        names, rows = check_vectors(words, vectors)
        remedy = "it is the least cosine of neighbours"
        threshold = as_real_within(threshold, "threshold", 0.0, 1.0, remedy=remedy)
        n_neighbors = as_whole_number(n_neighbors, "n_neighbors", least=1)
        if all_but_the_top is not None:
            rows = without_top(rows, as_whole_number(all_but_the_top, "all_but_the_top", least=0))
        # Sorted, so that the first of equally near words is the one that sorts first.
        order = sorted(range(len(names)), key=names.__getitem__)
        names, units = [names[i] for i in order], unit_rows(rows[order], [names[i] for i in order])
        table: dict[str, list[str]] = {}
        cosines: dict[tuple[str, str], float] = {}
        for i, near in enumerate(nearest(units, threshold, n_neighbors)):
            table[names[i]] = [names[j] for j in near]
            for j, cosine in near.items():
                cosines[names[min(i, j)], names[max(i, j)]] = cosine
        return cls._from_table(table, cosines)[0]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> SynonymNetwork:
        """Read a table from a file: ``.json`` with words and their lists, or text with two words a line.

        Either may be packed with gzip. A JSON object is taken as by `from_table`, lines as by `from_pairs`.

        Parameters
        ----------
        path : path
            Named ``*.json`` or ``*.json.gz`` for JSON; any other name is text.

        Warns
        -----
        UserWarning
            As `from_table`.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is not UTF-8, cut off or of another layout; with the line where that is known.
        """
        path = Path(path)
        if not is_json(path):
            return cls.from_pairs(read_pairs(path))
        table = read_table(path)
        try:
            network, example = cls._from_table(table, None)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{path}: {error}") from None
        network._warn_of_added(example)
        return network

    @classmethod
    def _from_table(
        cls, table: Mapping[str, Sequence[str]], similarities: Similarities | None
    ) -> tuple[SynonymNetwork, tuple[str, str] | None]:
        """Return the network of a table, and an entry whose reverse is missing there, if there is one."""
        if not isinstance(table, Mapping):
            raise TypeError(
                f"the table must map each word to a sequence of words, got {type(table).__name__}; "
                "SynonymNetwork.from_pairs takes pairs"
            )
        if not table:
            raise InvalidInput("the table is empty, expected at least one word")
        given = {as_word(word): as_words(word, others) for word, others in table.items()}
        added = 0
        example: tuple[str, str] | None = None
        both: dict[str, set[str]] = {word: set(others) for word, others in given.items()}
        for word, others in given.items():
            for other in others:
                if word not in given.get(other, ()):
                    both.setdefault(other, set()).add(word)
                    added += 1
                    example = example or (word, other)
        neighbours = {word: tuple(sorted(both[word])) for word in sorted(both)}
        checked = None if similarities is None else checked_similarities(neighbours, similarities)
        return cls(neighbours, checked, added=added), example

    def _warn_of_added(self, example: tuple[str, str] | None) -> None:
        if example is not None:
            word, other = example
            entries = sum(map(len, self._neighbours.values())) - self.added
            warnings.warn(
                f"{self.added} of {entries} entries of the table have no reverse entry and got one: "
                f"{other!r} is listed for {word!r}, but not the other way round",
                UserWarning,
                stacklevel=3,
            )

    def with_similarities(
        self, words: Sequence[str], vectors: ArrayLike, *, missing: str = "raise"
    ) -> SynonymNetwork:
        """Return the same graph with the cosines of word vectors as similarities.

        Parameters
        ----------
        words : sequence of n distinct str
        vectors : array of shape (n, d)
            As they are: CROWD takes its similarities from the vectors before any processing.
        missing : {"raise", "drop"}
            What to do with an edge where a word has no vector: refuse, or leave the edge out. Without the
            edge that substitution is neither drawn nor certified; ``dropped`` counts them. The words stay.

        Raises
        ------
        TypeError, ValueError
            As `from_vectors`; ValueError also if ``missing`` is something else, or an edge is to be refused.
        """
        if missing not in ("raise", "drop"):
            raise InvalidInput(f"missing must be 'raise' or 'drop', got {missing!r}")
        names, rows = check_vectors(words, vectors)
        number = {word: i for i, word in enumerate(names)}
        kept = []
        for word, other in self._edges():
            if word in number and other in number:
                kept.append((word, other))
            elif missing == "raise":
                lacking = other if word in number else word
                raise InvalidInput(
                    f"the word {lacking!r} of the edge {word!r} - {other!r} has no vector; give vectors of "
                    "all words that have neighbours, or pass missing='drop' to leave such edges out"
                )
        used = sorted({number[word] for edge in kept for word in edge})
        units = np.zeros(rows.shape)
        units[used] = unit_rows(rows[used], [names[i] for i in used])
        cosines = cosines_of(units, [number[a] for a, _ in kept], [number[b] for _, b in kept])
        neighbours: dict[str, list[str]] = {word: [] for word in self._neighbours}
        for word, other in kept:
            neighbours[word].append(other)
            neighbours[other].append(word)
        return SynonymNetwork(
            {word: tuple(sorted(others)) for word, others in neighbours.items()},
            dict(zip(kept, cosines.tolist(), strict=True)),
            added=self.added,
            dropped=self.dropped + sum(1 for _ in self._edges()) - len(kept),
        )

    def __contains__(self, word: object) -> bool:
        return word in self._neighbours

    def __len__(self) -> int:
        return len(self._neighbours)

    def __repr__(self) -> str:
        edges = sum(map(len, self._neighbours.values())) // 2
        carried = ", with similarities" if self.has_similarities else ""
        return f"SynonymNetwork({len(self)} words, {edges} edges{carried})"

    @property
    def words(self) -> tuple[str, ...]:
        """All words, sorted."""
        return tuple(self._neighbours)

    @property
    def has_similarities(self) -> bool:
        """Whether the edges carry similarities."""
        return self._similarities is not None

    def neighbours(self, word: str) -> tuple[str, ...]:
        """Return the words that may stand for ``word``, sorted, without itself; none for a word outside."""
        return self._neighbours.get(word, ())

    def candidates(self, word: str) -> tuple[str, ...]:
        """Return the word itself, then its neighbours, sorted."""
        return (word, *self.neighbours(word))

    def similarity(self, word: str, other: str) -> float:
        """Return the similarity of two neighbours; 1 for a word and itself.

        Raises
        ------
        ValueError
            If the words are no neighbours, or the network has no similarities.
        """
        if word == other:
            return 1.0
        if self._similarities is None:
            raise InvalidInput(
                "the network has no similarities; build it with SynonymNetwork.from_vectors, or attach them "
                "by with_similarities(words, vectors)"
            )
        try:
            return self._similarities[min(word, other), max(word, other)]
        except KeyError:
            raise InvalidInput(
                f"{word!r} and {other!r} are no neighbours, so they have no similarity"
            ) from None

    def component(self, word: str) -> tuple[str, ...]:
        """Return all words that chains of substitutions can reach from ``word``, sorted, with itself."""
        return self._components.get(word, (word,))

    @cached_property
    def _components(self) -> dict[str, tuple[str, ...]]:
        components: dict[str, tuple[str, ...]] = {}
        for start in self._neighbours:
            if start in components:
                continue
            reached, ahead = {start}, [start]
            while ahead:
                new = [other for other in self._neighbours[ahead.pop()] if other not in reached]
                reached.update(new)
                ahead.extend(new)
            component = tuple(sorted(reached))
            components.update(dict.fromkeys(component, component))
        return components

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the graph and its similarities, in hexadecimal."""
        digest = hashlib.sha256()
        for word, others in self._neighbours.items():
            near: Sequence[object] = others
            if self._similarities is not None:
                near = [(other, self.similarity(word, other).hex()) for other in others]
            digest.update(json.dumps([word, near]).encode() + b"\n")
        return digest.hexdigest()

    def _edges(self) -> Iterator[tuple[str, str]]:
        return (
            (word, other) for word, others in self._neighbours.items() for other in others if word < other
        )
