"""How far sums over nodes are from integrals, for all races of moved rows at once, in plain loops.

Letters of docs/moved-rows.md, "Sums for integrals". The compiled kernel has the same in strip.hpp and
leaf_strip.hpp, where rows that stand close together are bounded as one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["MovedList", "end_error", "sum_errors"]

HEIGHT = 0.28  # of the strip, at step 1/16; the square root of the step goes with it
END_HEIGHTS = 8
RHO = (0.2, 0.5, 0.8, 0.95, 1.0, 1.5, 4.0, 30.0)


class MovedList(NamedTuple):
    """One list at some nodes: distances and laws [node][row] of its rows as they are, and moved."""

    s: list[float]
    s_moved: list[float]
    still: list[list[list[float]]]
    moved: list[list[list[float]]]
    n_moved: int
    degree: int


class Box(NamedTuple):
    """All x + tau + iw with |tau| <= delta and 0 <= w <= y."""

    y: float
    delta: float
    left: float
    right: float
    B: float
    C: float
    speed: float  # |dt/du|, at most


def sum_errors(positions, step, a, b, dof):
    """Errors of the sums over f_A P(N_B < m'), over f_B P(N_A < m), and over f_A and f_B alone."""
    height = HEIGHT * math.sqrt(16.0 * step)
    share = 2.0 * step / math.expm1(2.0 * math.pi * height / step)
    total = [end_error(positions, step, a, b, dof, 0), end_error(positions, step, a, b, dof, -1)]
    for node, u in enumerate(positions):
        total.append(_sizes(share, _box(u, step, height, dof), a, b, node, dof))
    return [sum(each) for each in zip(*total, strict=True)]


def end_error(positions, step, a, b, dof, node):
    """What the end of the window at the first (0) or the last node (-1) adds to these errors."""
    height = HEIGHT * math.sqrt(16.0 * step)
    rate = 2.0 * math.pi / step
    before = math.log(2.0)
    total = []
    for k in range(1, END_HEIGHTS + 1):
        w = height * k / END_HEIGHTS
        after = math.log1p(math.exp(-rate * w))
        share = 2.0 * (before - after) / rate
        total.append(_sizes(share, _box(positions[node], step, w, dof), a, b, node, dof))
        before = after
    return [sum(each) for each in zip(*total, strict=True)]


def _sizes(share, box, a, b, node, dof):
    less_a, density_a = _list_bounds(box, a, node, dof)
    less_b, density_b = _list_bounds(box, b, node, dof)
    sizes = density_a + less_b, less_a + density_b, density_a, density_b
    return [share * box.speed * math.exp(min(log_size, 600.0)) for log_size in sizes]


def _radius(u):
    return u if u > 40.0 else math.log1p(math.exp(u))


def _height_of(x, w):
    return w - math.asin(math.exp(-x) * math.sin(w))


def _box(u, step, w, dof):
    t, above, below = _radius(u), _radius(u + step / 2), _radius(u - step / 2)
    q = 4.0 * math.sin(w / 2) ** 2 * math.exp(step / 2 - t) * -math.expm1(-t)
    delta = max(above - t, t - below - 0.5 * math.log1p(-q))
    left, right = t - delta, t + delta
    y, quotient = _height_of(right, w), _height_of(left, w) / left
    B = math.exp(y * y / 2) * (1.0 + quotient**2) ** ((dof - 1.0) / 2)
    speed = math.exp(above - left) * -math.expm1(-above)
    return Box(y, delta, left, right, B, B * math.sqrt(1.0 + quotient**2), speed)


def _row_bounds(box, s, law, dof):
    """(|U|, |F|, both by rho -> , |f|) in the box, at most."""
    F, U, f = law
    y, delta = box.y, box.delta
    c, near, far = (dof - 1.0) / 2, s * box.left, s * box.right
    low = near / (c + math.hypot(c + 1.0, near))
    high = far / (c + math.hypot(c, far)) if far else 0.0
    most = (dof - 1.0) / box.left - box.left + s * high
    least = (dof - 1.0) / box.right - box.right + s * low
    phi = max(abs(most), abs(least))
    variance = max(0.0, 1.0 - 2.0 * c / (c + math.hypot(c + 1.0, far)) - low**2)
    D = math.hypot(phi + y * (1.0 + (dof - 1.0) / box.left**2), s * math.sqrt(variance))
    f_box = f * math.exp(min(600.0, delta * phi))
    R = 0.5 * (delta**2 + y**2) * box.B * f_box * D
    root_U, root_F, shift = math.hypot(U, y * f), math.hypot(F, y * f), delta * f
    U_box = min(root_U + shift + R, box.B * min(1.0, U + delta * f_box))
    F_box = min(root_F + shift + R, box.C * min(1.0, F + delta * f_box))
    F_box = min(F_box, 1.0 + U_box)
    U_box = min(U_box, 1.0 + F_box)

    def both(rho):
        most_shift = 1.0 + rho if min(F, U) < shift else max(1.0, rho)
        return min(U_box + rho * F_box, root_U + rho * root_F + most_shift * shift + (1.0 + rho) * R)

    return both, box.B * f_box


def _list_bounds(box, rows, node, dof):
    """Logarithms of |P(fewer than D)| and |density of the D-th row|, at most, whichever rows are moved."""
    still = [_row_bounds(box, s, law, dof) for s, law in zip(rows.s, rows.still[node], strict=True)]
    moved = [_row_bounds(box, s, law, dof) for s, law in zip(rows.s_moved, rows.moved[node], strict=True)]
    density = sum(max(x[1], z[1]) for x, z in zip(still, moved, strict=True))
    less = dense = math.inf
    for rho in RHO:
        here = [math.log(both(rho)) for both, _ in still]
        more = [math.log(both(rho)) - x for (both, _), x in zip(moved, here, strict=True)]
        moves = sum(x for x in sorted(more)[::-1][: rows.n_moved] if x > 0.0)
        product = sum(here) + moves - (rows.degree - 1) * math.log(rho)
        if rho <= 1.0:
            less = min(less, product)
        dense = min(dense, product + math.log(max(density, 1e-300)) - math.log(min(1.0, rho)))
    return less, dense
