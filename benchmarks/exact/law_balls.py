"""Both tails of non-central chi-square in ball arithmetic, and a random comparison of the backends with them.

Run ``python -m benchmarks.exact.law_balls --count 400 --backend native`` in a source checkout with
python-flint; ``--write`` renews tests/oracle/ncx2_more.json from the list of arguments that the file has.

The mixture F = sum_j p_j P(a+j, y), U = sum_j p_j Q(a+j, y) with a = dof/2, mu = nonc/2, y = x/2 is summed
over balls outwards from its largest term. p_j P_j and p_j Q_j are log-concave in j, so that once the terms
fall, a geometric series bounds the rest; P_j and Q_j are sums of positive terms with such a bound as well.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from ..common.command import parse, positive, report_on, study_parser
from ..common.report import SEED, Report, require

ORACLE = Path(__file__).resolve().parents[2] / "tests" / "oracle" / "ncx2_more.json"
LIMIT = 1e-12  # relative, of both tails: what the project promises
BITS = 256
SHARE = 2.0**-160  # terms are summed until the rest is below this share of the sum


def log_weight(order, mean):
    """log of mean^order e^-mean / Gamma(order + 1), as a ball."""
    from flint import arb

    if mean == 0:
        return arb(0)
    return order * mean.log() - mean - (order + 1).lgamma()


def lower_gamma(order, y):
    """P(order, y) = sum of w(order + k, y), all positive, falling from k with order + k > y on."""
    from flint import arb

    term, total = log_weight(order, y).exp(), arb(0)
    while True:
        total += term
        order += 1
        ratio = y / order
        term *= ratio
        if float(ratio) < 1 and term < total * SHARE * (1 - ratio):
            return total + arb(0).union(term / (1 - ratio))


def upper_gamma(order, y):
    """Q(order, y) = w(order - 1, y) + w(order - 2, y) + ... down to an order in (0, 1]."""
    from flint import arb

    total = arb(0)
    if float(order) > 1:
        order -= 1
        term = log_weight(order, y).exp()
        while True:
            total += term
            if float(order) <= 1:
                break
            ratio = order / y
            term *= ratio
            order -= 1
            if float(ratio) < 1 and term < total * SHARE * (1 - ratio):
                return total + arb(0).union(term / (1 - ratio))
    return total + y.gamma_upper(order, 1)


def law(x, dof, nonc):
    """(F, U) as balls; the smaller one as a sum."""
    from flint import arb, ctx

    ctx.prec = BITS
    a, mu, y = arb(dof) / 2, arb(nonc) / 2, arb(x) / 2
    half = 0.25 * dof
    # where p_j g_j is largest; p_j P_j peaks above, p_j Q_j below or above it
    peak = int(0.25 * nonc * x / (half + math.sqrt(half * half + 0.25 * nonc * x))) if nonc else 0
    if x - nonc < dof:
        tail = _lower_tail(a, mu, y, peak)
        return tail, 1 - tail
    tail = _upper_tail(a, mu, y, peak)
    return 1 - tail, tail


def _lower_tail(a, mu, y, peak):
    """Sum of p_j P(a + j, y), from a j far above the peak down to 0."""
    from flint import arb

    top = peak
    if mu != 0:
        while _is_seen(top, peak, a, mu, y):
            top += max(1, int(0.5 * math.sqrt(peak + 20)))
    p, big, g = log_weight(arb(top), mu).exp(), lower_gamma(a + top, y), log_weight(a + top, y).exp()
    first, total, before = p * big, arb(0), None
    j = top
    while True:
        term = p * big
        total += term
        rest = arb(0) if j == 0 else _rest(term, before, total)
        if rest is not None:
            break
        before = term
        g *= (a + j) / y  # now g_{j-1}
        big += g
        p *= j / mu
        j -= 1
    # above the top: p_j P_j <= p_j g_j / (1 - r), r = y / (a + j + 1), and p_j g_j falls faster than a
    # geometric series
    above = arb(0)
    if mu != 0:
        r = y / (a + top + 1)
        ratio = mu / (top + 1) * r
        above = first * ratio / ((1 - ratio) * (1 - r))
    return total + arb(0).union(rest) + arb(0).union(above)


def _upper_tail(a, mu, y, peak):
    """Sum of p_j Q(a + j, y), from a j far below the peak upwards."""
    from flint import arb

    bottom = peak
    while bottom > 0 and _is_seen(bottom, peak, a, mu, y):
        bottom = max(0, bottom - max(1, int(0.5 * math.sqrt(peak + 20))))
    p, big, g = log_weight(arb(bottom), mu).exp(), upper_gamma(a + bottom, y), log_weight(a + bottom, y).exp()
    total, before, j = arb(0), None, bottom
    first = p * big
    while True:
        term = p * big
        total += term
        rest = arb(0) if mu == 0 else _rest(term, before, total)
        if rest is not None:
            break
        before = term
        j += 1
        big += g  # Q(a + j) = Q(a + j - 1) + g_{j-1}
        g *= y / (a + j)
        p *= mu / j
    below = arb(0)
    if bottom > 0:  # likewise, p_j Q_j <= p_j g_{j-1} / (1 - r), r = (a + j - 1) / y
        r = (a + bottom) / y
        ratio = bottom / mu * r
        below = first * ratio / ((1 - ratio) * (1 - r))
    return total + arb(0).union(rest) + arb(0).union(below)


def _is_seen(j, peak, a, mu, y):
    """Whether p_j g_j is above e^-150 of the largest such product."""
    from flint import arb

    def product(k):
        return log_weight(arb(k), mu) + log_weight(a + k, y)

    return product(j) > product(peak) - 150


def _rest(term, before, total):
    """What the terms behind add at most, a geometric series; None while they do not fall or count."""
    if before is None or not term < before:
        return None
    ratio = term / before
    small = term * ratio < total * SHARE * (1 - ratio)
    return term * ratio / (1 - ratio) if small else None


def digits(ball, n=25):
    """Digits of the middle of a ball."""
    return ball.str(n, radius=False)


REGIONS = {
    "few features": ((0.0, 2.0), (0.0, 3.0)),
    "images": ((2.0, 5.2), (0.0, 5.0)),
    "far rows": ((0.0, 4.0), (5.0, 10.0)),
    "very many features": ((5.2, 9.0), (0.0, 8.0)),
}


def arguments(region, rng):
    """Random (x, dof, nonc): x within 37 standard deviations of the middle."""
    (low, high), (near, far) = REGIONS[region]
    dof = 10.0 ** rng.uniform(low, high)
    dof = float(round(dof)) if rng.uniform() < 0.5 else float(dof)
    nonc = float(rng.choice([0.0, 10.0 ** rng.uniform(near, far)], p=[0.1, 0.9]))
    deviation = math.sqrt((2 * dof + 4 * nonc) / (dof + nonc)) / 2
    t = math.sqrt(dof + nonc) + rng.uniform(-37, 37) * deviation
    return max(1e-3, t) ** 2, dof, nonc


def _compare(report: Report, backend: str, count: int, seed: int) -> None:
    """Report the largest relative error of each region; require that it is within the limit."""
    from flint import arb

    from knn_cert import kernels

    kernel = kernels.get_backend(backend)
    rng = np.random.default_rng(seed)
    rows = []
    for region in REGIONS:
        worst, where = 0.0, ""
        for _ in range(count):
            case = arguments(region, rng)
            column = [np.array([value]) for value in case]
            for name, truth in zip(("ncx2_cdf", "ncx2_sf"), law(*case), strict=True):
                if not float(truth) > 1e-300:
                    continue
                got = arb(float(getattr(kernel, name)(*column)[0]))
                error = float(abs(got / truth - 1).upper())
                if not error <= worst:
                    worst, where = error, f"{name}{case}"
        require(worst <= LIMIT, f"{backend}, {region}: off by {worst:.2e} at {where}, limit {LIMIT:.0e}")
        rows.append([backend, region, str(count), f"{worst:.1e}", where])
    report.table(["backend", "region", "arguments", "worst relative error", "at"], rows)


def _held_against_the_oracle(report: Report, every: int) -> None:
    """Compute values of the oracle anew: the digits in the file have to be those of the balls."""
    cases = json.loads(ORACLE.read_text(encoding="utf-8"))["cases"][::every]
    for case in cases:
        cdf, sf = law(case["x"], case["dof"], case["nonc"])
        require(
            (digits(cdf), digits(sf)) == (case["cdf"], case["sf"]), f"other digits than the oracle: {case}"
        )
    report.text(f"{len(cases)} values of tests/oracle/{ORACLE.name} come out with the digits that it has.")


def write() -> None:
    """Renew the values of the oracle; its arguments stay."""
    cases = json.loads(ORACLE.read_text(encoding="utf-8"))
    for case in cases["cases"]:
        cdf, sf = law(case["x"], case["dof"], case["nonc"])
        case["cdf"], case["sf"] = digits(cdf), digits(sf)
    ORACLE.write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Compare a backend with the balls; return 1 if it errs by more than the limit."""
    parser = study_parser("exact.law_balls", __doc__)
    parser.add_argument("--backend", default="auto", help="(default: %(default)s)")
    parser.add_argument("--count", type=positive, default=100, help="a region (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="(default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="renew tests/oracle/ncx2_more.json")
    options = parse(parser, argv)
    if options.write:
        write()
        return 0
    return report_on(lambda report: _run(report, options), options, "law_balls")


def _run(report: Report, options: argparse.Namespace) -> None:
    report.opening("The distance law against ball arithmetic", options.seed)
    _held_against_the_oracle(report, every=20 if options.quick else 1)
    _compare(report, options.backend, 3 if options.quick else options.count, options.seed)


if __name__ == "__main__":
    sys.exit(main())
