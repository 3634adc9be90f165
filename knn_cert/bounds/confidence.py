"""From votes to probabilities: one-sided bounds, and the split of alpha that makes a certificate hold.

Votes are independent draws of the smoothed classifier's label, alpha is the probability of error *for one
query*. For a statement about all of m queries that share the votes' noise, use alpha / m.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import betainc, betaincc, betainccinv, betaincinv, betaln, xlog1py, xlogy

__all__ = [
    "VoteBounds",
    "clopper_pearson_lower",
    "clopper_pearson_upper",
    "fewest_votes",
    "hoeffding_epsilon",
    "models_needed",
    "vote_bounds",
]

_EPS = float(np.finfo(np.float64).eps)


class VoteBounds(NamedTuple):
    """What votes say about class probabilities: the label and its bounds, scalars or arrays over queries."""

    label: int | np.ndarray
    p_lower: float | np.ndarray
    p_upper: float | np.ndarray


def clopper_pearson_lower(k, n, alpha):
    """With probability at least 1 - alpha over ``k``, a Binomial(n, q) count, the bound is at most q.

    Parameters
    ----------
    k : int or array of int, 0 <= k <= n
        Number of successes.
    n : int or array of int, >= 1
        Number of independent trials.
    alpha : float, 0 < alpha < 1
        Probability of error, one-sided.

    Returns
    -------
    float or array
        The largest q with P(Binomial(n, q) >= k) <= alpha, rounded down; 0.0 for k = 0, alpha**(1/n) for k =
        n.

    Raises
    ------
    TypeError
        If ``k`` or ``n`` is not integer or ``alpha`` not a number.
    ValueError
        If a value is outside its range.
    """
    k, n = _successes(k, n)
    alpha = check_level(alpha)
    inner = (k > 0) & (k < n)
    a, b = np.where(inner, k, 1.0), np.where(inner, n - k + 1.0, 1.0)
    bound = _beta_bound(a, b, n, alpha, upper=False)
    bound = np.where(k == n, _unanimous(n, alpha), bound)
    bound = np.where(k == 0, 0.0, bound)
    return bound if bound.ndim else float(bound)


def clopper_pearson_upper(k, n, alpha):
    """With probability at least 1 - alpha over ``k``, a Binomial(n, q) count, the bound is at least q.

    Parameters
    ----------
    k : int or array of int, 0 <= k <= n
        Number of successes.
    n : int or array of int, >= 1
        Number of independent trials.
    alpha : float, 0 < alpha < 1
        Probability of error, one-sided.

    Returns
    -------
    float or array
        The smallest q with P(Binomial(n, q) <= k) <= alpha, rounded up; 1.0 for k = n, 1 - alpha**(1/n) for k
        = 0.

    Raises
    ------
    TypeError
        If ``k`` or ``n`` is not integer or ``alpha`` not a number.
    ValueError
        If a value is outside its range.
    """
    k, n = _successes(k, n)
    alpha = check_level(alpha)
    inner = (k > 0) & (k < n)
    a, b = np.where(inner, k + 1.0, 1.0), np.where(inner, n - k, 1.0)
    bound = _beta_bound(a, b, n, alpha, upper=True)
    # 1 - alpha^(1/n) from its own end: it is about log(1/alpha) / n, far below the resolution of a difference
    # from 1.
    empty = -np.expm1(math.log(alpha) / n) * (1.0 + 8.0 * _EPS)
    bound = np.where(k == 0, np.minimum(empty, 1.0), bound)
    bound = np.where(k == n, 1.0, bound)
    return bound if bound.ndim else float(bound)


def hoeffding_epsilon(n, alpha):
    """With probability at least 1 - alpha, the mean of ``n`` values in [0, 1] errs by less to one side.

    The n values are independent. On votes Clopper-Pearson is never longer; this is for means of several draws
    a model, where the draws are not independent votes.

    Parameters
    ----------
    n : int or array of int, >= 1
        Number of independent values.
    alpha : float, 0 < alpha < 1
        Probability of error, one-sided.

    Returns
    -------
    float or array
        sqrt(log(1 / alpha) / (2 n)), rounded up.

    Raises
    ------
    TypeError
        If ``n`` is not integer or ``alpha`` not a number.
    ValueError
        If a value is outside its range.
    """
    n = _integers("n", n)
    if np.any(n < 1):
        raise ValueError(f"n must be at least 1; got {int(n.min())}.")
    epsilon = np.sqrt(-math.log(check_level(alpha)) / (2.0 * n)) * (1.0 + 4.0 * _EPS)
    return epsilon if np.ndim(epsilon) else float(epsilon)


def vote_bounds(counts, alpha, *, label=None, selection="none", method="clopper-pearson", runner_up=None):
    """With probability at least 1 - alpha over the votes, bounds with ``p_lower > p_upper`` are true.

    True means q(label) >= p_lower, and q(c) <= p_upper for every other class c. So a certificate drawn from
    them, which needs p_lower > p_upper, is wrong with probability at most alpha. Where p_lower <= p_upper the
    caller must abstain: the bounds then claim nothing.

    Parameters
    ----------
    counts : array of int, (n_classes,) or (n_queries, n_classes)
        Votes of independent draws, at least two classes.
    alpha : float, 0 < alpha < 1
        Probability of error for one query.
    label : int or array of int (n_queries,), optional
        The label under test, chosen *without* looking at ``counts``. Required for, and only for,
        ``selection="pilot"``.
    selection : {"none", "pilot"}
        "pilot": the label was chosen from other votes. "none": the label is the most voted class of
        ``counts``, the lowest index among equals, and alpha pays for the choice.
    method : {"clopper-pearson", "hoeffding"}
        The one-sided bound. Clopper-Pearson is never longer.
    runner_up : {"complement", "votes"}, optional
        "complement": p_upper = 1 - p_lower. "votes": p_upper also from the votes of the strongest other
        class. Default: "complement" for two classes, "votes" for more. Fix it before looking at the votes.

    Returns
    -------
    VoteBounds
        ``(label, p_lower, p_upper)``: scalars for counts of shape (n_classes,), arrays (n_queries,)
        otherwise.

    Raises
    ------
    TypeError
        If ``counts`` or ``label`` is not integer or ``alpha`` not a number.
    ValueError
        If counts are negative, empty or of one class, a value is outside its range, or an option is unknown.

    Notes
    -----
    How alpha is spent, with LCB and UCB the one-sided bounds at the level named:

    ========= ============ ============================= =============================================
    selection runner_up    p_lower                       p_upper
    ========= ============ ============================= =============================================
    pilot     complement   LCB(n_A; alpha)               1 - p_lower
    pilot     votes        LCB(n_A; alpha/2)             min(UCB(max n_c; alpha/2), 1 - p_lower)
    none      complement   LCB(n_A; alpha/2)             1 - p_lower
    none      votes        LCB(n_A; alpha/(2C))          min(UCB(max n_c; alpha/4), 1 - p_lower)
    ========= ============ ============================= =============================================

    *pilot, votes*: no union over the C - 1 other classes, since the true runner-up is one fixed class and has
    at most max n_c votes.

    *none, complement*: halving pays for every C. p_lower > 1/2 is wrong only if LCB(n_a) > q_a for the class
    with q_a > 1/2 (at most alpha/2), or LCB(n_c) > 1/2 for a class with q_c <= 1/2. The latter is
    P(Binomial(N, q_c) >= k*) with k* > N/2, convex in q_c on [0, 1/2], at most alpha/2 at q_c = 1/2 and 0 at
    0, so at most alpha q_c. These add up to alpha/2 + alpha (1 - q_a) < alpha, and without such a class a to
    at most alpha.

    *none, votes*: one of C lower bounds fails (alpha/2), or the upper bound of the true runner-up fails
    (alpha/4: the label is the true top class), or that of the true top class fails (alpha/4: the label is
    another).
    """
    counts = _integers("counts", counts)
    if counts.ndim not in (1, 2):
        raise ValueError(
            f"counts must have shape (n_classes,) or (n_queries, n_classes); got {counts.shape}."
        )
    single = counts.ndim == 1
    counts = np.atleast_2d(counts)
    n_queries, n_classes = counts.shape
    if n_classes < 2:
        raise ValueError(f"counts must have at least two classes in its last axis; got {n_classes}.")
    if np.any(counts < 0):
        raise ValueError(f"counts must not be negative; got {int(counts.min())}.")
    n = counts.sum(axis=1)
    if np.any(n == 0):
        raise ValueError("counts must hold at least one vote for each query; got a query with none.")
    alpha = check_level(alpha)
    if selection not in ("pilot", "none"):
        raise ValueError(f'selection must be "pilot" or "none"; got {selection!r}.')
    if method not in _METHODS:
        raise ValueError(f'method must be "clopper-pearson" or "hoeffding"; got {method!r}.')
    if runner_up is None:
        runner_up = "complement" if n_classes == 2 else "votes"
    elif runner_up not in ("complement", "votes"):
        raise ValueError(f'runner_up must be "complement" or "votes"; got {runner_up!r}.')

    if selection == "pilot":
        label = _chosen(label, single, n_queries, n_classes)
        alpha_lower, alpha_upper = (alpha, None) if runner_up == "complement" else (alpha / 2, alpha / 2)
    else:
        if label is not None:
            raise ValueError(
                'label must be None when selection="none"; a label chosen from other votes is "pilot".'
            )
        label = np.argmax(counts, axis=1)
        alpha_lower, alpha_upper = (
            (alpha / 2, None) if runner_up == "complement" else (alpha / (2 * n_classes), alpha / 4)
        )

    lower, upper = _METHODS[method]
    every = np.arange(n_queries)
    p_lower = lower(counts[every, label], n, alpha_lower)
    # Exact for p_lower >= 1/2, the only case in which a certificate can follow; nextafter for the others.
    p_upper = np.where(p_lower >= 0.5, 1.0 - p_lower, np.minimum(np.nextafter(1.0 - p_lower, 2.0), 1.0))
    if runner_up == "votes":
        others = counts.copy()
        others[every, label] = -1
        p_upper = np.minimum(p_upper, upper(others.max(axis=1), n, alpha_upper))
    if single:
        return VoteBounds(int(label[0]), float(p_lower[0]), float(p_upper[0]))
    return VoteBounds(label, p_lower, p_upper)


def fewest_votes(n_classes, alpha, **options):
    """Fewest unanimous votes for which `vote_bounds` claims anything: with fewer, no query can be certified.

    Parameters
    ----------
    n_classes : int >= 2
    alpha : float, 0 < alpha < 1
        Probability of error for one query.
    **options
        ``selection``, ``method`` and ``runner_up`` of `vote_bounds`.

    Returns
    -------
    int

    Raises
    ------
    TypeError, ValueError
        As `vote_bounds`.
    """

    def enough(n):
        counts = np.zeros(n_classes, dtype=np.int64)
        counts[0] = n
        label = 0 if options.get("selection") == "pilot" else None
        bounds = vote_bounds(counts, alpha, label=label, **options)
        return bounds.p_lower > bounds.p_upper

    most = 1
    while not enough(most):
        most *= 2
    least = most // 2  # not enough, or 0
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if enough(middle) else (middle, most)
    return most


def models_needed(threshold, alpha):
    """Fewest unanimous votes whose Clopper-Pearson margin ``p_lower - (1 - p_lower)`` exceeds ``threshold``.

    Unanimous votes of N models give ``p_lower = alpha**(1/N)`` and no more: N must exceed
    ``log(alpha) / log((1 + threshold) / 2)``.

    Parameters
    ----------
    threshold : float, 0 <= threshold < 1
        The margin p_A - p_B that a certificate must exceed.
    alpha : float, 0 < alpha < 1
        Probability of error that the lower bound may spend: all of it for a label chosen by a pilot, half of
        it for one chosen from the votes themselves (see `vote_bounds`).

    Returns
    -------
    int
        The number of models. Where rounding leaves it open whether one less would do, it would not.

    Raises
    ------
    TypeError
        If an argument is not a number.
    ValueError
        If an argument is outside its range.
    """
    threshold = _real("threshold", threshold)
    if not 0.0 <= threshold < 1.0:
        raise ValueError(f"threshold must lie in [0, 1); got {threshold!r}.")
    ratio = math.log(check_level(alpha)) / math.log1p(0.5 * (threshold - 1.0))
    # Strictly more than the ratio, whose rounding is a few eps; the float of a large integer is that integer.
    return math.floor(ratio * (1.0 + 8.0 * _EPS)) + 1


def _hoeffding_lower(k, n, alpha):
    return np.maximum(np.nextafter(k / n - hoeffding_epsilon(n, alpha), -1.0), 0.0)


def _hoeffding_upper(k, n, alpha):
    return np.minimum(np.nextafter(k / n + hoeffding_epsilon(n, alpha), 2.0), 1.0)


_METHODS = {
    "clopper-pearson": (clopper_pearson_lower, clopper_pearson_upper),
    "hoeffding": (_hoeffding_lower, _hoeffding_upper),
}


def _unanimous(n, alpha):
    """alpha**(1/n) rounded down: the exponent log(alpha)/n errs by eps relative, its exponential by eps."""
    exponent = math.log(alpha) / n
    return np.exp(exponent) * (1.0 - 4.0 * _EPS * (1.0 - exponent))


def _beta_bound(a, b, n, alpha, *, upper):
    """The x where the binomial tail meets alpha, moved outward until the tail is below alpha for sure.

    P(Binomial(n, x) >= k) = I_x(k, n-k+1) increases in x, P(Binomial(n, x) <= k) = 1 - I_x(k+1, n-k)
    decreases. The library's inverse is only a start: it is off by 1e-7 relative where n is 1e7. Its forward
    functions are accurate to 13 eps (16 + sqrt(n)) (measured against mpmath for n up to 1e8 and alpha down to
    1e-40), so a tail that they put below alpha by four times as much is below alpha. What cannot be brought
    there gets the trivial bound.
    """
    tail, inverse, outward = (betaincc, betainccinv, 1.0) if upper else (betainc, betaincinv, -1.0)
    slack = 64.0 * _EPS * (16.0 + np.sqrt(n))
    x = np.clip(np.nan_to_num(inverse(a, b, alpha * (1.0 - 2.0 * slack)), nan=0.5), 1e-300, 1.0 - _EPS)
    with np.errstate(all="ignore"):
        for _ in range(4):
            value = tail(a, b, x)
            density = np.exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b))
            step = np.log(value / (alpha * (1.0 - 2.0 * slack))) * value / density
            better = x + outward * step
            x = np.where((better > 0.0) & (better < 1.0), better, x)
    trivial = 1.0 if upper else 0.0
    push = 2.0 * _EPS
    for _ in range(40):
        below = tail(a, b, x) <= alpha * (1.0 - slack)
        if np.all(below):
            return x
        x = np.where(below, x, np.clip(x * (1.0 + outward * push), 0.0, 1.0))
        push = min(2.0 * push, 0.5)
    return np.where(below, x, trivial)


def _integers(name, value):
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        got = type(value).__name__ if array.ndim == 0 else f"an array of dtype {array.dtype}"
        raise TypeError(f"{name} must be an integer or an array of integers; got {got}.")
    return array.astype(np.int64)


def _successes(k, n):
    k, n = _integers("k", k), _integers("n", n)
    try:
        k, n = np.broadcast_arrays(k, n)
    except ValueError:
        raise ValueError(f"shapes must broadcast to one another; got k {k.shape}, n {n.shape}.") from None
    if np.any(n < 1):
        raise ValueError(f"n must be at least 1; got {int(n.min())}.")
    if np.any((k < 0) | (k > n)):
        raise ValueError("k must lie between 0 and n; got a count outside.")
    return k, n


def _real(name, value):
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be a real number; got {type(value).__name__}.")
    return float(array)


def check_level(alpha):
    """Return alpha as a float strictly between 0 and 1."""
    alpha = _real("alpha", alpha)
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must lie strictly between 0 and 1; got {alpha!r}.")
    return alpha


def _chosen(label, single, n_queries, n_classes):
    if label is None:
        raise ValueError('selection="pilot" needs label, the class that the pilot votes chose; got None.')
    label = _integers("label", label)
    expected = () if single else (n_queries,)
    if label.shape != expected:
        raise ValueError(f"label must have shape {expected}, one entry a query; got {label.shape}.")
    if np.any((label < 0) | (label >= n_classes)):
        raise ValueError(f"label must lie in 0..{n_classes - 1}; got a label outside.")
    return np.atleast_1d(label)
