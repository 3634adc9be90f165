"""The scores of all settings on one data set, kept as JSON: nothing has to be measured again."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ..common.choice import Column, Score, Shares
from ..common.command import RESULTS
from ..common.report import versions

_DIGITS = 4


class Measured(NamedTuple):
    """What one data set gave.

    Attributes
    ----------
    name : str
    n_rows, n_features, n_classes, n_judged : int
    constant : float
        Accuracy on the judged half of naming the class that most training rows have.
    scores : list of Score
    """

    name: str
    n_rows: int
    n_features: int
    n_classes: int
    n_judged: int
    constant: float
    scores: list[Score]

    def of(self, *families: str) -> list[Score]:
        """Return the scores of some families."""
        return [s for s in self.scores if s.family in families]

    def save(self) -> None:
        """Write to results/frontier/NAME.json."""
        columns = list(dict.fromkeys(column for s in self.scores for column in s.certified))
        data: dict[str, Any] = {**self._asdict(), "versions": versions(), "columns": columns}
        data["constant"] = round(self.constant, _DIGITS)
        data["scores"] = [
            {
                "family": s.family,
                "setting": s.setting,
                "accuracy": _rounded(s.accuracy),
                "certified": [_rounded(s.certified[c]) if c in s.certified else None for c in columns],
            }
            for s in self.scores
        ]
        path = _path(self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        # one setting a line: a change shows which
        lines = ",\n".join(json.dumps(one) for one in data.pop("scores"))
        head = json.dumps(data, indent=1)
        path.write_text(f'{head[:-2]},\n "scores": [\n{lines}\n]}}\n', encoding="utf-8")

    @classmethod
    def load(cls, name: str) -> Measured | None:
        """Read results/frontier/NAME.json; None if it is not there."""
        path = _path(name)
        if not path.exists():
            return None
        data = json.loads(path.read_text(encoding="utf-8"))
        columns = [Column(*column) for column in data["columns"]]
        data["scores"] = [
            Score(
                one["family"],
                one["setting"],
                Shares(*one["accuracy"]),
                {c: Shares(*s) for c, s in zip(columns, one["certified"], strict=True) if s is not None},
            )
            for one in data["scores"]
        ]
        return cls(**{field: data[field] for field in cls._fields})


def _rounded(shares: Shares) -> list[float]:
    return [round(share, _DIGITS) for share in shares]


def _path(name: str):
    return RESULTS / "frontier" / f"{name}.json"
