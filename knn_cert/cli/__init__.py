"""The entry point of the `knn-cert` command: finds the subcommand and turns every outcome into an exit code.

0: done. 2: something passed in is wrong, and stderr says what. 130: Ctrl-C. 141: the reader of stdout left.
A defect of the program itself keeps its traceback. Importing this package imports nothing heavy.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from . import certify, info
from .errors import InputError

_COMMANDS = {"certify": certify, "info": info}
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
            sys.stdout.flush()  # a pipe that broke should break here, not when the interpreter shuts down
            return code
    except InputError as error:
        print(f"knn-cert: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("knn-cert: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # What is left in the buffer goes nowhere, or Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with one subparser a command."""
    from knn_cert import __version__

    parser = _Parser(
        prog="knn-cert",
        description="Certify smoothed K-NN predictions against tampering with the training table.",
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
        raise InputError(f"unknown option {unknown[0]}; see knn-cert {args.command} --help")
    if rest:
        args.tables += rest
    return _COMMANDS[args.command].run(args)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """One line for a warning, without the place in the program that nobody asked about."""
    print(f"knn-cert: warning: {message}", file=sys.stderr)
