"""The entry point of the `knn-cert` command: finds the subcommand and turns every outcome into an exit code.

0: done. 1: done, but a bar of `audit --fail-under` was not cleared. 2: something passed in is wrong, or there
is no room for the work or the answer; stderr says what. 130: Ctrl-C. 141: the reader of stdout left.
A defect of the program itself keeps its traceback. Importing this package imports nothing heavy.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from knn_cert._printing import printable

from . import audit, certify, ensemble, info, text
from .errors import InputError, message_of

_COMMANDS = {"audit": audit, "certify": certify, "ensemble": ensemble, "text": text, "info": info}
_CLOSED = "standard output is closed, so the answer has nowhere to go; open it, or say --quiet and --out FILE"
_WRONG = 2
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_BROKEN_PIPE = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after the name of the program; None takes them from ``sys.argv``.

    Returns
    -------
    int
        The exit code.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = _run(argv)
            if sys.stdout is not None:
                sys.stdout.flush()  # what cannot be written should fail here, not when the interpreter ends
            return code
    except InputError as error:
        _say(f"error: {error}")
        return _WRONG
    except KeyboardInterrupt as stopped:
        _say(f"interrupted{f': {stopped}' if str(stopped) else ''}")
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return _BROKEN_PIPE
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        _say(f"error: not enough memory{reason}; give fewer queries (--limit) or a smaller table")
        return _WRONG
    except OSError as error:
        if error.filename is not None:  # a file, which whoever opened it should have reported
            raise
        _drop_output()
        _say(f"error: cannot write to standard output: {message_of(error)}")
        return _WRONG


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with one subparser a command."""
    from knn_cert._version import __version__

    parser = _Parser(
        prog="knn-cert",
        description="Certify predictions of K-NN classifiers, of other models and of classifiers of texts "
        "against tampering with the training data.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"knn-cert {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", parser_class=_Parser)
    for name, module in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.SUMMARY,
            usage=module.USAGE,
            description=module.DESCRIPTION,
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that reports a mistake as every other bad input is reported: in one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see {self.prog} --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse takes a full disk for success, and stderr where stdout is closed.
        if file is None:
            raise InputError(_CLOSED)
        file.write(message)


def _run(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    try:
        args, rest = parser.parse_known_args(argv)
    except SystemExit as leaving:  # --help and --version have printed and are done
        return int(leaving.code or 0)
    if args.command is None:
        parser.error(f"expected a command, one of {', '.join(_COMMANDS)}")
    # argparse takes positional words from one place only; a TEST behind an option ends up in the rest.
    unknown = [word for word in rest if word.startswith("-") or not hasattr(args, "tables")]
    if unknown:
        raise InputError(f"unknown option {printable(unknown[0])}; see knn-cert {args.command} --help")
    if rest:
        args.tables += rest
    if sys.stdout is None and not getattr(args, "quiet", False):
        raise InputError(_CLOSED)
    code: int = _COMMANDS[args.command].run(args)
    return code


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning in one line, without the place in the program that nobody asked about."""
    _say(f"warning: {printable(message)}")


def _say(text: str) -> None:
    """Write to stderr, if there is one; nothing but the line breaks of our own reaches a terminal."""
    if sys.stderr is None:  # print() would take stdout instead
        return
    lines = "\n".join(map(printable, f"knn-cert: {text}".split("\n")))
    with contextlib.suppress(OSError):  # nobody is left to be told
        print(lines, file=sys.stderr, flush=True)


def _drop_output() -> None:
    """Send what is left in the buffer of stdout nowhere, or Python would complain at exit."""
    with contextlib.suppress(OSError, ValueError):  # no file behind it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
