"""Which run of `knn-cert certify` a folder of parts belongs to: options and tables, and what is kept."""

from __future__ import annotations

import argparse
import functools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knn_cert._printing import printable
from knn_cert.progress import ProgressBar

from .errors import InputError, input_errors
from .report_parts import plural

if TYPE_CHECKING:
    from knn_cert.streaming import Head, Journal

# On these no number in the result depends, or what they name is looked at by its content.
_NOT_IN_HEAD = (
    "command",
    "data_dir",
    "memory",
    "no_download",
    "out",
    "quiet",
    "resume",
    "tables",
    "threads",
)
TRAIN, TEST = "training table", "table of queries"


def folder_of(args: argparse.Namespace) -> Path:
    """Return the folder of parts beside the result."""
    return Path(f"{os.path.realpath(args.out)}.parts")


def check_nothing_kept(args: argparse.Namespace) -> None:
    """Refuse a run in memory where parts of one that was stopped are kept for the same result.

    Raises
    ------
    InputError
    """
    if args.out is None or not (folder_of(args) / "run.json").is_file():
        return
    from knn_cert import streaming

    try:
        head = streaming.Head.read(folder_of(args))
    except (ValueError, OSError):
        return  # none of ours
    if head is not None and not head.finished:
        with input_errors():
            streaming.Journal.look(folder_of(args), resume=False)


def look(args: argparse.Namespace) -> Head | None:
    """Return what there is to go on with, None if there is nothing; tables are not looked at.

    Raises
    ------
    InputError, ValueError
        If something is in the way, it belongs to another run, or the run that is meant has ended.
    """
    from knn_cert import streaming

    folder = folder_of(args)
    kept = streaming.Journal.look(folder, resume=args.resume)
    if kept is not None:
        kept.check_is_of({"options": _options(args)}, folder)
    elif args.resume and os.path.exists(args.out) and not folder.exists():
        raise InputError(
            f"--resume: nothing is left to go on with: {printable(args.out)} is written, and there is no "
            f"{printable(folder.name)} beside it; to certify anew, delete the file or leave --resume out"
        )
    return kept


def about(args: argparse.Namespace, data: str | None = None) -> dict[str, Any]:
    """Return what the result depends on; files are read for it. ``data`` is the digest of rows in memory."""
    from knn_cert import streaming

    found: dict[str, Any] = {"options": _options(args)}
    if data is not None:
        found["data"] = data
    if args.dataset is not None:
        return found
    paths = [Path(path).expanduser() for path in args.tables]
    sizes = [streaming.bytes_of_files(path) for path in paths]
    digests: list[str] = []
    with ProgressBar("bytes looked at", enabled=not args.quiet) as bar:
        for path in paths:
            before = sum(sizes[: len(digests)])
            show = functools.partial(_show, bar, before, sum(sizes))
            digests.append(streaming.digest_of_files(path, show))
    return found | {"sha256": dict(zip((TRAIN, TEST), digests, strict=False))}


def _show(bar: ProgressBar, before: int, total: int, done: int) -> None:
    bar(before + done, total)


def states(args: argparse.Namespace) -> list[Any]:
    """Return what tells whether somebody wrote to the tables."""
    from knn_cert import streaming

    return [streaming.state_of_files(Path(path).expanduser()) for path in args.tables]


def check_unchanged(args: argparse.Namespace, before: list[Any], known: dict[str, Any]) -> None:
    """Refuse tables that were written to since their states were asked for.

    Where nothing but the time of change differs, which a backup or other rights change too, they are read
    once more: ``known`` has their digests.

    Raises
    ------
    InputError
    """
    now = states(args)
    if now == before:
        return
    is_perhaps_the_same = all(
        [one._replace(changed_ns=0) for one in was] == [one._replace(changed_ns=0) for one in is_now]
        for was, is_now in zip(before, now, strict=True)
    )
    if is_perhaps_the_same and about(args)["sha256"] == known["sha256"]:
        return
    raise InputError(
        "expected tables that stay as they are while they are read, got one that was written to; "
        f"certificates may be of two tables: delete {printable(folder_of(args))} and start anew"
    )


def interrupted(args: argparse.Namespace, journal: Journal) -> str:
    """Return what is said after Ctrl-C."""
    n, folder = journal.n_queries, folder_of(args)
    if not journal.holds_work:
        return "nothing was certified yet, and nothing is kept"
    what = plural(n, "certificate") if n else "a part of a pass over the training table"
    return f"{what} kept in {folder}; --resume goes on"


def _options(args: argparse.Namespace) -> dict[str, str]:
    """Return the options that numbers depend on, as a user writes them; what is not given is absent."""
    found = {}
    for name, value in vars(args).items():
        if name not in _NOT_IN_HEAD and value is not None and value is not False and value != []:
            found[f"--{name.replace('_', '-')}"] = _as_written(value)
    return found


def _as_written(value: Any) -> str:
    if value is True or value == (None,):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ",".join(map(repr, value))
    return json.dumps(value) if isinstance(value, list) else repr(value)
