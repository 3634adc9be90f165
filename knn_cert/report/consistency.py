"""What the numbers of a document have to agree in, whatever made them.

A report that shows one number in its table and another in its chart is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._printing import quoted
from ..gate.errors import InvalidInput
from .counting import certified_count, finite

__all__ = ["check_consistency"]

# Shares are quotients of whole numbers that were divided once or averaged; these differ by a few roundings.
_ROUNDING = 1e-9


def check_consistency(document: dict[str, Any]) -> None:
    """Refuse a document of the right shape that contradicts itself.

    Raises
    ------
    ValueError
        With the place, and with both numbers.
    """
    names = [attacker["name"] for attacker in document["attackers"]]
    for number, attacker in enumerate(document["attackers"]):
        _check_attacker(attacker, f"document.attackers[{number}]", document["classifier"])
        if attacker["name"] in names[:number]:
            raise InvalidInput(f"document.attackers[{number}].name must differ from those before it")
    for place, name in _references(document):
        if name not in names:
            raise InvalidInput(f"{place} names {quoted(name)}, which document.attackers does not have")
    if document["choice"] is not None and document["choice"]["candidates"]:
        chosen = sum(candidate["chosen"] for candidate in document["choice"]["candidates"])
        if chosen != 1:
            raise InvalidInput(
                f"document.choice.candidates must have one that is chosen, or be empty; got {chosen} chosen"
            )
    for number, bar in enumerate(document["bars"]):
        useless = document["classifier"]["useless"]
        if bar["passed"] != (bar["share"] >= bar["needed"] and not useless):
            raise InvalidInput(
                f"document.bars[{number}].passed must say whether {bar['share']} is at least "
                f"{bar['needed']}{', and never where no use is shown' if useless else ''}, got "
                f"{bar['passed']}"
            )


def _check_attacker(attacker: dict[str, Any], place: str, classifier: dict[str, Any]) -> None:
    budgets, n_queries = attacker["right_budgets"], attacker["n_queries"]
    if len(budgets) > n_queries:
        raise InvalidInput(
            f"{place}.right_budgets has {len(budgets)} budgets, but there are {n_queries} queries"
        )
    known = finite(budgets)
    if known != sorted(known) or budgets[: len(known)] != known:
        raise InvalidInput(f"{place}.right_budgets must be in increasing order, null at the end")
    share = certified_count(budgets, attacker["asked"]) / n_queries
    if abs(share - attacker["certified_accuracy"]) > _ROUNDING:
        raise InvalidInput(
            f"{place}.certified_accuracy is {attacker['certified_accuracy']}, but {share} of the queries "
            f"have a right budget of at least {attacker['asked']}"
        )
    low, high = attacker["certified_interval"]
    if not low - _ROUNDING <= share <= high + _ROUNDING:
        raise InvalidInput(
            f"{place}.certified_interval must hold certified_accuracy, {share}; got {low} to {high}"
        )
    if n_queries == classifier["n_queries"] and len(budgets) / n_queries > classifier["accuracy"] + _ROUNDING:
        raise InvalidInput(
            f"{place}.right_budgets has {len(budgets)} of {n_queries} queries, more than are right: "
            f"document.classifier.accuracy is {classifier['accuracy']}"
        )


def _references(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every place that names an attacker, with the name."""
    if document["choice"] is not None:
        yield "document.choice.asked.attacker", document["choice"]["asked"]["attacker"]
    if document["hinges"] is not None:
        yield "document.hinges.attacker", document["hinges"]["attacker"]
    for number, example in enumerate(document["examples"]):
        yield f"document.examples[{number}].attacker", example["attacker"]
    for number, one in enumerate(document["classes"]):
        for name in one["certified"]:
            yield f"document.classes[{number}].certified", name
    for kind in ("weakest", "strongest"):
        for number, query in enumerate(document["queries"][kind]):
            for name in query["budgets"]:
                yield f"document.queries.{kind}[{number}].budgets", name
