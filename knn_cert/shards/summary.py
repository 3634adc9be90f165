"""Summary: what a part of a table leaves to some queries, and what parts together say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._types import BoolArray, FloatArray, WholeArray
from ..certificates import Certificates
from ..gate.errors import InvalidInput
from ..gate.labels import check_kind_of_labels
from ..gate.numbers import as_whole_number, check_dof, check_n_neighbors, check_n_threads, check_sigma_or_none
from ..kernels.summaries import SummaryArrays
from ..threats import Threat
from .arrays import Head, no_rows, packed_arrays
from .classes import among_classes, classes_of_all
from .needs import check_offered, needs_of, summary_kernel
from .rows import Rows, check_reach, features, numbered

__all__ = ["Summary", "SummaryVote", "summarise"]


class SummaryVote(NamedTuple):
    """The vote of all rows that a summary stands for.

    Attributes
    ----------
    probabilities, errors : ndarray of shape (m, C)
        Of the classes to win, and bounds on how far they are from the truth; an error of 1 says that nothing
        is known.
    in_doubt : ndarray of bool, shape (m,)
        Where summaries with more near rows would say more.
    """

    probabilities: FloatArray
    errors: FloatArray
    in_doubt: BoolArray


class _Asked(NamedTuple):
    """What summaries must have in common to be put together."""

    queries: str
    sigma: float
    dof: int | float
    n_features: int
    far_kind: str


@dataclass(frozen=True, eq=False)
class Summary:
    """Some training rows as some queries see them: plain arrays, which may be sent, kept and put together.

    Attributes
    ----------
    classes : ndarray of shape (C,)
        Labels of the rows, increasing.
    n_queries : int
        m.
    n_near : int
        How many of the nearest rows of each class are kept one by one, if there are as many.
    arrays : SummaryArrays
        Near rows, and what the others leave, for every query and class.
    """

    classes: NDArray[Any]
    n_queries: int
    n_near: int
    arrays: SummaryArrays
    asked: _Asked
    classes_are_given: bool = False

    @property
    def rows_of_classes(self) -> WholeArray:
        """How many rows of each class there are: an array of shape (C,)."""
        if not self.n_queries:
            return np.zeros(len(self.classes), dtype=np.int64)
        rows: WholeArray = self.arrays.n_rows[: len(self.classes)]
        return rows

    @property
    def n_rows(self) -> int:
        """How many training rows it stands for."""
        return int(self.rows_of_classes.sum())

    @property
    def least_near(self) -> int:
        """How many near rows every list has, or all: parts that kept few may leave less than `n_near`."""
        kept = self.arrays.n_near
        return int(kept[kept < self.arrays.n_rows].min(initial=self.n_near))

    @property
    def nbytes(self) -> int:
        """Size of its arrays in bytes: what is sent."""
        return self.arrays.nbytes

    def merge(self, *others: Summary, n_near: int | None = None, n_threads: int | None = None) -> Summary:
        """Return the summary of all rows; in whatever order, but for roundings, it is the same.

        Parameters
        ----------
        *others : Summary
            Of other rows for the same queries, with the same sigma.
        n_near : int, optional
            How many of the nearest rows of each class are kept, where parts have kept so many that are nearer
            than all that any of them has left out; left out, as many as every part was asked for.
        n_threads : int, optional

        Raises
        ------
        InvalidInput
            If they are no summaries for the same queries and settings.
        """
        parts = (self, *others)
        _check_belong_together(parts)
        if not others:
            return self
        classes = _classes_of(parts)
        if n_near is None:
            n_near = min(part.n_near for part in parts)
        arrays = summary_kernel().merge_summaries(
            [among_classes(part.arrays, part.n_queries, part.classes, classes) for part in parts],
            n_near=as_whole_number(n_near, "n_near", least=1),
            far_kind=self.asked.far_kind,
            dof=self.asked.dof,
            n_threads=check_n_threads(n_threads),
        )
        return replace(self, classes=classes, n_near=n_near, arrays=SummaryArrays(*arrays))

    def vote(self, n_neighbors: int, *, n_threads: int | None = None) -> SummaryVote:
        """Return the probabilities of the classes under the noise; without noise 0 or 1.

        Parameters
        ----------
        n_neighbors : int
            K, not above the number for which the parts were summarised, or more is in doubt.
        n_threads : int, optional

        Raises
        ------
        TypeError, ValueError
            If K is none, or larger than the number of rows.
        """
        from .certify import vote_of

        return vote_of(self, self._checked_n_neighbors(n_neighbors), check_n_threads(n_threads))

    def probabilities(self, n_neighbors: int) -> FloatArray:
        """Return the probabilities of `vote`."""
        return self.vote(n_neighbors).probabilities

    def doubt(self, n_neighbors: int, threat: Threat | None = None) -> BoolArray:
        """Return of which queries summaries with more near rows would say more: (m,) of bool."""
        if threat is None:
            return self.vote(n_neighbors).in_doubt
        return self.certify(threat, n_neighbors=n_neighbors)[1]

    def certify(
        self, threat: Threat, *, n_neighbors: int, n_threads: int | None = None
    ) -> tuple[Certificates, BoolArray]:
        """Return certificates of all queries, and of which more near rows would leave less in doubt.

        What is certified holds in any case: doubt makes budgets smaller, never larger.

        Parameters
        ----------
        threat : threat
            Flipped labels, deleted, inserted or replaced rows; the ball; without noise also moved rows.
        n_neighbors : int
        n_threads : int, optional

        Raises
        ------
        InvalidInput
            If a table in parts cannot answer for this threat.
        """
        from .certify import certificates_of

        return certificates_of(
            self, threat, self._checked_n_neighbors(n_neighbors), check_n_threads(n_threads)
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as named arrays, for a file or a message without pickles."""
        head = Head(
            self.classes,
            self.n_queries,
            self.n_near,
            self.classes_are_given,
            queries=self.asked.queries,
            sigma=self.asked.sigma,
            dof=self.asked.dof,
            n_features=self.asked.n_features,
            far_kind=self.asked.far_kind,
        )
        return head.to_arrays() | self.arrays._asdict()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Summary:
        """Return the summary of arrays that `to_arrays` gave, perhaps by way of Arrow.

        Raises
        ------
        InvalidInput
            If they are none of a summary.
        """
        head = Head.of(arrays)
        packed = packed_arrays(arrays, len(head.classes), head.n_queries)
        asked = _Asked(head.queries, head.sigma, head.dof, head.n_features, head.far_kind)
        return cls(head.classes, head.n_queries, head.n_near, packed, asked, head.classes_are_given)

    def _checked_n_neighbors(self, n_neighbors: int) -> int:
        if len(self.classes) < 2:
            raise InvalidInput(
                f"at least two classes are needed to vote, got {len(self.classes)}; merge the other parts "
                "first, or say which classes there are (classes=)"
            )
        if not self.classes_are_given:
            check_kind_of_labels(self.classes)
        return check_n_neighbors(n_neighbors, self.n_rows)


def summarise(
    Q: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_neighbors: int,
    sigma: float,
    dof: int | float | None = None,
    threat: Threat | None = None,
    n_near: int | None = None,
    classes: ArrayLike | None = None,
    n_classes: int | None = None,
    before: Summary | None = None,
    n_threads: int | None = None,
) -> Summary:
    """Return what some rows of a training table leave to queries.

    The summaries of all parts of a table, merged in any order, answer as the whole table does
    (`Summary.vote`, `Summary.certify`), and their size does not depend on the number of rows.

    Parameters
    ----------
    Q : array_like of shape (m, d)
        Queries, the same for every part.
    X : array_like of shape (n, d)
        Some training rows, perhaps none; float32 is converted some rows at a time.
    y : array_like of shape (n,)
        Their labels.
    n_neighbors : int
        K of the vote.
    sigma : float >= 0
        The noise on each feature; 0 is plain K-NN.
    dof : int or float, optional
        The number of features that carry noise; left out, d.
    threat : threat, optional
        What will be asked, so that enough rows are kept.
    n_near : int, optional
        How many of the nearest rows of each class are kept at least, if there are as many; more than needed
        leave less in doubt.
    classes : array_like, optional
        All labels that there can be. Without them those of all parts together are the classes, and tampered
        rows may bring others.
    n_classes : int, optional
        How many classes the whole table has, where this part may have fewer; left out, 2 or more.
    before : Summary, optional
        Of other rows, summarised with the same settings. The result is that of these rows and those together,
        and takes less time than merging: rows that are farther than all near ones are not kept.
    n_threads : int, optional

    Returns
    -------
    Summary

    Raises
    ------
    TypeError, ValueError
        If arrays do not fit together or hold no finite numbers; if parameters are out of their range; if a
        table in parts cannot answer for the threat.
    ImportError
        If there is no compiled kernel: only it knows summaries.
    """
    kernel = summary_kernel()
    queries, rows = features(Q, "Q"), Rows.of(X, "X")
    labels = np.asarray(y)
    if labels.ndim != 1 or len(labels) != rows.n:
        raise InvalidInput(f"y must have shape ({rows.n},), one label a row of X, got {labels.shape}")
    if queries.shape[1] != rows.dim and rows.n:
        raise InvalidInput(f"X must have {queries.shape[1]} features, as Q has, got {rows.dim}")
    amount = check_sigma_or_none(sigma)
    neighbors = as_whole_number(n_neighbors, "n_neighbors", least=1)
    found, numbers = numbered(labels, classes)
    expected = max(
        2, len(found), 2 if n_classes is None else as_whole_number(n_classes, "n_classes", least=2)
    )
    if threat is not None:
        check_offered(threat, sigma=amount, n_classes=expected)
    needs = needs_of(kernel, n_neighbors=neighbors, n_classes=expected, sigma=amount, threat=threat)
    if n_near is not None:
        needs = needs._replace(n_near=max(needs.n_near, as_whole_number(n_near, "n_near", least=1)))
    checked_dof = check_dof(max(1, queries.shape[1]) if dof is None else dof)
    summary = Summary(
        classes=found,
        n_queries=len(queries),
        n_near=needs.n_near,
        arrays=no_rows(len(queries) * len(found)),
        asked=_Asked(_digest(queries), amount, checked_dof, queries.shape[1], needs.far_kind),
        classes_are_given=classes is not None,
    )
    threads = check_n_threads(n_threads)
    if before is not None:
        summary, place = _among(before, summary)
        numbers = place[numbers]
    for part, of_part in rows.chunks():
        check_reach(queries, of_part, amount)
        arrays = kernel.summarise(
            queries,
            of_part,
            numbers[part],
            n_classes=len(summary.classes),
            n_near=summary.n_near,
            far_kind=needs.far_kind,
            sigma=amount or 1.0,
            dof=checked_dof,
            before=summary.arrays if summary.n_rows else None,
            n_threads=threads,
        )
        summary = replace(summary, arrays=SummaryArrays(*arrays))
    return summary


def _among(before: Summary, none: Summary) -> tuple[Summary, WholeArray]:
    """Return a summary with the classes of another one, which has no rows, and the places of these."""
    _check_belong_together((before, none))
    classes = _classes_of((before, none))
    arrays = among_classes(before.arrays, before.n_queries, before.classes, classes)
    place = np.searchsorted(classes, none.classes.astype(classes.dtype)).astype(np.int64)
    n_near = min(before.n_near, none.n_near)
    return replace(before, classes=classes, n_near=n_near, arrays=arrays), place


def _check_belong_together(parts: tuple[Summary, ...]) -> None:
    """Refuse what is none, and summaries for other queries, or with other settings, than the first."""
    strange = next((one for one in parts if not isinstance(one, Summary)), None)
    if strange is not None:
        raise TypeError(f"expected a Summary, got {type(strange).__name__}")
    for other in parts[1:]:
        for what, mine, its in zip(_Asked._fields, parts[0].asked, other.asked, strict=True):
            if mine != its:
                raise InvalidInput(
                    f"summaries can be merged that have the same {what.replace('_', ' ')}, got {mine} "
                    f"and {its}; summarise all parts for the same queries with the same settings"
                )


def _classes_of(parts: tuple[Summary, ...]) -> NDArray[Any]:
    return classes_of_all(
        [part.classes for part in parts], are_given={part.classes_are_given for part in parts}
    )


def _digest(queries: FloatArray) -> str:
    return hashlib.sha256(repr(queries.shape).encode() + (queries + 0.0).tobytes()).hexdigest()
