"""Questions to ensembles on rows, attacks and tables, and what the examples print."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import tempfile
from pathlib import Path

from answers import Answers
from estimator_doors import table, told
from text_doors import LABELS, TEXTS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def _ensembles(answers: Answers) -> None:
    from sklearn.linear_model import LogisticRegression

    from knn_cert import BlackBoxBall
    from knn_cert.montecarlo import SmoothedEnsemble, monte_carlo_vote, parameters_digest

    X, y, queries = table(60, 2)

    def train(X, y, seed):
        return LogisticRegression().fit(X, y)

    for question, settings in {
        "gaussian": {},
        "uniform": {"noise": "uniform"},
        "no test noise": {"test_noise": False},
        "pilot": {"n_pilot": 8},
        "simultaneous": {"simultaneous": True},
    }.items():

        def certified(settings=settings, question=question):
            ensemble = SmoothedEnsemble(train, 0.8, 40, alpha=0.01, random_state=3, **settings).fit(X, y)
            found = {
                "votes": ensemble.votes(queries),
                "predict": ensemble.predict(queries),
                "certify": told(ensemble.certify(queries)),
            }
            if question != "uniform":
                found["rows"] = told(ensemble.certify(queries, BlackBoxBall(2)))
            return found

        answers.ask("SmoothedEnsemble", question, certified)
    answers.ask("parameters_digest", "logistic regression", lambda: parameters_digest(train(X, y, 0)))
    squares = ((queries[:, None] - X[None]) ** 2).sum(axis=2)
    answers.ask(
        "monte_carlo_vote",
        "200 draws",
        lambda: monte_carlo_vote(
            squares,
            y,
            n_neighbors=3,
            sigma=0.8,
            dof=4,
            n_samples=200,
            n_pilot=20,
            random_state=1,
            n_classes=2,
        ),
    )


def _attacks(answers: Answers) -> None:
    from knn_cert import attacks

    X, y, _ = table(60, 2, n_features=48)
    made = {
        "one_pixel": lambda: attacks.one_pixel((4, 4, 3), 1.0, position=(1, 2), high=9.0),
        "four_pixel": lambda: attacks.four_pixel((4, 4, 3), 1.0, center=(1, 1)),
        "blending": lambda: attacks.blending((4, 4, 3), 0.5, random_state=3),
        "one_dimension": lambda: attacks.one_dimension(48, 1.0),
        "four_dimension": lambda: attacks.four_dimension(48, 1.0),
    }
    for name, make in made.items():
        answers.ask(f"attacks, {name}", "trigger", make)
        for in_place in (False, True):
            answers.ask(
                f"attacks, {name}",
                f"poison, {in_place}",
                lambda f=make, i=in_place: attacks.poison(
                    X, y, f(), source_class=0, target_class=1, ratio=0.1, random_state=2, in_place=i
                ),
            )
    for trigger in (attacks.BadNets(), attacks.AddSentence()):
        name = type(trigger).__name__
        answers.ask(
            f"attacks, {name}",
            "poison_texts",
            lambda t=trigger: attacks.poison_texts(TEXTS, LABELS, t, target_class="good", ratio=0.1),
        )
        answers.ask(
            f"attacks, {name}",
            "triggered_queries",
            lambda t=trigger: attacks.triggered_queries(TEXTS, LABELS, t, target_class="good"),
        )


def _tables(answers: Answers) -> None:
    from knn_cert import tables

    X, y, _ = table(20, 2)
    answers.ask("tables", "split_holdout", lambda: tables.split_holdout(X, y, 0.25, 7))

    def read(text: str):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.csv"
            path.write_text(text)
            return tables.read_table(path, "kind")

    numbers = "\n".join(
        f"{a},{b * 1e-3},{'ant' if c else 'bee'}" for a, b, c in zip(X[:, 0], X[:, 1], y, strict=True)
    )
    answers.ask("tables", "read_table", lambda: read(f"a,b,kind\n{numbers}\n"))
    answers.ask("tables", "read_table, a missing value", lambda: read(f"a,b,kind\n{numbers}\n1,,ant\n"))


def _examples(answers: Answers) -> None:
    """What the programs of examples/ print, line by line."""

    def printed(path: Path) -> dict[str, str]:
        before, out = os.getcwd(), io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(out):
            os.chdir(folder)
            try:
                runpy.run_path(str(path), run_name="__main__")
            finally:
                os.chdir(before)
        return {f"line {i}": line for i, line in enumerate(out.getvalue().splitlines(), start=1)}

    for path in sorted(EXAMPLES.glob("*.py")):
        answers.ask("examples", path.name, lambda p=path: printed(p))


PARTS = (_ensembles, _attacks, _tables, _examples)
