"""FixedScaler: features made comparable by constants that no later table moves."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._printing import listed, printable, quoted
from ._reading import read_text
from ._types import BoolArray, FloatArray
from ._writing import whole_or_nothing
from .gate.errors import InvalidInput

__all__ = ["FixedScaler"]

_FORMAT, _VERSION = "knn_cert constants", 1
_FIELDS = ("center", "scale", "log_unit")

# People read constants and compare them: so many digits are enough to make features comparable.
_DIGITS = 2


class FixedScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale features by constants: z = (x - center) / scale, or (log(1 + x / log_unit) - center) / scale.

    The constants are parameters, and `fit` learns none, so that the map is the same whatever table it is
    fitted on. A certificate for what comes behind it therefore also holds for tables that were tampered with
    before they were scaled, as long as the constants do not come from such a table.

    Parameters
    ----------
    center : float or array_like of shape (d,), default=0.0
        What is taken off, after the logarithm where there is one.
    scale : float or array_like of shape (d,), default=1.0
        What is divided by, above 0.
    log_unit : float or array_like of shape (d,), optional
        Features with a number here, above 0, become log(1 + x / unit) first, for counts and amounts; they
        must not be below 0. NaN, or None for all: no logarithm.
    names : sequence of str of length d, optional
        Names of the features; tables with others are refused.
    from_table : bool, default=False
        Whether the constants were worked out from a table, see `propose`. It changes nothing but what reports
        say.

    Attributes
    ----------
    n_features_in_ : int
        d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if X had any.

    Examples
    --------
    >>> from knn_cert import FixedScaler
    >>> FixedScaler(center=[20.0, 0.0], scale=[5.0, 1.0]).fit_transform([[25.0, 3.0]]).tolist()
    [[1.0, 3.0]]
    """

    def __init__(
        self,
        center: ArrayLike = 0.0,
        scale: ArrayLike = 1.0,
        log_unit: ArrayLike | None = None,
        *,
        names: Sequence[str] | None = None,
        from_table: bool = False,
    ) -> None:
        self.center = center
        self.scale = scale
        self.log_unit = log_unit
        self.names = names
        self.from_table = from_table

    @classmethod
    def propose(
        cls,
        X: ArrayLike,
        *,
        names: Sequence[str] | None = None,
        keep: BoolArray | None = None,
        log: BoolArray | None = None,
    ) -> FixedScaler:
        """Return constants that suit a table: mean and standard deviation, rounded to two digits.

        They come from the table, so they are a part of the classifier that is certified: certificates hold
        for every table that is scaled by these same numbers, and what an attacker did to the constants is not
        covered.

        Parameters
        ----------
        X : array_like of shape (n, d)
        names : sequence of str of length d, optional
        keep : ndarray of bool, shape (d,), optional
            Features that stay as they are.
        log : ndarray of bool, shape (d,), optional
            Features of numbers >= 0 that become logarithms, in units of the median of their numbers above 0.
        """
        rows = np.array(X, dtype=np.float64)
        d = rows.shape[1]
        kept = np.zeros(d, dtype=bool) if keep is None else np.asarray(keep, dtype=bool)
        units = np.full(d, np.nan)
        for j in np.flatnonzero(log) if log is not None else ():
            above = rows[rows[:, j] > 0.0, j]
            units[j] = _rounded(float(np.median(above))) if above.size else 1.0
            rows[:, j] = np.log1p(rows[:, j] / units[j])
        center = np.array([_rounded(value) for value in rows.mean(axis=0)])
        scale = np.array([_rounded(value) or 1.0 for value in rows.std(axis=0)])
        return cls(
            np.where(kept, 0.0, center),
            np.where(kept, 1.0, scale),
            units if log is not None and np.any(log) else None,
            names=None if names is None else list(names),
            from_table=True,
        )

    def fit(self, X: ArrayLike, y: Any = None) -> FixedScaler:
        """Check the constants and the form of X; nothing is learned from its values.

        Parameters
        ----------
        X : array_like of shape (n, d)
        y : ignored

        Raises
        ------
        ValueError
            If the constants do not fit the features, or their names are others.
        """
        rows = validate_data(self, X, dtype=np.float64)
        self._constants(rows.shape[1])
        found = getattr(self, "feature_names_in_", None)
        if self.names is not None and found is not None and list(found) != list(self.names):
            raise InvalidInput(
                f"the constants are for the features {listed(self.names, 5)}, got {listed(found, 5)}; give "
                "the columns in that order"
            )
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return the scaled features.

        Parameters
        ----------
        X : array_like of shape (n, d)

        Returns
        -------
        ndarray of float64, shape (n, d)

        Raises
        ------
        ValueError
            If X has the wrong form, or a number below 0 where a logarithm is taken.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False, copy=True)
        center, scale, units = self._constants(rows.shape[1])
        for j in np.flatnonzero(~np.isnan(units)):
            below = np.flatnonzero(rows[:, j] < 0.0)
            if below.size:
                raise InvalidInput(
                    f"feature {self._name(j)} becomes a logarithm, which needs numbers >= 0, got "
                    f"{rows[below[0], j]:g} in row {below[0]}; correct it, or leave the logarithm out"
                )
            rows[:, j] = np.log1p(rows[:, j] / units[j])
        rows -= center
        rows /= scale
        return rows

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the constants as JSON, with the names of the features, which must be known.

        The file is written whole or not at all.

        Raises
        ------
        ValueError
            If the features have no names.
        OSError
            If the file cannot be written.
        """
        names = self.names if self.names is not None else getattr(self, "feature_names_in_", None)
        if names is None:
            raise InvalidInput("constants are saved by the names of their features: give names=[...]")
        center, scale, units = self._constants(len(names))
        columns = {
            str(name): {
                "center": float(center[j]),
                "scale": float(scale[j]),
                "log_unit": None if math.isnan(units[j]) else float(units[j]),
            }
            for j, name in enumerate(names)
        }
        document = {
            "format": _FORMAT,
            "version": _VERSION,
            "from_table": bool(self.from_table),
            "columns": columns,
        }
        with whole_or_nothing(Path(path)) as temporary:
            temporary.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str], names: Sequence[str] | None = None) -> FixedScaler:
        """Read constants that `save` wrote, or that were written by hand in the same form.

        Parameters
        ----------
        path : path-like
        names : sequence of str, optional
            The features that are wanted, in their order; others in the file are left out. None: all, in the
            order of the file.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it holds no constants, or none for one of the names.
        """
        shown = printable(path)
        columns, from_table = _parsed(Path(path), shown)
        wanted = list(columns) if names is None else list(names)
        lacking = [name for name in wanted if name not in columns]
        if lacking:
            raise InvalidInput(
                f"{shown}: expected constants for every feature, got none for {listed(lacking, 5)}; add them, "
                'as "name": {"center": 0, "scale": 1}'
            )
        constants = np.array([columns[name] for name in wanted]).reshape(-1, len(_FIELDS))
        units = constants[:, 2]
        return cls(
            constants[:, 0],
            constants[:, 1],
            None if np.isnan(units).all() else units,
            names=wanted,
            from_table=from_table,
        )

    def _constants(self, d: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return center, scale and units of d features, checked."""
        if self.names is not None and len(self.names) != d:
            raise InvalidInput(f"expected {d} names, one for each feature, got {len(self.names)}")
        center = _as_constants(self.center, "center", d)
        scale = _as_constants(self.scale, "scale", d)
        units = _as_constants(np.nan if self.log_unit is None else self.log_unit, "log_unit", d)
        if not np.isfinite(center).all():
            raise InvalidInput("center must be finite")
        if not (np.isfinite(scale) & (scale > 0.0)).all():
            raise InvalidInput(f"scale must be finite and above 0, got {scale[~(scale > 0.0)][:3].tolist()}")
        given = units[~np.isnan(units)]
        if not (np.isfinite(given) & (given > 0.0)).all():
            raise InvalidInput("log_unit must be finite and above 0, or NaN where no logarithm is wanted")
        return center, scale, units

    def _name(self, j: int) -> str:
        names = self.names if self.names is not None else getattr(self, "feature_names_in_", None)
        return str(j) if names is None else quoted(str(names[j]))


def _as_constants(values: ArrayLike, name: str, d: int) -> FloatArray:
    array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if array.ndim > 1 or (array.ndim == 1 and len(array) != d):
        raise InvalidInput(f"{name} must be a number or {d} numbers, one for each feature, got {array.shape}")
    return np.broadcast_to(array, (d,))


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS - 1}e}")


def _parsed(path: Path, shown: str) -> tuple[dict[str, tuple[float, float, float]], bool]:
    """Return the constants of each name in a file, and whether they come from a table."""
    text = read_text(path, remedy="write it anew")
    form = '{"format": "knn_cert constants", "version": 1, "columns": {"name": {"center": 0, "scale": 1}}}'
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{shown}: expected JSON such as {form}, got none: {error}") from None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise InvalidInput(f"{shown}: expected constants such as {form}, got something else")
    if document.get("version") != _VERSION:
        raise InvalidInput(f"{shown}: expected version {_VERSION}, got {quoted(document.get('version'))}")
    columns = document.get("columns")
    if not isinstance(columns, dict):
        raise InvalidInput(f"{shown}: expected columns by their names, as in {form}")
    return {name: _constants_of(shown, name, one) for name, one in columns.items()}, bool(
        document.get("from_table", False)
    )


def _constants_of(shown: str, name: str, one: Any) -> tuple[float, float, float]:
    if not isinstance(one, dict) or not {"center", "scale"} <= set(one) <= set(_FIELDS):
        raise InvalidInput(
            f'{shown}: expected "center", "scale" and perhaps "log_unit" for {quoted(name)}, got {quoted(one)}'
        )
    numbers = [one["center"], one["scale"], one.get("log_unit")]
    if numbers[2] is None:
        numbers[2] = math.nan
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in numbers):
        raise InvalidInput(f"{shown}: expected numbers for {quoted(name)}, got {quoted(one)}")
    return float(numbers[0]), float(numbers[1]), float(numbers[2])
