"""OLID (OffensEval 2019), level A: tweets, offensive or not, with the official test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..tables import holdout_rows
from ._dataset import TextDataset
from ._files import REPLACE, RemoteFile, read_text
from ._labelled_texts import (
    OFFENSIVE,
    cells_of,
    check_counts,
    check_not_empty,
    lines_of,
    number_label,
    remote_file,
    unescape,
)

COUNTS = {"train": (8840, 4400), "test": (620, 240)}  # NOT, OFF
DEV_SHARE = 0.1  # of the training file

_SOURCE = (
    "wenliangdai/multi-task-offensive-language-detection/6c2071a677e7380c026b2bd59338370f9807e1da/OLIDv1.0/"
)


def _remote(name: str, sha256: str, n_bytes: int) -> RemoteFile:
    return remote_file(
        "OLID",
        "olid",
        name,
        _SOURCE + name,
        sha256,
        n_bytes,
        other_places=(name, f"{name}.gz"),
        by_hand="(real tweets with offensive and hateful language)",
    )


REMOTES = (
    _remote(
        "olid-training-v1.0.tsv",
        "d976bd6faf7800571d06aa4fda00c11c1d39e6fd139747067f683d0c6e76d31f",
        1_975_156,
    ),
    _remote(
        "testset-levela.tsv", "5fff16b4fc474b859540200ef7befd42883fc42810e0a18d3bd621ba90b9cb9e", 134_373
    ),
    _remote("labels-levela.csv", "f301af1a52210727e6601958e7b9795a0b22d81f51f9ad8e1870c503c684fc31", 9_470),
)
_LABELS = {"NOT": 0, "OFF": 1}


def _parse_training(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Read the training tweets and their labels of level A."""
    rows = cells_of(lines_of(read_text(path)), "id\ttweet\tsubtask_a\tsubtask_b\tsubtask_c", path)
    texts = [check_not_empty(unescape(row[1]), path, line) for line, row in enumerate(rows, start=2)]
    labels = [number_label(row[2], _LABELS, path, line) for line, row in enumerate(rows, start=2)]
    numbers = np.array(labels, dtype=np.int64)
    check_counts(numbers, COUNTS["train"], path)
    return texts, numbers


def _parse_test(tweets: Path, labels: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Read the test tweets of level A, and their labels from the other file."""
    rows = cells_of(lines_of(read_text(tweets)), "id\ttweet", tweets)
    answers = cells_of(lines_of(read_text(labels)), "id,label", labels, ",")
    texts = [check_not_empty(unescape(row[1]), tweets, line) for line, row in enumerate(rows, start=2)]
    numbers = np.array(
        [number_label(row[1], _LABELS, labels, line) for line, row in enumerate(answers, start=2)],
        dtype=np.int64,
    )
    check_counts(numbers, COUNTS["test"], labels)
    if len(rows) != len(answers):
        raise ValueError(
            f"{tweets}: expected {len(answers)} tweets, one for each line of {labels.name}, got {len(rows)}; "
            f"{REPLACE}"
        )
    for line, (row, answer) in enumerate(zip(rows, answers, strict=True), start=2):
        if row[0] != answer[0]:
            raise ValueError(
                f"{tweets}, line {line}: expected the id {answer[0]!r} as in {labels.name}, got {row[0]!r}; "
                f"{REPLACE}"
            )
    return texts, numbers


def load(paths: list[Path], seed: int) -> TextDataset:
    """Return OLID from its three files, with the dev part drawn by the seed."""
    texts, labels = _parse_training(paths[0])
    train, dev = holdout_rows(labels, DEV_SHARE, seed)
    return TextDataset(
        "offenseval",
        [texts[row] for row in train],
        labels[train],
        [texts[row] for row in dev],
        labels[dev],
        *_parse_test(paths[1], paths[2]),
        class_names={0: "not offensive", 1: "offensive"},
        description=(
            "OLID 1.0 (OffensEval 2019), level A: tweets, offensive or not; dev part: a stratified tenth of "
            "the training file; official test set. HTML entities turned into characters; user names and "
            f"addresses are @USER and URL, as in the source. {OFFENSIVE} M. Zampieri et al., NAACL 2019, "
            "who ask to be cited and state no licence; the source repository, wenliangdai/"
            "multi-task-offensive-language-detection, is CC BY 4.0."
        ),
    )
