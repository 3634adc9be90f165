"""HSOL: tweets, with hate speech or offensive language or neither, as many as in the experiments of CROWD."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..tables import holdout_rows
from ._dataset import TextDataset
from ._files import REPLACE, read_text
from ._labelled_texts import OFFENSIVE, check_counts, check_not_empty, number_label, remote_file, unescape

COUNTS = (1430, 19190, 4163)  # hate speech, offensive language, neither

# CROWD, Table 1, has 5,823 + 2,485 + 2,485 rows of HSOL without a word on which. They come from OpenBackdoor,
# whose copy marks hateful and offensive tweets alike as 1 and the others as 0. All 1,430 hateful tweets, all
# 4,163 others and 5,200 offensive ones are 10,793, exactly that many.
N_OFFENSIVE = 5200
N_PART = 2485  # rows of the dev part, and of the test part

_HEADER = ["", "count", "hate_speech", "offensive_language", "neither", "class", "tweet"]
REMOTES = (
    remote_file(
        "HSOL",
        "hsol",
        "labeled_data.csv",
        "t-davidson/hate-speech-and-offensive-language/cb50f7e9eb855a99abc51423bf40df0e26d6fe30/"
        "data/labeled_data.csv",
        "fcb8bc7c68120ae4af04a5b9acd58585513ede11e1548ebf36a5c2040b6f6281",
        2_546_446,
        other_places=("labeled_data.csv", "labeled_data.csv.gz"),
        by_hand="(real tweets with offensive and hateful language)",
    ),
)


def _parse(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Read labeled_data.csv: tweets, and their three classes as the file numbers them."""
    # strict: a quote left open (a file that is cut off) is an error instead of one enormous tweet
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    texts: list[str] = []
    labels: list[int] = []
    try:
        header = next(reader, [])
        if header != _HEADER:
            raise ValueError(
                f"{path}, line 1: expected the header {','.join(_HEADER)}, got "
                f"{','.join(header)[:80]!r}; {REPLACE}"
            )
        for row in reader:
            line = reader.line_num  # the last line of the tweet, which may have several
            if len(row) != len(_HEADER):
                raise ValueError(
                    f"{path}, line {line}: expected {len(_HEADER)} cells, got {len(row)}; {REPLACE}"
                )
            labels.append(number_label(row[5], {"0": 0, "1": 1, "2": 2}, path, line))
            texts.append(check_not_empty(unescape(row[6]), path, line))
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {reader.line_num}: expected quotes in pairs, got: {error}; the file may be cut "
            f"off; {REPLACE}"
        ) from error
    numbers = np.array(labels, dtype=np.int64)
    check_counts(numbers, COUNTS, path)
    return texts, numbers


def load(paths: list[Path], seed: int) -> TextDataset:
    """Return HSOL from its one file, with the offensive tweets and the parts drawn by the seed."""
    texts, kinds = _parse(paths[0])
    offensive = np.random.default_rng(seed).choice(np.flatnonzero(kinds == 1), N_OFFENSIVE, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(kinds != 1), offensive]))
    # Stratified by the three kinds, not the two classes: hateful tweets are few.
    rest, test = holdout_rows(kinds[rows], N_PART, seed)
    train, dev = holdout_rows(kinds[rows[rest]], N_PART, seed)

    def part(numbers: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
        return [texts[row] for row in numbers], (kinds[numbers] != 2).astype(np.int64)

    return TextDataset(
        "hsol",
        *part(rows[rest[train]]),
        *part(rows[rest[dev]]),
        *part(rows[test]),
        class_names={0: "neither", 1: "hate speech or offensive language"},
        description=(
            f"HSOL (hate speech and offensive language): tweets; all {COUNTS[0]} hateful ones, all "
            f"{COUNTS[2]} of the class neither, and {N_OFFENSIVE} drawn from {COUNTS[1]} "
            "offensive ones (as many rows as in CROWD, Table 1, not the same); stratified, shuffled parts. "
            f"HTML entities turned into characters. {OFFENSIVE} T. Davidson, D. Warmsley, M. Macy, I. "
            "Weber, ICWSM 2017, MIT."
        ),
    )
