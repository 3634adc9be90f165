"""`knn-cert info`: what is installed here, for people and bug reports."""

from __future__ import annotations

import argparse

SUMMARY = "print the version, the backends and the machine"
USAGE = "knn-cert info"
DESCRIPTION = "Print the version, the backends that can be used, and the machine, as seen by knn-cert."
EPILOG = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no options."""


def run(args: argparse.Namespace) -> int:
    """Print `knn_cert.show_config` and return the exit code."""
    from knn_cert import show_config

    show_config()
    return 0
