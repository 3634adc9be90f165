"""The ten lines that matter, in plain words."""

from __future__ import annotations

from typing import Any

from .._printing import printable, quoted, shortened
from ..report import wording

__all__ = ["lines_of"]

_CLASSES_NAMED = 4
_ROWS_NAMED = 5
_WIDE = 0.15  # an interval of a share, beyond which it is said
_FEW = 100  # reported rows, below which chance decides


def lines_of(document: dict[str, Any]) -> list[str]:
    """Return what an audit found, a line for each thing that matters; names in it are printable."""
    warning = document["classifier"]["warning"]
    beware = [f"beware:      {warning}"] if warning and not document["classifier"]["useless"] else []
    lines = [_verdict(document), *beware, _table(document)]
    remarks = document["table"]["remarks"]
    if remarks:
        more = f" ({len(remarks) - 1} more remark(s) in the report)" if len(remarks) > 1 else ""
        lines.append(f"look at:     {remarks[0]}{more}")
    lines.append(_setting(document))
    lines += [_attacker(one, document["split"]["report"]) for one in document["attackers"]]
    rows = document["hinges"]["rows"]
    if rows:
        named = ", ".join(str(one["row"]) for one in rows[:_ROWS_NAMED])
        lines.append(f"hinges:      most depends on training rows {named} (rows count from 0)")
    if document["examples"]:
        lines.append(f"example:     {document['examples'][0]['words']}")
    lines.append("not covered: " + _not_covered(document))
    return [printable(line) for line in lines]


def _verdict(document: dict[str, Any]) -> str:
    chosen, first = document["classifier"], document["attackers"][0]
    if chosen["useless"]:
        few = f" ({chosen['n_queries']} rows are few to show it)" if chosen["n_queries"] < _FEW else ""
        if len(document["classes"]) == 1:
            few = " (rows of one class alone can show nothing)"
        return (
            "verdict:     NO USE SHOWN. It is not shown that class by class the predictions are right more "
            f"often than guesses would be{few}. That no attack changes them is worth nothing by itself."
        )
    right, held = chosen["accuracy"], first["certified_accuracy"]
    low, high = first["certified_interval"]
    between = wording.interval([low, high])
    likely = f". Rows are few: of others like them {between} would" if high - low > _WIDE else ""
    fewer = "" if first["n_queries"] == chosen["n_queries"] else f" (of {first['n_queries']} of them)"
    return (
        f"verdict:     {wording.share(right)} of the reported rows are predicted right, and "
        f"{wording.share(held)}{fewer} stay right whatever this attacker did: {first['title'].lower()}, "
        f"{_budget(first)}{likely}"
    )


def _table(document: dict[str, Any]) -> str:
    table = document["table"]
    classes = [
        f"{quoted(shortened(printable(one['label']), 20))} {wording.share(one['share'])}"
        for one in table["classes"][:_CLASSES_NAMED]
    ]
    more = (
        f" and {len(table['classes']) - _CLASSES_NAMED} more"
        if len(table["classes"]) > _CLASSES_NAMED
        else ""
    )
    features = sum(column["features"] for column in table["columns"])
    return (
        f"table:       {printable(table['name'])}: {table['n_rows']} rows, {features} features, classes "
        f"{', '.join(classes)}{more}"
    )


def _setting(document: dict[str, Any]) -> str:
    chosen, split = document["classifier"], document["split"]
    chosen_on = f"chosen on {split['choose']}" if split["choose"] else "settings as they were given"
    return (
        f"classifier:  {chosen['words']}; {split['train']} training rows, {chosen_on}, reported on "
        f"{split['report']} others; always saying the largest class is right for "
        f"{wording.share(chosen['majority_accuracy'])}"
    )


def _attacker(one: dict[str, Any], n_report: int) -> str:
    together = one["together"]
    at_once = f"; one attack on all leaves {wording.share(together['accuracy_at_least'])}" if together else ""
    fewer = "" if one["n_queries"] == n_report else f" (of {one['n_queries']} rows)"
    return (
        f"{one['name'] + ':':<13}{wording.share(one['certified_accuracy'])} right and certified at "
        f"{_budget(one)}{fewer}; half of the predictions survive "
        f"{_amount(one['median_budget'], one['unit'])}{at_once}"
    )


def _budget(one: dict[str, Any]) -> str:
    share = (
        "" if one["asked_share"] is None else f" ({wording.rate(one['asked_share'])} of the training rows)"
    )
    if one["unit"] == "rows":
        return f"{_amount(one['asked'], 'rows')}{share}"
    return f"radius {_amount(one['asked'], 'radius')}{share.replace(' (', ' on ', 1).rstrip(')')}"


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "any number of rows" if unit == "rows" else "any radius"
    if unit == "radius":
        return wording.length(value)
    return "1 row" if value == 1 else f"{wording.amount(value, 'rows')} rows"


def _not_covered(document: dict[str, Any]) -> str:
    doors = ["how columns are read"]
    if document["scaling"]["from"] == "this table":
        doors.append("their scaling")
    if document["split"]["choose"]:
        doors.append("this choice of settings")
    what = doors[0] if len(doors) == 1 else f"{', '.join(doors[:-1])} and {doors[-1]}"
    return f"what an attacker did to {what}; see the report"
