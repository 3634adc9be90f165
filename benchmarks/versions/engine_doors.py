"""Questions to the exact engine: its functions, on random problems and on the reference values."""

from __future__ import annotations

import json

import numpy as np
from answers import BACKENDS, ORACLE, Answers

# The reference backend is slow by design: it gets the small problems, and fewer of them.
_RANDOM = {"native": 200, "numba": 120, "reference": 8}
_SMALL = 10  # rows of a problem that every backend gets
_WORST = {"native": 40, "numba": 12, "reference": 1}  # random problems, with every threat
_CASES = {"native": 24, "numba": 24, "reference": 6}  # of threats.json


def _read(name: str):
    return json.loads((ORACLE / name).read_text(encoding="utf-8"))


def _laws(answers: Answers) -> None:
    import knn_cert

    rng = np.random.default_rng(1)
    dof = rng.choice([1.0, 2.0, 3.5, 57.0, 784.0, 3072.0, 150528.0], 300)
    nonc = rng.choice([0.0, 1.0], 300, p=[0.1, 0.9]) * 10.0 ** rng.uniform(-3, 5, 300)
    spread = np.sqrt((2 * dof + 4 * nonc) / (dof + nonc)) / 2
    x = np.maximum(np.sqrt(dof + nonc) + rng.uniform(-30, 30, 300) * spread, 0.01) ** 2
    questions = {"random": (x, dof, nonc)}
    for name in ("ncx2.json", "ncx2_more.json"):
        cases = _read(name)
        cases = cases["cases"] if isinstance(cases, dict) else cases
        questions[name] = tuple(np.array([float(c[k]) for c in cases]) for k in ("x", "dof", "nonc"))
    for function in ("ncx2_cdf", "ncx2_sf", "ncx2_logcdf", "ncx2_logsf"):
        for name, arguments in questions.items():
            answers.ask_all(
                function, name, lambda b, f=function, a=arguments: getattr(knn_cert, f)(*a, backend=b)
            )
    for dof in (1, 2, 56, 784, 3072):
        for levels, shrink in ((2, 1.0), (10, 1.0), (200, 1.0), (50, 0.5)):
            answers.ask(
                "rab_edges",
                f"{dof}, {levels}, {shrink}",
                lambda d=dof, n=levels, s=shrink: knn_cert.rab_edges(d, 1.5, n, s),
            )


def _problem(rng: np.random.Generator, n_rows: int) -> tuple[np.ndarray, np.ndarray, dict]:
    """Distances of two queries, labels and settings; near and far rows, rows at the query, ties."""
    n, n_classes = int(rng.integers(3, n_rows + 1)), int(rng.integers(2, 5))
    dof, sigma = float(rng.choice([1, 2, 3, 10, 57, 784])), float(rng.choice([0.25, 1.0, 2.0]))
    distances = sigma * rng.choice([0.3, 1.0, 4.0]) * np.sqrt(dof) * rng.random((2, n))
    distances[rng.random((2, n)) < 0.1] = 0.0
    distances[:, -1] = distances[:, 0]
    settings = {"n_neighbors": int(rng.integers(1, min(n, 7) + 1)), "sigma": sigma, "dof": dof}
    return distances**2, rng.integers(0, n_classes, n), settings | {"n_classes": n_classes}


def _votes(answers: Answers) -> None:
    from knn_cert import rab_edges, vote_probabilities

    rng = np.random.default_rng(2)
    for number in range(max(_RANDOM.values())):
        squares, labels, settings = _problem(rng, _SMALL if number < 8 else 90)
        edges = rab_edges(settings["dof"], settings["sigma"], 20)
        backends = [b for b in BACKENDS if number < _RANDOM[b]]
        asked = (squares, labels)
        answers.ask_all(
            "vote_probabilities",
            f"random {number}",
            lambda b, a=asked, s=settings: vote_probabilities(*a, backend=b, **s),
            backends,
        )
        answers.ask_all(
            "vote_probabilities, with_errors",
            f"random {number}",
            lambda b, a=asked, s=settings: vote_probabilities(*a, backend=b, with_errors=True, **s),
            backends,
        )
        answers.ask_all(
            "vote_probabilities, edges",
            f"random {number}",
            lambda b, a=asked, s=settings, e=edges: vote_probabilities(*a, edges=e, backend=b, **s),
            backends,
        )
    for name in ("continuous.json", "bucketed.json"):
        for number, case in enumerate(_read(name)):
            settings = {
                key: case[key] for key in ("n_neighbors", "sigma", "dof", "n_classes", "edges") if key in case
            }
            answers.ask_all(
                "vote_probabilities",
                f"{name} {number}",
                lambda b, c=case, s=settings: vote_probabilities(
                    np.array([c["sq_distances"]], dtype=float), np.array(c["labels"]), backend=b, **s
                ),
            )


def _races(answers: Answers) -> None:
    from knn_cert import race_probability

    rng = np.random.default_rng(3)
    for number in range(200):
        dof, sigma = float(rng.choice([1, 2, 10, 57, 784])), float(rng.choice([0.5, 1.0]))
        lists = [(sigma * np.sqrt(dof) * rng.random(rng.integers(1, _SMALL)) * 2) ** 2 for _ in range(2)]
        ranks = [int(rng.integers(1, len(rows) + 1)) for rows in lists]
        asked = (lists[0], ranks[0], lists[1], ranks[1])
        for door, more in (
            ("race_probability", {}),
            ("race_probability, with_errors", {"with_errors": True}),
        ):
            answers.ask_all(
                door,
                f"random {number}",
                lambda b, a=asked, s=sigma, d=dof, m=more: race_probability(
                    *a, sigma=s, dof=d, backend=b, **m
                ),
                [b for b in BACKENDS if number < _RANDOM[b]],
            )


def threats(n_rows: int) -> dict:
    """Structured threats with their budgets given, by name."""
    from knn_cert import Deletions, Insertions, LabelFlips, QueryShift, Replacements, RowShift

    r = min(2, n_rows - 1)
    return {
        "LabelFlips": LabelFlips(r),
        "Deletions": Deletions(r),
        "Insertions": Insertions(r),
        "Replacements": Replacements(r),
        "RowShift": RowShift(r, 0.3),
        "RowShift, relabelled": RowShift(r, 0.3, relabel=True),
        "RowShift, all rows": RowShift(n_rows, 0.3),
        "QueryShift": QueryShift(0.3),
        "QueryShift, LabelFlips": QueryShift(0.3, training=LabelFlips(1)),
    }


def open_threats(n_rows: int) -> dict:
    """The same with their budgets left open."""
    from knn_cert import Deletions, Insertions, LabelFlips, QueryShift, Replacements, RowShift

    return {
        "LabelFlips": LabelFlips(),
        "Deletions": Deletions(),
        "Insertions": Insertions(),
        "Replacements": Replacements(),
        "RowShift": RowShift(min(2, n_rows - 1)),
        "RowShift, relabelled": RowShift(1, relabel=True),
        "RowShift, all rows": RowShift(n_rows),
        "QueryShift": QueryShift(),
        "QueryShift, LabelFlips": QueryShift(training=LabelFlips(1)),
    }


def _worst_cases(answers: Answers) -> None:
    from knn_cert import largest_budget, worst_case_probability

    rng = np.random.default_rng(4)
    for number in range(max(_WORST.values())):
        squares, labels, settings = _problem(rng, 6 if number == 0 else 40)
        target = np.bincount(labels, minlength=settings["n_classes"]).argmax()
        backends = [b for b in BACKENDS if number < _WORST[b]]
        for door, function, asked in (
            ("worst_case_probability", worst_case_probability, threats(len(labels))),
            ("largest_budget", largest_budget, open_threats(len(labels))),
        ):
            for name, threat in asked.items():
                answers.ask_all(
                    f"{door}, {name}",
                    f"random {number}",
                    lambda b, f=function, a=(squares, labels, threat), t=target, s=settings: f(
                        *a, target_class=int(t), backend=b, **s
                    ),
                    backends,
                )
    for number, case in enumerate(_read("threats.json")):
        settings = {key: case[key] for key in ("n_neighbors", "sigma", "dof", "target_class")}
        for name, threat in _threats_of_case(case).items():
            answers.ask_all(
                f"worst_case_probability, {name}",
                f"threats.json {number}",
                lambda b, c=case, t=threat, s=settings: worst_case_probability(
                    c["sq_distances"], c["labels"], t, n_classes=2, backend=b, **s
                ),
                [b for b in BACKENDS if number < _CASES[b]],
            )


def _threats_of_case(case: dict) -> dict:
    from knn_cert import Deletions, Insertions, LabelFlips, Replacements, RowShift

    budget, radius = case["budget"], case["epsilon"]
    return {
        "LabelFlips": LabelFlips(budget),
        "Deletions": Deletions(budget),
        "Insertions": Insertions(budget),
        "Replacements": Replacements(budget),
        "RowShift": RowShift(budget, radius),
        "RowShift, all rows": RowShift(len(case["labels"]), radius),
    }


def _large(answers: Answers) -> None:
    """Long tables: moments of far rows, tables of the law, many classes."""
    from knn_cert import vote_probabilities

    rng = np.random.default_rng(5)
    for number, (n, dof, n_classes, k) in enumerate(
        [
            (400, 5, 2, 5),
            (3000, 56, 2, 5),
            (3000, 56, 2, 51),
            (5000, 784, 10, 5),
            (2000, 3, 40, 9),
            (900, 2, 300, 1),
        ]
    ):
        squares = ((rng.normal(size=(4, 1, dof)) - rng.normal(size=(1, n, dof))) ** 2).sum(axis=2)
        labels = rng.integers(0, n_classes, n)
        answers.ask_all(
            "vote_probabilities, long tables",
            f"{number}: n = {n}, d = {dof}, C = {n_classes}, K = {k}",
            lambda b, a=(squares, labels), k=k, d=dof, c=n_classes: vote_probabilities(
                *a, n_neighbors=k, sigma=1.0, dof=d, n_classes=c, backend=b
            ),
            ("native", "numba"),
        )


PARTS = (_laws, _votes, _races, _worst_cases, _large)
