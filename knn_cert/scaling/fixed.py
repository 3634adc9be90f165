"""FixedScaler: features made comparable by constants that no later table moves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_array, validate_data

from .._printing import listed, printable
from .._types import FloatArray
from ..gate.arrays import reject_missing_values, reject_text_columns
from ..gate.errors import InvalidInput
from .constants import Constants, constants_for, n_features_of
from .files import read_constants, write_constants
from .proposal import chosen_columns, proposed

if TYPE_CHECKING:
    from .constants import Numbers

__all__ = ["FixedScaler"]

_Self = TypeVar("_Self", bound="FixedScaler")


class FixedScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    """Scale features by constants: x becomes (x - center) / scale, or the same of a logarithm of x.

    Constants are parameters and `fit` learns none: fitted on any other table this is the same map. So whoever
    tampers with a table does not move it, and a certificate for the K-NN classifier behind it is one for both
    together. That is true of constants that are known beforehand: the range of a sensor, a year's mean, an
    older table. Constants that were taken from the table are part of the classifier that is certified; see
    `from_table`.

    Parameters
    ----------
    center : float, array_like of shape (d,), or dict, default=0.0
        What is taken off, after the logarithm where there is one. A dict has numbers of some columns, by name
        or position; others have 0. Distances between rows do not depend on it.
    scale : float > 0, array_like of shape (d,), or dict, default=1.0
        What is divided by; 1 for columns that a dict leaves out.
    log : dict, or array_like of shape (d,), optional
        Units of the columns that become sign(x) log(1 + abs(x) / unit) first, as suits counts and amounts:
        steps far below the unit stay steps, those far above it become ratios. It is defined for every number
        and increasing. A dict has some columns by name or position; in an array NaN stands for no logarithm.
    names : sequence of str of length d, optional
        Names of the columns; tables whose columns have other names, or another order, are refused.
    source : str, optional
        Which data the constants were taken from, in words; None: from none that matters. It changes no
        number: guarantees name it.

    Attributes
    ----------
    n_features_in_ : int
        d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if X had any.

    Examples
    --------
    >>> from knn_cert import FixedScaler
    >>> scaler = FixedScaler(center=[20.0, 0.0], scale=[5.0, 1.0], log={1: 10.0})
    >>> scaler.fit_transform([[25.0, 0.0], [15.0, 10.0]]).round(3).tolist()
    [[1.0, 0.0], [-1.0, 0.693]]
    """

    n_features_in_: int

    def __init__(
        self,
        center: Numbers = 0.0,
        scale: Numbers = 1.0,
        log: Numbers | None = None,
        *,
        names: Sequence[str] | None = None,
        source: str | None = None,
    ) -> None:
        self.center = center
        self.scale = scale
        self.log = log
        self.names = names
        self.source = source

    @classmethod
    def from_table(
        cls: type[_Self],
        X: ArrayLike,
        *,
        names: Sequence[str] | None = None,
        keep: Sequence[Any] | None = None,
        log: Sequence[Any] | None = None,
        source: str | None = None,
    ) -> _Self:
        """Propose constants from a table: mean and standard deviation of each column, to two digits.

        These constants come from that table, so they are part of the classifier that is certified: a
        certificate holds for every table that is scaled by these same numbers. What an attacker who reached
        the table did to the constants is **not covered**, and ``source`` and guarantees say so. Read them,
        replace what you know better, `save` them, and use them for the tables to come.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Without missing values.
        names : sequence of str of length d, optional
            Names of the columns; those of a data frame if left out.
        keep : sequence of names or positions, or mask of shape (d,), optional
            Columns that stay as they are, such as 0 and 1.
        log : sequence of names or positions, or mask of shape (d,), optional
            Columns that become logarithms first. Units are medians of the sizes that are not 0.
        source : str, optional
            Which table this is, in words; "a table of n rows" if left out.

        Raises
        ------
        ValueError
            If X is empty or has missing values or such as are too large, or there is no such column.
        """
        reject_text_columns(X)
        shell = cls(names=names)
        rows, _ = shell._checked(X, reset=True)
        if sp.issparse(rows):
            raise TypeError("X must be a dense table, got a sparse matrix; pass X.toarray()")
        n, d = rows.shape
        known = shell._column_names()
        constants = proposed(
            rows, chosen_columns(keep, d, known, "keep"), chosen_columns(log, d, known, "log")
        )
        constants_for(d, known, center=constants.center, scale=constants.scale, log=constants.unit)
        return cls(
            constants.center,
            constants.scale,
            None if np.isnan(constants.unit).all() else constants.unit,
            names=None if known is None else list(known),
            source=f"a table of {n} row{'' if n == 1 else 's'}" if source is None else source,
        )

    def fit(self: _Self, X: ArrayLike, y: Any = None) -> _Self:
        """Check that constants and X fit together; nothing is learned.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n, d)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If constants are no numbers.
        ValueError
            If they do not fit the columns of X, or X has missing values, infinity or text.
        """
        self._checked(X, reset=True)
        return self

    def transform(self, X: ArrayLike) -> Any:
        """Return the scaled features; it need not be fitted before, as there is nothing to learn.

        Parameters
        ----------
        X : {array_like, CSR matrix} of shape (n, d)
            A sparse matrix only with center 0, where zeros stay zeros.

        Returns
        -------
        {ndarray, CSR matrix} of float64, shape (n, d)

        Raises
        ------
        ValueError
            As `fit`; or if numbers become larger than double precision holds.
        """
        rows, constants = self._checked(X, reset=False)
        if not sp.issparse(rows):
            return _scaled(rows, constants)
        rows = rows.copy()
        of_entries = Constants(*(one[rows.indices] for one in constants))
        rows.data = _scaled(rows.data, of_entries)
        return rows

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the constants as JSON, by the names of their columns; whole or not at all.

        ``{"format": "knn_cert constants", "version": 1, "columns": {NAME: {"center": 20.0, "scale": 5.0,
        "log": null}}}``, where "log" is the unit or null; and "source", if it has one. Columns without names
        are x0, x1, ...

        Raises
        ------
        ValueError
            If it is not known how many columns there are, or two have one name.
        OSError
            If the file cannot be written.
        """
        names = self._column_names()
        d = getattr(self, "n_features_in_", None) if names is None else len(names)
        d = n_features_of(self.center, self.scale, self.log) if d is None else d
        if d is None:
            raise InvalidInput(
                "it is not known how many columns these constants are for: give names=[...], or fit it to a "
                "table first"
            )
        written = [f"x{j}" for j in range(d)] if names is None else [str(name) for name in names]
        write_constants(path, written, self._constants(d, names), self.source)

    @classmethod
    def load(cls: type[_Self], path: str | os.PathLike[str], *, names: Sequence[str] | None = None) -> _Self:
        """Read constants that `save` wrote, or a person in the same form.

        Parameters
        ----------
        path : path-like
        names : sequence of str, optional
            The columns of your table, in their order: the file must have constants for all of them, and for
            no others. None: the columns of the file, in its order.

        Raises
        ------
        ValueError
            If it is no such file, or has other columns.
        OSError
            If it cannot be read.
        """
        found, constants, source = read_constants(path)
        wanted = found if names is None else list(names)
        missing = [name for name in wanted if name not in found]
        extra = [name for name in found if name not in wanted]
        if missing or extra or len(wanted) != len(found):
            said = [f"none for {listed(missing, 5)}"] * bool(missing) + [
                f"some for {listed(extra, 5)}, which the table does not have"
            ] * bool(extra)
            raise InvalidInput(
                f"{printable(path)}: expected constants for the {len(wanted)} columns of the table, got "
                f"{' and '.join(said) or 'a column twice'}; repair the file or the table"
            )
        order = [found.index(name) for name in wanted]
        center, scale, unit = (one[order] for one in constants)
        try:
            constants_for(len(wanted), wanted, center=center, scale=scale, log=unit)
        except InvalidInput as error:
            raise InvalidInput(f"{printable(path)}: {error}") from None
        log = None if np.isnan(unit).all() else unit
        return cls(center, scale, log, names=wanted, source=source)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        # of others it is not known before their columns are
        tags.input_tags.sparse = isinstance(self.center, (int, float)) and self.center == 0.0
        return tags

    def _checked(self, X: Any, *, reset: bool) -> tuple[Any, Constants]:
        """Return rows as float64, dense or CSR, and the constants of their columns."""
        reject_text_columns(X)
        form: dict[str, Any] = {
            "accept_sparse": "csr",
            "dtype": np.float64,
            "ensure_all_finite": "allow-nan",
        }
        if reset or hasattr(self, "n_features_in_"):
            rows = validate_data(self, X, reset=reset, **form)
            found = getattr(self, "feature_names_in_", None)
        else:  # it learns nothing, so that it may be asked before
            rows, found = check_array(X, estimator=self, **form), _names_of(X)
        reject_missing_values(rows, found, "rows")
        if self.names is not None and found is not None and list(found) != list(self.names):
            order = "in this order" if sorted(found) == sorted(self.names) else "and no others"
            raise InvalidInput(
                f"these constants are for the columns {listed(self.names, 8)}, got {listed(found, 8)}; give "
                f"those columns, {order}"
            )
        constants = self._constants(rows.shape[1], found)
        if sp.issparse(rows) and constants.center.any():
            raise InvalidInput(
                "X is sparse, and with a center other than 0 it would become dense; distances do not depend "
                "on center: leave it out, or pass X.toarray()"
            )
        return rows, constants

    def _column_names(self) -> Sequence[str] | None:
        return self.names if self.names is not None else getattr(self, "feature_names_in_", None)

    def _constants(self, n_features: int, found: Sequence[str] | None) -> Constants:
        """Return the checked constants of so many columns, which have these names if this has none."""
        if isinstance(self.names, str):
            raise TypeError(f'names must be names of columns, such as ["age", "pay"], got {self.names!r}')
        if self.names is not None and len(self.names) != n_features:
            raise InvalidInput(
                f"these constants are for {len(self.names)} columns, {listed(self.names, 5)}, got "
                f"{n_features}"
            )
        names = found if self.names is None else self.names
        return constants_for(n_features, names, center=self.center, scale=self.scale, log=self.log)


def _names_of(X: Any) -> list[str] | None:
    """Return the names of the columns of a data frame, if they are names."""
    names = list(getattr(X, "columns", ()))
    return names if names and all(isinstance(name, str) for name in names) else None


def _scaled(values: FloatArray, constants: Constants) -> FloatArray:
    """Return the map of the class, entry by entry."""
    center, scale, unit = constants
    scaled = np.array(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        logs = ~np.isnan(unit)
        if logs.any():
            raw = scaled[..., logs]
            scaled[..., logs] = np.sign(raw) * np.log1p(np.abs(raw) / unit[logs])
        scaled -= center
        scaled /= scale
    if not np.isfinite(scaled).all():
        raise InvalidInput("scaled features are larger than double precision holds; give larger scales")
    return scaled
