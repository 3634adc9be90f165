"""The tables or the data set that `knn-cert certify` and `ensemble` work on, and doubts about them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

from knn_cert._printing import listed

from . import table_options
from .errors import InputError, input_errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Data(NamedTuple):
    """A training table, queries, their labels if known, and where the queries come from."""

    title: str
    source: str
    X_train: NDArray[np.floating[Any]]
    y_train: NDArray[Any]
    X_test: NDArray[np.floating[Any]]
    y_test: NDArray[Any] | None
    class_names: dict[int, str]
    row_numbers: NDArray[np.int64] | None = None  # of the queries in their table; None: 0, 1, 2, ...


def read(args: argparse.Namespace) -> Data:
    """Read what the options name; warn of a table that can be used but seems not to be what was meant.

    Raises
    ------
    InputError, ValueError, OSError, ImportError
        If there is nothing to read, or what is there is refused.
    """
    return _read_tables(args) if args.dataset is None else _read_dataset(args)


def classes(text: str | None, y_train: NDArray[Any]) -> list[Any] | None:
    """Return the labels of --classes, of the kind that the table has; None if the table decides.

    Raises
    ------
    InputError
        If the table's labels are numbers, and one of these is none.
    """
    if text is None:
        return None
    labels = [label.strip() for label in text.split(",")]
    if y_train.dtype.kind not in "iuf":
        return labels
    try:
        return [y_train.dtype.type(label) for label in labels]
    except (ValueError, OverflowError):
        raise InputError(
            f"--classes: the labels of the table are numbers, got {listed(labels)}; give numbers of "
            f"type {y_train.dtype} between commas"
        ) from None


def _read_dataset(args: argparse.Namespace) -> Data:
    from knn_cert.datasets import load_dataset

    with input_errors(several_lines=True):  # what to put where, if there is no network
        dataset = load_dataset(
            args.dataset,
            feature_map=args.feature_map,
            test_size=_default_test_size(args),
            random_state=args.seed,
            data_dir=args.data_dir,
            download=not args.no_download,
        )
    return Data(
        title=dataset.name,
        source="test rows of the data set",
        X_train=dataset.X_train,
        y_train=dataset.y_train,
        X_test=dataset.X_test[: args.limit],
        y_test=dataset.y_test[: args.limit],
        class_names=dataset.class_names,
    )


def _read_tables(args: argparse.Namespace) -> Data:
    from knn_cert import tables

    train = tables.read_table(args.tables[0], args.label, **table_options.for_table(args))
    if len(args.tables) == 2:
        X_test, y_test, _ = tables.read_queries(
            args.tables[1],
            train.feature_names,
            train.label_name,
            y_train=train.y,
            coding=train.decided,
            **table_options.for_queries(args),
        )
        tables.warn_of_same_rows(train.X, X_test)
        X_test, y_test = X_test[: args.limit], None if y_test is None else y_test[: args.limit]
        if y_test is not None and not tables.warn_of_unknown_labels(train.y, y_test):
            y_test = None
        return Data(
            title=args.tables[0],
            source=f"rows of {args.tables[1]}",
            X_train=train.X,
            y_train=train.y,
            X_test=X_test,
            y_test=y_test,
            class_names={},
        )
    kept, held_out = tables.holdout_rows(train.y, _default_test_size(args), args.seed)
    held_out = held_out[: args.limit]
    return Data(
        title=args.tables[0],
        source=f"held-out rows, seed {args.seed}",
        X_train=train.X[kept],
        y_train=train.y[kept],
        X_test=train.X[held_out],
        y_test=train.y[held_out],
        class_names={},
        row_numbers=held_out,
    )


def _default_test_size(args: argparse.Namespace) -> float | int:
    return 0.2 if args.test_size is None else args.test_size
