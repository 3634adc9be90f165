"""Questions to `knn_cert.bounds`: radii, confidence bounds, pairs of laws and the worst of several."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
from answers import ORACLE, Answers


def _radii(answers: Answers) -> None:
    from knn_cert import gaussian_radius, uniform_certified, uniform_radius

    rng = np.random.default_rng(11)
    p_a = np.r_[0.5, 1.0, 1 - 1e-12, rng.uniform(0.4, 1.0, 60)]
    p_b = np.r_[0.5, 0.0, 1e-300, (1 - p_a[3:]) * rng.random(60)]
    asked = {
        "all rows": lambda: gaussian_radius(p_a, p_b, 0.7),
        "3 rows": lambda: gaussian_radius(p_a, p_b, 0.7, rows=3),
        "logarithms": lambda: gaussian_radius(
            p_a,
            p_b,
            0.7,
            log_p_b=np.log(np.maximum(p_b, 1e-320)),
            log_tail_a=np.log(np.maximum(1 - p_a, 1e-320)),
        ),
    }
    for name, call in asked.items():
        answers.ask("gaussian_radius", name, call)
    for norm in ("l1", "l2", "linf"):
        for rows in (None, 1, 4):
            answers.ask(
                "uniform_radius",
                f"{norm}, {rows} rows",
                lambda n=norm, r=rows: uniform_radius(p_a, p_b, 0.9, norm=n, rows=r, dim=7),
            )
    deltas = rng.uniform(0, 0.2, size=(5, 3))
    for rows in (None, 2):
        answers.ask(
            "uniform_certified",
            f"{rows} rows",
            lambda r=rows: uniform_certified(0.9, 0.05, deltas, 1.1, rows=r),
        )


def _confidence(answers: Answers) -> None:
    from knn_cert import bounds

    for k, n, alpha in (
        (0, 10, 0.05),
        (10, 10, 0.05),
        (7, 10, 0.001),
        (900, 1000, 0.001),
        (999_999, 10**6, 1e-6),
    ):
        for name in ("clopper_pearson_lower", "clopper_pearson_upper"):
            answers.ask(name, f"{k}, {n}, {alpha}", lambda f=name, a=(k, n, alpha): getattr(bounds, f)(*a))
        answers.ask("hoeffding_epsilon", f"{n}, {alpha}", lambda a=(n, alpha): bounds.hoeffding_epsilon(*a))
        answers.ask(
            "models_needed",
            f"{0.5 + k / n / 2.1}, {alpha}",
            lambda t=0.5 + k / n / 2.1, a=alpha: bounds.models_needed(t, a),
        )
    counts = np.random.default_rng(12).multinomial(500, [0.7, 0.2, 0.1], size=20)
    for n_classes in (2, 3, 10):
        answers.ask("fewest_votes", f"{n_classes}", lambda c=n_classes: bounds.fewest_votes(c, 0.001))
    for method in ("clopper-pearson", "hoeffding"):
        answers.ask("vote_bounds", method, lambda m=method: bounds.vote_bounds(counts, 0.001, method=m))
        answers.ask(
            "vote_bounds",
            f"{method}, two",
            lambda m=method: bounds.vote_bounds(counts[:, :2], 0.001, method=m),
        )


def _pairs(answers: Answers) -> None:
    """Pairs of laws, exact and in floats, and the worst that an attacker does with several of them."""
    from knn_cert import bounds

    half, third, tenth = Fraction(1, 2), Fraction(1, 3), Fraction(1, 10)

    def two():
        return [bounds.masking(half, 1), bounds.label_noise(2, third)]

    made = {
        "uniform_sets": lambda: bounds.uniform_sets(4, 5, 2),
        "masking": lambda: bounds.masking(0.9, 3),
        "fixed_keep": lambda: bounds.fixed_keep(20, 3, 2),
        "mask_or_synonym": lambda: bounds.mask_or_synonym(half, 4, 2),
        "unless_lost": lambda: bounds.unless_lost(tenth, bounds.uniform_sets(4, 4, 2)),
        "deletion": lambda: bounds.deletion(0.9, only_observed=2, only_other=1, substituted=1),
        "row_dropping": lambda: bounds.row_dropping(0.7, only_observed=1, only_other=2, modified=1),
        "box_noise": lambda: bounds.box_noise([0.1, 0.2, 0.05], 1.5),
        "vocabulary_noise": lambda: bounds.vocabulary_noise(50, 0.8),
        "vocabulary_noise, 4 words": lambda: bounds.vocabulary_noise(50, Fraction(4, 5)) ** 4,
        "label_noise": lambda: bounds.label_noise(3, 0.3),
        "label_noise, 30 rows": lambda: bounds.label_noise(3, 0.3) ** 30,
        "drop_then_delete": lambda: bounds.drop_then_delete(0.5, 0.9, only_observed=1, substituted=1),
        "from_laws": lambda: bounds.Atoms.from_laws([half, third, Fraction(1, 6)], [third, third, third]),
        "from_laws, floats": lambda: bounds.Atoms.from_laws([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]) ** 7,
        "mixture": lambda: bounds.mixture(
            [half, half], [bounds.masking(half, 1), bounds.label_noise(2, third)]
        ),
        "envelope": lambda: bounds.envelope([bounds.masking(half, 1), bounds.label_noise(2, third)]),
        "Grid": lambda: bounds.Grid.of(bounds.label_noise(3, 0.3), 1e-3),
        "Grid, power": lambda: bounds.Grid.of(bounds.label_noise(3, 0.3), 1e-3) ** 20,
        "IDENTICAL": lambda: bounds.IDENTICAL,
    }
    for name, call in made.items():
        answers.ask("bounds, pairs", name, call)

    def options():
        laws = [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2]]
        pairs = [bounds.Atoms.from_laws(laws[0], law) for law in laws[1:]]
        return [[pairs[0], pairs[1]], [pairs[1], pairs[2]], [pairs[2]], [pairs[0]]]

    for name in ("worst_by_enumeration", "worst_by_envelopes", "worst_by_total_variation", "worst_case"):
        for budget in (1, 2, 4):
            answers.ask(
                f"bounds, {name}",
                f"{budget}",
                lambda f=name, b=budget: _spent(getattr(bounds, f)(options(), b)),
            )
    answers.ask(
        "bounds, worst_by_hull", "2", lambda: _spent(bounds.worst_by_hull([p[0] for p in options()], 2))
    )
    overlaps = [[bounds.uniform_sets(4, 4, 2), bounds.uniform_sets(4, 6, 3)], [bounds.uniform_sets(3, 3, 1)]]
    answers.ask("bounds, worst_overlaps", "2", lambda: _spent(bounds.worst_overlaps(overlaps, 2)))
    for p_a in (0.6, 0.9, 0.99, 0.999):
        asked = {
            "largest_fixed_keep_budget": lambda p=p_a: bounds.largest_fixed_keep_budget(40, 4, p),
            "largest_certified": lambda p=p_a: bounds.largest_certified(
                lambda r: bounds.row_dropping(0.9, only_observed=r), p, most=500
            ),
            "Overlap.largest_budget": lambda p=p_a: bounds.Overlap(0.9, 0.95).largest_budget(p),
            "margin": lambda p=p_a: bounds.masking(0.9, 1).margin(p, (1 - p) / 2),
        }
        for name, call in asked.items():
            answers.ask(f"bounds, {name}", f"{p_a}", call)


def _spent(worst):
    return (
        {"pairs": list(worst.pairs), "tight": worst.tight, "method": worst.method}
        if hasattr(worst, "pairs")
        else worst
    )


def _reference_values(answers: Answers) -> None:
    """The inputs of the families of certificates.json that have one door of `knn_cert.bounds`."""
    from knn_cert import bounds

    families = json.loads((ORACLE / "certificates.json").read_text(encoding="utf-8"))["families"]

    def law(weights: dict) -> dict:
        return {word: Fraction(weight, sum(weights.values())) for word, weight in weights.items()}

    def product(pairs: list):
        return math.prod(pairs[1:], start=pairs[0])

    doors = {
        "uniform_sets": lambda q: product(
            [bounds.uniform_sets(*sizes) for sizes in q["positions_S0_S1_cap"]]
        ),
        "weighted_product": lambda q: product(
            [bounds.Atoms.from_laws(law(w0), law(w1)) for w0, w1 in q["positions_w0_w1"]]
        ),
        "worst_case_attacker": lambda q: _spent(
            bounds.worst_case(
                [
                    [bounds.Atoms.from_laws(law(p["null"]), law(other)) for other in p["alternatives"]]
                    for p in q["positions"]
                ],
                q["R"],
            )
        ),
        "random_masking": lambda q: (
            bounds.masking(q["rho"], q["R"])
            if q["scheme"] == "bernoulli"
            else bounds.fixed_keep(q["n"], q["keep"], q["R"])
        ),
        "random_deletion": lambda q: bounds.deletion(
            q["p_del"],
            only_observed=q["only_in_observed"],
            only_other=q["only_in_other"],
            substituted=q["subs"],
        ),
        "vocabulary_noise": lambda q: bounds.vocabulary_noise(q["V"], q["keep"]) ** q["R"],
        "label_flip_plus_masking": lambda q: (
            bounds.label_noise(q["classes"], q["label_noise"]) ** q["r_flipped"]
            * bounds.masking(q["mask_rho"], q["R"])
        ),
        "confidence": lambda q: [
            bounds.clopper_pearson_lower(q["nA"], q["N"], q["alpha"]),
            bounds.clopper_pearson_upper(q["nB"], q["N"], q["alpha"] / 2),
            bounds.hoeffding_epsilon(q["N"], q["alpha"]),
        ],
        "rab_radii": _radius_of_case,
    }
    for family, call in doors.items():
        for number, case in enumerate(families[family]["cases"]):
            answers.ask(f"certificates.json, {family}", f"{number}", lambda c=call, q=case["in"]: c(q))


def _radius_of_case(asked: dict):
    from knn_cert import gaussian_radius, uniform_certified, uniform_radius

    p_a, p_b = asked["pA"], asked["pB"]
    if asked["eq"] == "14/15":
        return [gaussian_radius(p_a, p_b, asked["sigma"], rows=rows) for rows in (None, asked["r"])]
    if asked["eq"] == "17":
        return uniform_certified(p_a, p_b, asked["deltas"], asked["width"])
    return [
        uniform_radius(p_a, p_b, asked["width"], norm=norm, rows=asked["r"], dim=asked["d"])
        for norm in ("l1", "l2", "linf")
    ]


PARTS = (_radii, _confidence, _pairs, _reference_values)
