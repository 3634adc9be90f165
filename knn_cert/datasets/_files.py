"""Find a data file (the user's folder, the cache, then a download) and let it in by its sha256 only."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import http.client
import os
import sys
import urllib.request
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import _reading
from .._writing import whole_or_nothing

# Seconds in which a server has to send something; a slow download that goes on is not given up.
_TIMEOUT_S = 30.0

REPLACE = "delete the file and load again to download it, or put a good copy there"


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded, and what it has to be.

    Attributes
    ----------
    title : str
        How messages call it.
    url : str
    store_as : str
        Path below the cache, with forward slashes. It is also the place below ``$KNN_CERT_DATA``.
    sha256 : str
        Of the stored file (after ``extract``).
    max_bytes : int
        A longer download is given up: whatever it is, it is not this file.
    candidates : tuple of str
        Paths below a data folder at which the content may lie, best first.
    extract : callable(bytes) -> bytes, optional
        Takes the wanted content out of the downloaded bytes; raises ValueError where that is impossible.
    by_hand : str
        One sentence for users without a network, added to the instructions.
    sha256_unpacked : str
        Of the content of a stored gzip file, for copies that are unpacked or were packed anew.
    without_sha256 : tuple of str
        Names of files among the candidates for which nobody has published a checksum: they are read with a
        warning.
    """

    title: str
    url: str
    store_as: str
    sha256: str
    max_bytes: int
    candidates: tuple[str, ...]
    extract: Callable[[bytes], bytes] | None = None
    by_hand: str = ""
    sha256_unpacked: str = ""
    without_sha256: tuple[str, ...] = ()


def cache_dir() -> Path:
    """Return the cache folder: ``$KNN_CERT_CACHE``, else ``knn_cert`` in the platform's cache folder.

    Raises
    ------
    OSError
        If there is no home folder to put it in.
    """
    chosen = os.environ.get("KNN_CERT_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):  # the XDG specification tells readers to ignore a relative path
        return Path(xdg) / "knn_cert"
    local = os.environ.get("LOCALAPPDATA", "")
    if sys.platform == "win32" and local:
        return Path(local) / "knn_cert" / "cache"
    try:
        home = Path.home()
    except RuntimeError as error:
        raise OSError(
            "the cache folder cannot be chosen: there is no home folder; set KNN_CERT_CACHE to a folder you "
            "can write"
        ) from error
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "knn_cert"
    return home / ".cache" / "knn_cert"


def data_folder(data_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return the user's data folder: ``data_dir``, else ``$KNN_CERT_DATA``, else None.

    Raises
    ------
    NotADirectoryError
        If it is given but is not a folder: falling through to a download would hide the mistake.
    """
    origin, value = "data_dir", data_dir
    if data_dir is None:
        origin, value = "the environment variable KNN_CERT_DATA", os.environ.get("KNN_CERT_DATA") or None
    if value is None:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise NotADirectoryError(
            f"{origin} must name an existing folder, got {os.fspath(value)!r}; correct it or leave it out"
        )
    return folder


def find(candidates: Iterable[str], data_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return the first existing candidate in the user's data folder, else in the cache; None without one."""
    wanted = list(candidates)
    for folder in (data_folder(data_dir), cache_dir()):
        if folder is None:
            continue
        for candidate in wanted:
            if (folder / candidate).exists():
                return folder / candidate
    return None


def obtain(
    remotes: Sequence[RemoteFile], *, data_dir: str | os.PathLike[str] | None = None, download: bool = True
) -> list[Path]:
    """Return one local path for each remote file, downloading into the cache those that are nowhere.

    A file that is found is hashed like one that is downloaded, every time: it may have been cut off, or
    exchanged, since it was put there.

    Raises
    ------
    FileNotFoundError
        If a file is missing and ``download`` is False.
    ConnectionError
        If a download fails. Both messages say which files to put where, with URL and sha256.
    ValueError
        If what was found or came is not the pinned file. Nothing is stored then.
    OSError
        If the cache cannot be written.
    """
    paths = [find(remote.candidates, data_dir) for remote in remotes]
    for remote, path in zip(remotes, paths, strict=True):
        if path is not None:
            check_content(remote, path)
    for i, remote in enumerate(remotes):
        if paths[i] is not None:
            continue
        missing = [r for r, p in zip(remotes, paths, strict=True) if p is None]
        if not download:
            raise FileNotFoundError(
                f"{remote.title} was not found and downloading is switched off.\n" + _instructions(missing)
            )
        try:
            paths[i] = fetch(remote)
        except ConnectionError as error:
            raise ConnectionError(
                f"{remote.title} was not found and could not be downloaded: {error}.\n"
                + _instructions(missing)
            ) from error
    return [path for path in paths if path is not None]


def check_content(remote: RemoteFile, path: Path) -> None:
    """Raise ValueError unless a file that was found has the pinned content, in a form that is read.

    These are: as it is stored; gzipped; unpacked; with line ends CRLF or a byte order mark; as its source
    offers it, where ``extract`` makes the stored content of that.
    """
    if not path.is_file():
        raise ValueError(f"{path}: expected a file, got a folder or a device; {REPLACE}")
    if path.name in remote.without_sha256:
        warn_of_no_checksum(path)
        return
    got = _reading.sha256_of(path)
    if got == remote.sha256:
        return
    pinned = {remote.sha256, remote.sha256_unpacked}
    if not any(hashlib.sha256(content).hexdigest() in pinned for content in _other_forms(remote, path)):
        raise ValueError(
            f"{path}: expected {remote.title} with the sha256 {remote.sha256}, got {got}: this is not the "
            f"published file; {REPLACE}. A table of your own is read with read_table, on the command line by "
            "its name in place of --dataset"
        )


def warn_of_no_checksum(path: Path) -> None:
    """Warn of a file for which no checksum has been published."""
    warnings.warn(
        f"{path}: no checksum is known for this file, only its layout and its counts are checked; the "
        "archive that its authors publish is checked whole",
        stacklevel=2,
    )


def _other_forms(remote: RemoteFile, path: Path) -> Iterator[bytes]:
    """Yield what the content of a file may be meant as; nothing where it is too large to be the file."""
    if path.stat().st_size > _reading.LARGEST_CONTENT:
        return
    content = read_bytes(path)
    for form in (content, content.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n")):
        yield form
        if remote.extract is not None:
            with contextlib.suppress(ValueError):
                yield remote.extract(form)


def fetch(remote: RemoteFile) -> Path:
    """Download one file into the cache and return its path.

    It appears there only when its sha256 is the pinned one. An interrupted or wrong download leaves nothing
    behind.
    """
    target = cache_dir() / remote.store_as
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_or_nothing(target) as part:
            if sys.stderr is not None and sys.stderr.isatty():
                print(f"downloading {remote.url} to {target}", file=sys.stderr)
            with open(part, "wb") as sink:
                for chunk in _stream(remote):
                    sink.write(chunk)
            if remote.extract is not None:
                part.write_bytes(remote.extract(part.read_bytes()))
            _check_download(remote, _reading.sha256_of(part))
    except _Unreachable as error:
        raise ConnectionError(str(error)) from error
    except OSError as error:
        raise OSError(
            f"{remote.title} could not be stored at {target}: {error}; set KNN_CERT_CACHE to a folder you "
            "can write"
        ) from error
    return target


def _check_download(remote: RemoteFile, got: str) -> None:
    if got != remote.sha256:
        raise ValueError(
            f"{remote.title}: the download from {remote.url} is not the expected file: expected sha256 "
            f"{remote.sha256}, got {got}; nothing was stored. The server or a proxy sent something else: "
            f"try again, or fetch it by hand.\n{_instructions([remote])}"
        )


class _Unreachable(Exception):
    """A failure of the network; no OSError, so that nobody takes it for one of the disk."""


def _stream(remote: RemoteFile) -> Iterable[bytes]:
    """Yield the bytes of ``remote.url``; every failure of the network is an `_Unreachable`."""
    request = urllib.request.Request(remote.url, headers={"User-Agent": "knn-cert"})
    received = 0
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            while chunk := response.read(_reading.CHUNK):
                received += len(chunk)
                if received > remote.max_bytes:
                    break
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise _Unreachable(f"{remote.url}: {error or type(error).__name__}") from error
    if received > remote.max_bytes:
        raise ValueError(
            f"{remote.title}: the download from {remote.url} is not the expected file: expected at most "
            f"{remote.max_bytes} bytes, got more; nothing was stored.\n{_instructions([remote])}"
        )


def read_bytes(path: Path) -> bytes:
    """Return the content of a file, unpacked if it is gzip; see `knn_cert._reading.read_bytes`."""
    return _reading.read_bytes(path, remedy=REPLACE)


def read_text(path: Path, *, remedy: str = REPLACE) -> str:
    """Return the text of a UTF-8 file, unpacked if it is gzip; see `knn_cert._reading.read_text`."""
    return _reading.read_text(path, remedy=remedy)


def _instructions(remotes: Sequence[RemoteFile]) -> str:
    """Say how to bring files in by hand: from where, to where, and how to check them."""
    folder = os.environ.get("KNN_CERT_DATA")
    lines = ["Without a network, fetch on another machine and put in place:"]
    for remote in remotes:
        lines.append(f"  from    {remote.url}")
        lines.append(f"  to      {cache_dir() / remote.store_as}")
        lines.append(f"  sha256  {remote.sha256}")
        if remote.by_hand:
            lines.append(f"          {remote.by_hand}")
    names = ", ".join(remote.store_as for remote in remotes)
    current = f"now {folder!r}" if folder else "now not set"
    lines.append(
        f"or as {names} in the folder that the environment variable KNN_CERT_DATA names ({current})."
    )
    return "\n".join(lines)
