"""Which words may stand for which: a symmetric graph of words, fixed before any training text is seen."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from ..datasets._files import read_bytes
from ..gate.arrays import as_float_array
from ..gate.numbers import as_real, as_whole_number

__all__ = ["SynonymNetwork"]

# Cosines that are held at once while neighbours are searched: 128 MB.
_BLOCK = 1 << 24

# Cosines from a matrix product differ from those that count by rounding, far less than this.
_ROUNDING = 1e-9

Similarities = Mapping[tuple[str, str], float] | Callable[[str, str], float]


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
        # symmetric and sorted already, with similarities of the pairs (a, b) where a < b
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
                raise ValueError(f"pairs must hold two words each, got {pair!r}")
            for word, other in (pair, reversed(pair)):
                table.setdefault(_as_word(word), set()).add(other)
        network, _ = cls._from_table({word: sorted(others) for word, others in table.items()}, similarities)
        return network

    @classmethod
    def from_vectors(
        cls,
        words: Sequence[str],
        vectors: np.ndarray,
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
        names, rows = _check_vectors(words, vectors)
        threshold = as_real(threshold, "threshold")
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(
                f"threshold must lie in [0, 1], got {threshold!r}; it is the least cosine of neighbours"
            )
        n_neighbors = as_whole_number(n_neighbors, "n_neighbors", least=1)
        if all_but_the_top is not None:
            rows = _without_top(rows, as_whole_number(all_but_the_top, "all_but_the_top", least=0))
        # Sorted, so that the first of equally near words is the one that sorts first.
        order = sorted(range(len(names)), key=names.__getitem__)
        names, units = [names[i] for i in order], _unit_rows(rows[order], [names[i] for i in order])
        table, cosines = {}, {}
        for i, near in enumerate(_nearest(units, threshold, n_neighbors)):
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
        try:
            data = read_bytes(path)
        except ValueError as error:
            raise ValueError(
                f"{path}: expected a whole gzip file, got one that is cut off or corrupt "
                f"({error.__cause__}); fetch it again"
            ) from error
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ValueError(
                f"{path}, line {line}: expected UTF-8, got the byte {data[error.start]:#04x}; convert the "
                "file, for instance with iconv"
            ) from None
        if path.name.endswith((".json", ".json.gz")):
            table = _parse_json(text, path)
            try:
                network, example = cls._from_table(table, None)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}: {error}") from None
            network._warn_of_added(example)
            return network
        return cls.from_pairs(_parse_lines(text, path))

    @classmethod
    def _from_table(cls, table, similarities) -> tuple[SynonymNetwork, tuple[str, str] | None]:
        """The network of a table, and an entry whose reverse is missing there."""
        if not isinstance(table, Mapping):
            raise TypeError(
                f"the table must map each word to a sequence of words, got {type(table).__name__}; "
                "SynonymNetwork.from_pairs takes pairs"
            )
        if not table:
            raise ValueError("the table is empty, expected at least one word")
        given = {_as_word(word): _as_words(word, others) for word, others in table.items()}
        added, example = 0, None
        both: dict[str, set[str]] = {word: set(others) for word, others in given.items()}
        for word, others in given.items():
            for other in others:
                if word not in given.get(other, ()):
                    both.setdefault(other, set()).add(word)
                    added += 1
                    example = example or (word, other)
        neighbours = {word: tuple(sorted(both[word])) for word in sorted(both)}
        if similarities is not None:
            similarities = _checked_similarities(neighbours, similarities)
        return cls(neighbours, similarities, added=added), example

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
        self, words: Sequence[str], vectors: np.ndarray, *, missing: str = "raise"
    ) -> SynonymNetwork:
        """The same graph with the cosines of word vectors as similarities.

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
            raise ValueError(f"missing must be 'raise' or 'drop', got {missing!r}")
        names, rows = _check_vectors(words, vectors)
        number = {word: i for i, word in enumerate(names)}
        kept = []
        for word, other in self._edges():
            if word in number and other in number:
                kept.append((word, other))
            elif missing == "raise":
                lacking = other if word in number else word
                raise ValueError(
                    f"the word {lacking!r} of the edge {word!r} - {other!r} has no vector; give vectors of "
                    "all words that have neighbours, or pass missing='drop' to leave such edges out"
                )
        used = sorted({number[word] for edge in kept for word in edge})
        units = np.zeros(rows.shape)
        units[used] = _unit_rows(rows[used], [names[i] for i in used])
        cosines = _cosines(units, [number[a] for a, _ in kept], [number[b] for _, b in kept])
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
        return tuple(self._neighbours)

    @property
    def has_similarities(self) -> bool:
        return self._similarities is not None

    def neighbours(self, word: str) -> tuple[str, ...]:
        """The words that may stand for ``word``, sorted, without itself; none for a word outside."""
        return self._neighbours.get(word, ())

    def candidates(self, word: str) -> tuple[str, ...]:
        """The word itself, then its neighbours, sorted."""
        return (word, *self.neighbours(word))

    def similarity(self, word: str, other: str) -> float:
        """The similarity of two neighbours; 1 for a word and itself.

        Raises
        ------
        ValueError
            If the words are no neighbours, or the network has no similarities.
        """
        if word == other:
            return 1.0
        if self._similarities is None:
            raise ValueError(
                "the network has no similarities; build it with SynonymNetwork.from_vectors, or attach them "
                "by with_similarities(words, vectors)"
            )
        try:
            return self._similarities[min(word, other), max(word, other)]
        except KeyError:
            raise ValueError(
                f"{word!r} and {other!r} are no neighbours, so they have no similarity"
            ) from None

    def component(self, word: str) -> tuple[str, ...]:
        """All words that chains of substitutions can reach from ``word``, sorted, with itself."""
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
        digest = hashlib.sha256()
        for word, others in self._neighbours.items():
            near = others
            if self._similarities is not None:
                near = [(other, self.similarity(word, other).hex()) for other in others]
            digest.update(json.dumps([word, near]).encode() + b"\n")
        return digest.hexdigest()

    def _edges(self) -> Iterable[tuple[str, str]]:
        return (
            (word, other) for word, others in self._neighbours.items() for other in others if word < other
        )


def _as_word(word) -> str:
    if not isinstance(word, str):
        remedy = "; decode it" if isinstance(word, bytes) else ""
        raise TypeError(f"every word must be a str, got {word!r} of type {type(word).__name__}{remedy}")
    if not word:
        raise ValueError("every word must have a character, got an empty one")
    return str(word)


def _as_words(word: str, others) -> set[str]:
    if isinstance(others, (str, bytes, Mapping)) or not isinstance(others, Iterable):
        raise TypeError(f"the entry of {word!r} must be a sequence of words, got {others!r:.60}")
    return {_as_word(other) for other in others} - {word}


def _checked_similarities(neighbours, similarities: Similarities) -> dict[tuple[str, str], float]:
    checked = {}
    for word, others in neighbours.items():
        for other in others:
            if word > other:
                continue
            name = f"the similarity of {word!r} and {other!r}"
            if callable(similarities):
                values = [similarities(word, other)]
            else:
                values = [
                    similarities[pair] for pair in ((word, other), (other, word)) if pair in similarities
                ]
            for value in values:
                if not -1.0 <= as_real(value, name) <= 1.0:
                    raise ValueError(f"{name} must lie in [-1, 1], got {value!r}")
            if not values:
                raise ValueError(f"{name} is missing; give one for every edge, or leave the edge out")
            if values[0] != values[-1]:
                raise ValueError(f"{name} must be the same both ways, got {values[0]!r} and {values[1]!r}")
            checked[word, other] = float(values[0])
    return checked


def _parse_json(text: str, path: Path) -> dict:
    try:
        table = json.loads(text, object_pairs_hook=_distinct_keys)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}, line {error.lineno}: expected JSON, got something else or a file that is cut off "
            f"({error.msg}); fetch it again"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(table, dict):
        raise ValueError(
            f"{path}: expected a JSON object of words and lists of words, got "
            f"{type(table).__name__} at the top"
        )
    return table


def _distinct_keys(items: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(items)
    if len(table) != len(items):
        seen: set[str] = set()
        twice = next(word for word, _ in items if word in seen or seen.add(word))
        raise ValueError(f"the word {twice!r} has two entries; join them")
    return table


def _parse_lines(text: str, path: Path) -> list[tuple[str, str]]:
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise ValueError(f"{path} is empty, expected lines with two words each")
    pairs = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if len(words) != 2:
            raise ValueError(f"{path}, line {number}: expected two words, got {line[:60]!r}")
        pairs.append((words[0], words[1]))
    return pairs


def _check_vectors(words, vectors) -> tuple[list[str], np.ndarray]:
    if isinstance(words, (str, bytes)):
        raise TypeError("words must be a sequence of words, got one string")
    names = [_as_word(word) for word in words]
    rows = as_float_array(vectors, "vectors")
    if rows.ndim != 2 or rows.shape[0] != len(names) or not rows.size:
        raise ValueError(
            f"vectors must have shape ({len(names)}, d), one row for each word, and not be empty; got "
            f"{rows.shape}"
        )
    if len(set(names)) != len(names):
        seen: set[str] = set()
        twice = next(word for word in names if word in seen or seen.add(word))
        raise ValueError(f"the word {twice!r} occurs twice in words; keep one of its vectors")
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        raise ValueError(
            f"the vector of {names[bad[0]]!r} must be finite, got NaN or infinity; leave the word out"
        )
    return names, rows


def _without_top(rows: np.ndarray, n_components: int) -> np.ndarray:
    if n_components >= min(rows.shape):
        raise ValueError(
            f"all_but_the_top must be less than {min(rows.shape)}, the rank that {rows.shape[0]} vectors of "
            f"{rows.shape[1]} numbers can have; got {n_components}"
        )
    centred = rows - rows.mean(axis=0)
    # eigh sorts upwards
    top = np.linalg.eigh(centred.T @ centred)[1][:, rows.shape[1] - n_components :]
    return centred - (centred @ top) @ top.T


def _unit_rows(rows: np.ndarray, names: Sequence[str]) -> np.ndarray:
    # Scaled first: squares of huge or tiny entries leave the range of doubles.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    zero = np.flatnonzero(largest == 0.0)
    if zero.size:
        raise ValueError(f"the vector of {names[zero[0]]!r} is zero and has no direction; leave the word out")
    rows = rows / largest
    return rows / np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]


def _cosines(units: np.ndarray, first: Sequence[int], second: Sequence[int]) -> np.ndarray:
    """Cosines of pairs of rows, the same whatever else is computed beside them."""
    first, second = np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)
    size = max(1, _BLOCK // units.shape[1])
    parts = [
        np.einsum("ij,ij->i", units[first[i : i + size]], units[second[i : i + size]])
        for i in range(0, len(first), size)
    ]
    return np.clip(np.concatenate([np.zeros(0), *parts]), -1.0, 1.0)


def _nearest(units: np.ndarray, threshold: float, n_neighbors: int) -> Iterable[dict[int, float]]:
    """For each row its nearest others by cosine, at most ``n_neighbors`` and none below the threshold."""
    n = len(units)
    size = max(1, _BLOCK // n)
    for start in range(0, n, size):
        block = units[start : start + size] @ units.T
        rows = np.arange(len(block))
        block[rows, start + rows] = -np.inf
        least = np.full(len(block), threshold)
        if n_neighbors < n:
            least = np.maximum(least, np.partition(block, n - n_neighbors, axis=1)[:, n - n_neighbors])
        # A little more than needed, then the choice by cosines that do not depend on the block.
        row, column = np.nonzero(block >= least[:, None] - _ROUNDING)
        low, high = np.minimum(start + row, column), np.maximum(start + row, column)
        cosines = _cosines(units, low, high)
        order = np.lexsort((column, -cosines, row))
        row, column, cosines = row[order], column[order], cosines[order]
        ends = np.searchsorted(row, np.arange(len(block) + 1))
        for i in rows:
            taken = slice(ends[i], min(ends[i] + n_neighbors, ends[i + 1]))
            yield {
                j: cosine
                for j, cosine in zip(column[taken].tolist(), cosines[taken].tolist(), strict=True)
                if cosine >= threshold
            }
