"""The texts that `knn-cert text` works on: those to train on, those to certify, and doubts about them."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from knn_cert import tables
from knn_cert.tables.labels import as_labels

from .text_table import Texts, read_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TextData(NamedTuple):
    """Training texts, queries, their labels if known, and where the queries come from."""

    title: str
    source: str
    texts: list[str]
    y_train: NDArray[Any]
    queries: list[str]
    y_test: NDArray[Any] | None
    n_tokens: int  # of the training text of median length
    row_numbers: NDArray[np.int64] | None = None  # of the queries in their table; None: 0, 1, 2, ...


def read(args: argparse.Namespace) -> TextData:
    """Read the tables that the options name; warn of one that can be used but is hardly what was meant.

    Raises
    ------
    ValueError, OSError
        If a table is refused.
    """
    how = {"header": not args.no_header, "quotes": not args.no_quotes, "encoding": args.encoding}
    train = read_texts(args.tables[0], args.text, args.label, **how)
    y_train = as_labels(train.labels)
    if len(args.tables) == 2:
        test = read_texts(args.tables[1], args.text, args.label, **how, needs_labels=False)
        return _with_test(args, train, y_train, test)
    test_size = 0.2 if args.test_size is None else args.test_size
    kept, held_out = tables.holdout_rows(y_train, test_size, args.seed)
    held_out = held_out[: args.limit]
    return TextData(
        title=args.tables[0],
        source=f"held-out rows, seed {args.seed}",
        texts=[train.texts[i] for i in kept],
        y_train=y_train[kept],
        queries=[train.texts[i] for i in held_out],
        y_test=y_train[held_out],
        n_tokens=int(np.median(np.array(train.n_tokens)[kept])),
        row_numbers=held_out,
    )


def _with_test(args: argparse.Namespace, train: Texts, y_train: NDArray[Any], test: Texts) -> TextData:
    if set(test.texts) <= set(train.texts):
        warnings.warn(
            "every text of TEST is also one of TRAIN: accuracy and certificates say nothing about other "
            "texts; give texts of their own, or leave TEST out for a hold-out",
            tables.TableWarning,
            stacklevel=2,
        )
    y_test = None if test.labels is None else as_labels(test.labels, y_train)[: args.limit]
    if y_test is not None and not tables.warn_of_unknown_labels(y_train, y_test):
        y_test = None
    return TextData(
        title=args.tables[0],
        source=f"rows of {args.tables[1]}{'' if test.labels is not None else ', without labels'}",
        texts=train.texts,
        y_train=y_train,
        queries=test.texts[: args.limit],
        y_test=y_test,
        n_tokens=int(np.median(train.n_tokens)),
    )
