"""What is shown of a document: numbers in words, tables cut to what fits on a page, the urgent first.

The page and the Markdown show the same, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from . import wording
from .counting import certified_count
from .document import Document
from .frontier import candidate_words

__all__ = ["Shown", "View"]

_Item = TypeVar("_Item")


class Shown(NamedTuple, Generic[_Item]):
    """The items of a list that are shown, and how many are not."""

    items: list[_Item]
    left_out: int


def first(items: Sequence[_Item], most: int) -> Shown[_Item]:
    """Return the first items of a list."""
    return Shown(list(items[:most]), max(0, len(items) - most))


def urgent(items: Sequence[_Item], most: int, key: Callable[[_Item], float]) -> Shown[_Item]:
    """Return the items with the smallest keys, in the order of the list."""
    chosen = sorted(sorted(range(len(items)), key=lambda i: key(items[i]))[:most])
    return Shown([items[i] for i in chosen], len(items) - len(chosen))


class View:
    """A document in words. Lists are cut to ``most`` items where they are for tables.

    Parameters
    ----------
    document : dict
        Valid, see `validate`.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.attackers: list[dict[str, Any]] = document["attackers"]
        self._by_name = {one["name"]: one for one in self.attackers}
        choice = document["choice"]
        self.main = self.attackers[0] if choice is None else self._by_name[choice["asked"]["attacker"]]

    @property
    def is_useless(self) -> bool:
        """Whether the classifier is not shown to tell the classes apart."""
        return bool(self.document["classifier"]["useless"])

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        if self.is_useless:
            return "No use shown: that this classifier tells classes apart better than guesses is not shown."
        title = self.title(self.main)
        if title[1:2].islower():
            title = title[0].lower() + title[1:]
        return (
            f"{self.certified(self.main)} of the predictions are right and provably stay right against "
            f"{title}: {self.asked(self.main)}."
        )

    @property
    def warning(self) -> str | None:
        """What a reader of the numbers has to know before all else; mostly nothing."""
        if self.is_useless:
            return (
                "A classifier that says the same whatever the table holds would be certified against as "
                "much, and be worth nothing. More rows of every class to report on may show more."
            )
        classifier = self.document["classifier"]
        if classifier.get("warning"):
            return wording.sentence(classifier["warning"])
        if classifier["accuracy"] <= classifier["majority_accuracy"]:
            return (
                f"The classifier is right on {wording.share(classifier['accuracy'])}; always saying the most "
                f"frequent label would be right on {wording.share(classifier['majority_accuracy'])}."
            )
        return None

    @property
    def bars(self) -> list[dict[str, Any]]:
        """What was to be reached, and whether it was."""
        return [
            {
                "bar": wording.text(one["bar"]),
                "share": wording.share(one["share"]),
                "needed": wording.share(one["needed"]),
                "passed": one["passed"],
            }
            for one in self.document["bars"]
        ]

    @property
    def bars_words(self) -> str | None:
        """How many bars were passed."""
        bars = self.document["bars"]
        if not bars:
            return None
        if self.is_useless:
            return "No use is shown, so that no bar was passed."
        passed = sum(one["passed"] for one in bars)
        if passed == len(bars):
            return "The bar was passed." if passed == 1 else f"All {passed} bars were passed."
        return (
            "The bar was not passed."
            if len(bars) == 1
            else f"{len(bars) - passed} of {len(bars)} bars failed."
        )

    @property
    def key_figures(self) -> list[tuple[str, str, str]]:
        """The few numbers that matter most: a name, a value, and what it means."""
        classifier, main = self.document["classifier"], self.main
        source = wording.text(self.document["split"]["report_from"])
        rows = f"of {wording.count(classifier['n_queries'])} {source}"
        return [
            (
                "Certified accuracy",
                self.certified(main),
                f"{self.title(main)}, {self.asked(main)}; rows like these: {self.likely(main)}",
            ),
            (
                "Accuracy",
                wording.share(classifier["accuracy"]),
                f"{rows}; rows like these: {wording.interval(classifier['accuracy_interval'])}",
            ),
            ("Always the most frequent label", wording.share(classifier["majority_accuracy"]), rows),
            (
                "The median prediction survives",
                wording.budget(main["median_budget"], main["unit"]),
                f"{self.title(main)}",
            ),
        ]

    @property
    def place(self) -> str:
        """The table that was audited, in a line."""
        table, split = self.document["table"], self.document["split"]
        return (
            f"{wording.count(table['n_rows'])} rows, {len(table['columns'])} columns, "
            f"{len(table['classes'])} classes. {wording.count(split['train'])} rows to learn from, "
            f"{wording.count(split['choose'])} to choose the settings on, {wording.count(split['report'])} "
            f"to report on ({wording.text(split['report_from'])})."
        )

    def title(self, attacker: dict[str, Any]) -> str:
        """Return the title of an attacker."""
        return wording.text(attacker["title"])

    def asked(self, attacker: dict[str, Any]) -> str:
        """Return the budget that was asked about."""
        share = attacker["asked_share"]
        of_table = "" if share is None else f" ({wording.rate(share)} of the training rows)"
        return f"up to {wording.budget(attacker['asked'], attacker['unit'])}{of_table}"

    def n_certified(self, attacker: dict[str, Any], budget: float) -> int:
        """Return how many queries are right and certified at a budget."""
        return certified_count(attacker["right_budgets"], budget)

    def certified(self, attacker: dict[str, Any], budget: float | None = None) -> str:
        """Return the certified accuracy at a budget, the asked one if left out."""
        asked = attacker["asked"] if budget is None else budget
        return wording.part(self.n_certified(attacker, asked), attacker["n_queries"])

    def likely(self, attacker: dict[str, Any]) -> str:
        """Return where the certified accuracy at the asked budget lies for rows like the reported ones."""
        return wording.interval(attacker["certified_interval"])

    def median(self, attacker: dict[str, Any]) -> str:
        """Return the budget that the median prediction survives."""
        return wording.budget(attacker["median_budget"], attacker["unit"])

    def together(self, attacker: dict[str, Any]) -> str | None:
        """Return what is known of one attack on all queries at once."""
        one = attacker["together"]
        if one is None:
            return None
        exact = "exactly" if one["is_exact"] else "at most"
        accuracy = (
            ""
            if one["accuracy_at_least"] is None
            else f" At least {wording.share(one['accuracy_at_least'])} are right in every such table."
        )
        return (
            f"One attack with {wording.budget(one['rows'], 'rows')} on all queries at once "
            f"({self.title(attacker)}) changes {exact} {wording.count(one['changed_at_most'])} of "
            f"{wording.count(attacker['n_queries'])} predictions.{accuracy}"
        )

    def attacker_title(self, name: str) -> str:
        """Return the title of the attacker of this name."""
        return self.title(self._by_name[name])

    def budgets(self, query: dict[str, Any]) -> list[str]:
        """Return what a query is certified for against every attacker, in their order."""
        return [
            wording.amount(query["budgets"][one["name"]], one["unit"])
            if one["name"] in query["budgets"]
            else "none"
            for one in self.attackers
        ]

    def classes(self, most: int) -> Shown[dict[str, Any]]:
        """Return the classes with the lowest certified accuracy against the main attacker."""

        def certified(one: dict[str, Any]) -> float:
            share = one["certified"].get(self.main["name"])
            return 2.0 if share is None else float(share)

        return urgent(self.document["classes"], most, certified)

    def columns(self, most: int) -> Shown[dict[str, Any]]:
        """Return the columns of the table, those with a remark before others."""
        return urgent(self.document["table"]["columns"], most, lambda one: one["remark"] is None)

    def candidates(self, most: int) -> Shown[dict[str, Any]]:
        """Return the candidates with the largest certified accuracy, and the chosen one."""
        choice = self.document["choice"]
        candidates = [] if choice is None else choice["candidates"]
        return urgent(candidates, most, lambda one: -2.0 if one["chosen"] else -one["certified_accuracy"])

    @property
    def has_predictions(self) -> bool:
        """Whether there is anything to say of single predictions."""
        queries = self.document["queries"]
        return bool(queries["weakest"] or queries["strongest"] or self.document["examples"])

    @property
    def duplicates(self) -> str | None:
        """What is known of equal rows, in a sentence."""
        found = self.document["table"]["duplicates"]
        if found is None:
            return None
        pairs = first(found["examples"], 5)
        examples = ", ".join(f"{a} and {b}" for a, b in pairs.items)
        return (
            f"{wording.count(found['rows'])} rows stand in the table more than once, "
            f"{wording.count(found['other_label'])} of them with different labels; "
            f"{wording.count(found['near_other_label'])} of the rows looked at lie right beside one with "
            f"another label{f' (rows {examples})' if examples else ''}."
        )

    @property
    def made(self) -> list[tuple[str, str]]:
        """What made the document, from what and how, for whoever wants to do it again."""
        made, table, split = (self.document[key] for key in ("made_by", "table", "split"))
        rows = [
            ("Command", made["command"]),
            ("Date", made["date"]),
            ("Duration", wording.seconds(made["seconds"])),
            ("knn_cert", f"{made['knn_cert']}, {made['backend']} backend"),
            ("Python", made["python"]),
            *((name, made[name]) for name in ("numpy", "scipy", "scikit-learn") if name in made),
            ("Classifier", self.document["classifier"]["words"]),
            ("Settings", candidate_words(self.document["classifier"])),
            ("Seed of the split", "none" if split["seed"] is None else str(split["seed"])),
            ("Scaling from", self.document["scaling"]["from"]),
            ("Fingerprint of the table", table["fingerprint"]),
            ("Fingerprint of the queries", table.get("query_fingerprint")),
        ]
        return [(name, wording.text(value, 300)) for name, value in rows if value is not None]

    def example(self, one: dict[str, Any]) -> str:
        """Return in a sentence or two what an attack did that works."""
        attacker = self._by_name[one["attacker"]]
        return (
            f"{self.title(attacker)}, {wording.budget(one['budget'], attacker['unit'])}: query "
            f"{one['query']} is predicted {wording.text(one['becomes'])} in the place of "
            f"{wording.text(one['label'])}. {wording.sentence(one['words'])}"
        )

    @staticmethod
    def scaled(column: dict[str, Any]) -> str:
        """Return what was done to the numbers of a column."""
        if column["center"] is None or column["scale"] is None:
            return "–"
        unit = column.get("log_unit")
        of_unit = "" if unit is None else f" / {wording.measure(unit)}"
        logarithm = f"sign(x) log(1 + |x|{of_unit}), then " if column["log"] else ""
        return f"{logarithm}(x − {wording.measure(column['center'])}) / {wording.measure(column['scale'])}"
