"""What a training table that is read in parts can be asked, in the words of options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .certify_options import ROW_THREATS
from .errors import InputError

if TYPE_CHECKING:
    from knn_cert.threats import Threat


def check_options(args: argparse.Namespace, n_rows: int, n_features: int) -> None:
    """Refuse options with which a table that does not fit cannot be read in parts.

    Raises
    ------
    InputError
    """
    drawn = "rows to hold out are drawn from the whole table"
    reasons = {
        f"without TEST: {drawn}": (len(args.tables) < 2, "give TEST in a file of its own"),
        "with --encode": (args.encode, "write numbers in its columns and leave --encode out"),
        "with --vote-radius": (args.vote_radius is not None, "take --k"),
        "with --levels": (args.levels is not None, "leave --levels out"),
        f"with --backend {args.backend}": (args.backend not in ("auto", "native"), "leave --backend out"),
    }
    for reason, (is_so, remedy) in reasons.items():
        if is_so:
            raise InputError(
                f"the training table ({n_rows} rows, {n_features} features) does not fit into --memory, and "
                f"it cannot be read in parts {reason}; {remedy}, or allow {_memory(n_rows, n_features)}"
            )
    if args.k is not None and args.k < 1:
        raise InputError(f"--k: expected a whole number >= 1, got {args.k}")


def check_threat(
    args: argparse.Namespace, threat: Threat, n_rows: int, n_features: int, n_classes: int | None = None
) -> None:
    """Refuse a threat that parts cannot answer for; without ``n_classes`` one that they never can.

    Raises
    ------
    InputError
        With options that would be certified.
    """
    counts = (2, 3) if n_classes is None else (n_classes,)
    if any(_is_offered(threat, args.sigma, count) for count in counts):
        return
    noise = "with noise (--sigma above 0)" if args.sigma > 0.0 else "without noise (--sigma 0)"
    classes = "" if n_classes is None else f" and with {n_classes} classes"
    bare = "" if args.query_shift is None else ", with --query-shift,"
    remedies = _remedies(args, threat, counts)
    raise InputError(
        f"--threat {args.threat}{bare} is not certified {noise}{classes} for a training table that is read "
        f"in parts; {remedies}allow {_memory(n_rows, n_features)}"
    )


def check_rows(args: argparse.Namespace, n_rows: int) -> None:
    """Refuse more neighbours than there are rows.

    Raises
    ------
    InputError
    """
    k = 5 if args.k is None else args.k
    if k > n_rows:
        raise InputError(
            f"--k: expected at most {n_rows}, as many as TRAIN has rows, got {k}; give a smaller one"
        )


def _remedies(args: argparse.Namespace, threat: Threat, counts: tuple[int, ...]) -> str:
    from knn_cert import threats

    def offers(other: Threat, sigma: float) -> bool:
        return any(_is_offered(other, sigma, count) for count in counts)

    found = []
    if args.sigma > 0.0 and offers(threat, 0.0):
        found.append("--sigma 0")
    if args.sigma == 0.0 and offers(threat, 1.0):
        found.append("--sigma above 0")
    if args.threat == "black-box" and args.rows is None and offers(threats.BlackBoxBall(1), args.sigma):
        found.append("--rows R")
    others = [word for word, name in ROW_THREATS.items() if offers(getattr(threats, name)(), args.sigma)]
    if others and args.threat not in others:
        found.append(f"--threat {', '.join(others[:-1])} or {others[-1]}")
    elif args.query_shift is not None and others:
        found.append("no --query-shift")
    if not others and args.threat != "black-box" and offers(threats.BlackBoxBall(), args.sigma):
        found.append("--threat black-box")
    return f"take {', or '.join(found)}, or " if found else ""


def _is_offered(threat: Threat, sigma: float, n_classes: int) -> bool:
    from knn_cert.gate.errors import InvalidInput
    from knn_cert.shards import needs

    try:
        needs.check_offered(threat, sigma=sigma, n_classes=n_classes)
    except InvalidInput:
        return False
    return True


def _memory(n_rows: int, n_features: int) -> str:
    from knn_cert import streaming

    enough = streaming.as_option(streaming.memory_for_whole(n_rows, n_features))
    return f"--memory {enough}, with which the table is read whole"
