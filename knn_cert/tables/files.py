"""Files that can be tables: which kind each is, by its name, and what to do with the others."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from .._printing import printable, quoted
from ..gate.errors import InvalidInput
from .parquet import parquet_files

TEXT = (".csv", ".tsv", ".txt", ".data")
PARQUET = (".parquet", ".pq")
ARROW = (".feather", ".arrow")
_OTHERS = (".zip", ".xlsx", ".npz", *PARQUET, *ARROW)
_KNOWN = ".csv, .tsv, .txt, .data (also .gz), .zip, .xlsx, .parquet, .feather, .arrow, .npz"
_BY_SUFFIX = {
    ".xls": "save the sheet as .xlsx or CSV (in Excel: Save As, CSV UTF-8)",
    ".xlsb": "save the sheet as .xlsx or CSV (in Excel: Save As, CSV UTF-8)",
    ".xlsm": "save the sheet as .xlsx or CSV (in Excel: Save As, CSV UTF-8)",
    ".ods": "save the sheet as CSV",
    ".arff": "save it as CSV: the names behind @attribute make the header line, what follows @data the rows",
    ".json": "save it as CSV, in pandas with read_json and to_csv",
    ".bz2": "unpack it, or pack it with gzip",
    ".xz": "unpack it, or pack it with gzip",
    ".npy": "save X and y with numpy.savez as .npz",
    ".pkl": "save it as Parquet or CSV; pickles can run code and are never read",
    ".pickle": "save it as Parquet or CSV; pickles can run code and are never read",
}


@contextlib.contextmanager
def errors_name(path: str | os.PathLike[str]) -> Iterator[tuple[Path, str]]:
    """Give a file that can be read, and its kind; name it in whatever is wrong with its content.

    The kind is the suffix that says how to read the file, in lower case and without .gz; that of a folder is
    .parquet.
    """
    file = Path(path).expanduser()
    shown = printable(file)
    is_folder = file.is_dir()
    if is_folder and not parquet_files(file):
        raise IsADirectoryError(
            f"{shown}: expected a file ({_KNOWN}) or a folder of Parquet files, got a folder without any"
        )
    if not file.exists():
        raise FileNotFoundError(f"{shown}: there is no such file; check the path")
    with naming(file):
        if is_folder:
            yield file, PARQUET[0]
            return
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe may never come, a device never end
            raise InvalidInput("expected a file, got a device, a pipe or a socket; save the table as a file")
        open(file, "rb").close()  # a file that may not be read fails here, as an OSError that says so
        yield file, _kind(file)


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name a file in what is wrong with its content."""
    shown = printable(Path(path).expanduser())
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{shown}: {error}") from error.__cause__
    except ImportError as error:
        raise ImportError(f"{shown}: {error}") from error.__cause__


def _kind(file: Path) -> str:
    name = file.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix in TEXT or (suffix in _OTHERS and not name.endswith(".gz")):
        return suffix
    remedy = "unpack it" if suffix in _OTHERS else _BY_SUFFIX.get(suffix, "rename or convert it")
    raise InvalidInput(
        f"expected a file name that ends in one of {_KNOWN}, got {quoted(file.name)}; {remedy}"
    )
