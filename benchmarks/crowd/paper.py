"""Figures printed in CROWD, in %: Tables 2 and 3, with what the paper calls certified accuracy."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
DEFENCES = ("none", "BKI", "ONION", "STRIP", "RAP", "CROWD")


class Printed(NamedTuple):
    """One line of Table 2; accuracies and success rates in the order of `DEFENCES`.

    Accuracy without defence is one number for a data set.
    """

    accuracy: tuple[float, ...]
    success: tuple[float, ...]
    certified: float


def _lines(name: str) -> list[dict[str, str]]:
    with open(HERE / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# Keys: data set, attack.
TABLE_2 = {
    (line["data"], line["attack"]): Printed(
        accuracy=tuple(float(line[f"accuracy_{defence}"]) for defence in DEFENCES),
        success=tuple(float(line[f"success_{defence}"]) for defence in DEFENCES),
        certified=float(line["certified"]),
    )
    for line in _lines("paper_table2.csv")
}

# Certified accuracy on SST-2 against BadNets at rates 0.01, 0.02, 0.05 and 0.1, by law. The text beside the
# table exchanges the last numbers of SAFER and CROWD.
TABLE_3 = {
    law: tuple(map(float, shares)) for law, *shares in (line.values() for line in _lines("paper_table3.csv"))
}
