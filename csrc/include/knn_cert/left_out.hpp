// left_out.hpp: bounds of what the nodes beyond both ends of an integral over t add to its trapezoid sum.
// No Python, no threads, no allocation.
//
// For the lemmas see continuous.hpp. u and t: position and radius of the last node that counts.
#pragma once

#include <algorithm>
#include <cmath>

#include "quadrature.hpp"

namespace knn_cert {

// What the nodes from the last one on can add. For t with w = t - sqrt(s^2 + d - 1) > 0, f falls at the rate w at least: f'/f =
// (d-1)/t - t + s I_{d/2}(st) / I_{d/2-1}(st) is at most its value with the bound st / (c + sqrt(c^2 + (st)^2)) of the quotient,
// c = (d-1)/2, which is 0 at t^2 = s^2 + d - 1 and has a slope below -1. So U(t + x) <= exp(-wx) U(t). While the contest is
// open, one of some K rows that would close it, none of them beyond s, is outside: it is open at t + x with at most K exp(-wx) times the
// probability `open` that it is open at t. From w = 1 on (t >= 1, cells of width 1/2 are 0.31 or longer in t) the cells add up to the
// first one and 5 K times as much, with t + 2 in the place of t + 1; before it is no more likely to be open than at the last node.
inline double left_above(double u, double t, double s, double dof, double n_rows, double K, double open) {
    const double from = std::max(t, std::sqrt(s * s + std::max(0.0, dof - 1.0)) + 1.0);
    const double cells = 2.0 * (position_of(from) - u) + 1.0 + 5.0 * K;
    return 0.5 * n_rows * (from + 2.0) * cells * open;
}

// What the nodes before the first one can add: K (d + s t) T in each unit of u down to t = 1, T the probability that the contest may be
// closed at t. From there on F(rt) <= r^d exp(1/2) F(t): of the rows within at t = 1, n at most, one is within r at least, so that T falls
// as min(1, n exp(1/2) r^d) does, r <= exp(-v/2) v units below. The nodes there add up to (2 log n + 1) / d units, and 1/16 + 2/d more.
inline double left_below(double u, double t, double dof, double n_rows, double K, double T) {
    const double units = u - std::min(u, position_of(1.0)) + (2.0 * std::log(n_rows) + 3.0) / dof + 1.0;
    return K * (dof + t + 40.0) * units * T;
}

}  // namespace knn_cert
