"""Which steps of a pipeline are the same map whatever the table, and which learn from it.

A certificate is about tables that were tampered with before the first step. If every step makes of a row what
it makes of that row alone, by rules that stay when the pipeline is fitted anew, then tampering with so many
rows of the table is tampering with so many rows behind the steps, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from .._printing import listed, one_line, quoted
from ..gate.errors import InvalidInput
from ..scaling import FixedScaler

__all__ = ["FixedSteps", "checked_steps", "trusted_names"]

# Characters of the source of constants that a guarantee repeats.
_SOURCE_SHOWN = 80


class FixedSteps(NamedTuple):
    """The steps before a classifier, which were found or said to be fixed; each is its name and its kind."""

    all: list[str]
    # taken as they are: their numbers came from some data
    from_data: list[str]
    # by functions of the user, which are not looked into
    by_functions: list[str]


class _Learns(Exception):
    """A step learns from the training table: why, and what to do."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why, self.remedy = why, remedy


def checked_steps(steps: Sequence[tuple[str, Any]], trusted: bool | str | Sequence[str]) -> FixedSteps:
    """Return the steps before the classifier of a fitted pipeline if each is fixed, or trusted to be.

    Parameters
    ----------
    steps : sequence of (name, step)
    trusted : bool, or name or names of steps
        True trusts them all. A step within a step is named as in ``set_params``: "columns__scale".

    Raises
    ------
    TypeError
        If trusted is none of this.
    InvalidInput
        If a step learns from the table and is not trusted, or a trusted name is not that of a step.
    """
    names = trusted_names(trusted)
    leaves = list(_leaves(steps, ()))
    known = {name for own, _, above in leaves for name in (own, *above)}
    if not names <= known:
        raise InvalidInput(
            f"trusted_steps must be names of steps of this pipeline, {listed(sorted(known), 8) or 'none'}, "
            f"got {listed(sorted(names - known), 8)}"
        )
    found = FixedSteps([], [], [])
    for name, step, above in leaves:
        shown = f"{name} ({type(step).__name__})"
        found.all.append(shown)
        kind = _kind_of(name, step, trusted=trusted is True or not names.isdisjoint((name, *above)))
        if kind in ("from data", "by a frozen function"):
            found.from_data.append(shown + _source(step))
        if kind in ("by a function", "by a frozen function"):
            found.by_functions.append(shown)
    return found


def trusted_names(trusted: bool | str | Sequence[str]) -> set[str]:
    """Return the names of trusted steps, none for True and False, or raise TypeError."""
    if isinstance(trusted, bool):
        return set()
    names = [trusted] if isinstance(trusted, str) else trusted
    if not isinstance(names, (list, tuple, set, frozenset)) or not all(isinstance(n, str) for n in names):
        raise TypeError(
            f'trusted_steps must be names of steps, such as ["scale"], or True for all, got {trusted!r}'
        )
    return set(names)


def _leaves(
    steps: Sequence[tuple[str, Any]], above: tuple[str, ...]
) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Yield every step that is not made of steps, with its name and the names of what it is within."""
    prefix = f"{above[-1]}__" if above else ""
    for short, step in steps:
        name = f"{prefix}{short}"
        if step is None or isinstance(step, str):  # passed through, or dropped
            continue
        within = (*above, name)
        if type(step) is Pipeline:
            yield from _leaves(step.steps, within)
        elif type(step) is FeatureUnion:
            yield from _leaves(step.transformer_list, within)
        elif type(step) is FrozenEstimator and type(step.estimator) is FrozenEstimator:
            yield from _leaves([("frozen", step.estimator)], within)
        elif type(step) is ColumnTransformer and not _selects_by_the_table(step):
            fitted = getattr(step, "transformers_", step.transformers)
            yield from _leaves([(inner, one) for inner, one, _ in fitted], within)
        else:
            yield name, step, above


def _selects_by_the_table(step: Any) -> bool:
    return any(callable(columns) for _, _, columns in step.transformers)


def _kind_of(name: str, step: Any, *, trusted: bool) -> str:
    """Return "fixed", "from data", "by a function" or "by a frozen function", or raise InvalidInput.

    The type is asked for exactly: a subclass may learn whatever it likes.
    """
    try:
        return _RULES.get(type(step), _by_unknown)(step)
    except _Learns as problem:
        # Behind it training rows are not what it makes of queries: no constants of it would do.
        never = type(step) is TargetEncoder
        if trusted and not never:
            return "from data"
        trust = f"; or, if no attacker reached what it was fitted on, say so: trusted_steps=[{name!r}]"
        raise InvalidInput(
            f"step {quoted(name)} ({type(step).__name__}) cannot stand before a certified classifier: "
            f"{problem.why}, so that one tampered row can move every other; {problem.remedy}"
            f"{'' if never else trust}"
        ) from None


def _fixed(step: Any) -> str:
    return "fixed"


def _fixed_scaler(step: Any) -> str:
    return "fixed" if step.source is None else "from data"


def _frozen(step: Any) -> str:
    # What it has learned stays, but a function within may look at all rows that it is given.
    within = (one for _, one, _ in _leaves([("step", step.estimator)], ()))
    functions = (FunctionTransformer, HashingVectorizer)
    by_functions = any(type(one) in functions and _RULES[type(one)](one) != "fixed" for one in within)
    return "by a frozen function" if by_functions else "from data"


def _function(step: Any) -> str:
    # A ufunc of NumPy's own is a function of each number, unless its signature says of which axes; those that
    # users make are functions like any other.
    is_numpys = isinstance(step.func, np.ufunc) and getattr(np, step.func.__name__, None) is step.func
    by_numbers = is_numpys and step.func.signature is None and not step.kw_args
    return "fixed" if step.func is None or by_numbers else "by a function"


def _hashing_vectorizer(step: Any) -> str:
    given = (step.preprocessor, step.tokenizer, step.analyzer)
    return "by a function" if any(callable(one) for one in given) else "fixed"


def _encoder(step: Any) -> str:
    if isinstance(step.categories, str):
        raise _Learns(
            f'it learns its categories from the training table (categories="{step.categories}")',
            "give them: categories=[[...], ...], a list for each column, and handle_unknown if there may be "
            "others",
        )
    if step.min_frequency is not None or step.max_categories is not None:
        raise _Learns(
            "it learns from the training table which categories are rare",
            "leave out min_frequency and max_categories, and give the categories that count",
        )
    return "fixed"


def _imputer(step: Any) -> str:
    if step.strategy != "constant":
        raise _Learns(
            f"it learns what it fills in from the training table (strategy={step.strategy!r})",
            'give the number: strategy="constant", fill_value=..., keep_empty_features=True',
        )
    if step.fill_value is None or not step.keep_empty_features or step.add_indicator:
        raise _Learns(
            "it learns from the training table which columns have values, or of which kind they are",
            "give fill_value and keep_empty_features=True, and leave out add_indicator",
        )
    return "fixed"


def _scaler(step: Any) -> str:
    raise _Learns(
        "it learns its constants from the training table",
        "put FixedScaler(center, scale) with constants that do not come from this table in its place "
        "(FixedScaler.from_table proposes some)",
    )


def _by_others(step: Any) -> str:
    raise _Learns(
        "it encodes each training row by the labels of the others", "use OneHotEncoder in its place"
    )


def _by_unknown(step: Any) -> str:
    raise _Learns(
        "it may learn from the training table",
        "put a step with given parameters in its place, such as FixedScaler, or FrozenEstimator(...) of one "
        "that was fitted on data out of the attacker's reach",
    )


def _by_selection(step: Any) -> str:
    raise _Learns("it selects columns by what the table holds", "give the names of the columns")


_RULES: dict[type, Callable[[Any], str]] = {
    Binarizer: _fixed,
    ColumnTransformer: _by_selection,  # others are taken apart before
    FeatureHasher: _fixed,
    FixedScaler: _fixed_scaler,
    FrozenEstimator: _frozen,
    FunctionTransformer: _function,
    HashingVectorizer: _hashing_vectorizer,
    MaxAbsScaler: _scaler,
    MinMaxScaler: _scaler,
    Normalizer: _fixed,
    OneHotEncoder: _encoder,
    OrdinalEncoder: _encoder,
    PolynomialFeatures: _fixed,
    RobustScaler: _scaler,
    SimpleImputer: _imputer,
    StandardScaler: _scaler,
    TargetEncoder: _by_others,
}


def _source(step: Any) -> str:
    """Return where the numbers of a step are said to be from; a file of constants may say anything."""
    known = isinstance(step, FixedScaler) and step.source is not None
    return f", from {one_line(step.source, _SOURCE_SHOWN)}" if known else ""
