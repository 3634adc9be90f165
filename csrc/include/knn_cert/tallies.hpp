// tallies.hpp: what the integral of continuous.hpp asks of the rows at the nodes of a block. No Python, no threads.
//
// One integral works out the outcomes of one or more contests ("members") whose rows are tallied together. Outcome y, "list
// y % per_member wins", belongs to member y / per_member.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "quadrature.hpp"

namespace knn_cert {

// How exact the answer has to be.
struct Accuracy {
    // Absolute error of each probability that the caller can bear; 0 asks for full relative accuracy.
    double tolerance = 0.0;
    // The same, where all is worked out as well as it can be: what the caller can bear is answered all the same.
    double bearable = 0.0;
    // Whether to answer whatever the doubt (it is part of the error): nothing better can be had.
    bool any_doubt = false;

    // Cells with bounds below this are left out at first, when nothing is known about the probabilities.
    [[nodiscard]] double first_target() const { return std::max(1e-15, 1e-2 * tolerance); }
    // Left out in the end: this share of each probability, or this much.
    [[nodiscard]] double relative_target() const { return 1e-13; }
    [[nodiscard]] double floor() const { return std::max(1e-300, 1e-2 * borne()); }
    // The largest relative error that the trapezoid rule of four times the step may have; that of the step is its fourth power.
    [[nodiscard]] double largest_ripple() const { return std::max(1.5e-3, std::pow(0.1 * tolerance, 0.25)); }
    // Relative change of each list's polynomials by the rows left out of a tally (placed_rows.hpp).
    [[nodiscard]] double skip() const { return std::max(1e-15, 1e-2 * tolerance); }
    // Whether fewer terms of the distance law do (leaf_interface.hpp), and the relative error of f and of the smaller one of F and U, to
    // which the other is the complement: measured (tests), not proven.
    [[nodiscard]] bool rough() const { return tolerance >= 1e-4; }
    [[nodiscard]] double law_error() const { return rough() ? 1e-6 : 1e-12; }
    // The factor on the law's error where the probability q asked for is tiny: beyond 15 standard deviations, where F or U is below 1e-50,
    // cells lose up to 2.2e-11 (a function there changes by up to exp(38/4) over a cell). In larger probabilities no such F, nor U,
    // counts: all products with one of them add up to less than 1e-9 of the error charged.
    static double tiny(double q) { return q < 1e-40 ? 50.0 : 1.0; }
    // The relative error by the law of a product of F of at most K rows and U of all the others, if `mean` bounds the sum of F over
    // the rows. A row inside errs by law_error. A row outside errs by that, or by F / U times that where U is the complement, which it
    // is for F <= 3/4 at most (kComplementLimit): by 4 F law_error either way.
    [[nodiscard]] double by_law(double deciding_arrival, double mean) const {
        return std::expm1(law_error() * (deciding_arrival + 1.0 + 4.0 * mean));
    }
    // Whether the doubt about a probability, from far rows summed by moments, can be borne: a relative 8e-11, or more for many
    // neighbours, and no more than 8e-21 of a small one, which moves no radius (its normal quantile) by more than a relative 1e-5.
    [[nodiscard]] bool settled(double q, double doubt, int degree) const {
        const double relative = std::max(8e-11, 8e-12 * degree);
        return any_doubt || doubt <= std::max(relative * q, std::min(1e-4 * q, 8e-21)) + 0.1 * borne();
    }

private:
    [[nodiscard]] double borne() const { return std::max(tolerance, bearable); }
};

// Bounds at eight coarse nodes (continuous.hpp): T, H, O of every outcome; open, closed and mean of every member.
struct CoarseBlock {
    std::vector<double> T, H, O;
    std::vector<double> open, closed;
    std::vector<double> mean;  // expected number of rows within, or more
    double radius[kLanes] = {};

    CoarseBlock(std::size_t n_outcomes, std::size_t n_members)
        : T(n_outcomes * kLanes),
          H(n_outcomes * kLanes),
          O(n_outcomes * kLanes),
          open(n_members * kLanes),
          closed(n_members * kLanes),
          mean(n_members * kLanes) {}
};

// T = P(N >= from), H = P(N < below) from the record, without density, of a list with `degree` powers
inline void list_bounds(const Record& record, int degree, int from, int below, double* T, double* H) {
    for (int lane = 0; lane < kLanes; ++lane) {
        double at_least = record.at_least()[lane];
        double less = 0.0;
        for (int k = degree - 1; k >= from; --k) at_least += record.G[k * kLanes + lane];
        for (int k = below - 1; k >= 0; --k) less += record.G[k * kLanes + lane];
        T[lane] = std::min(1.0, at_least);
        H[lane] = std::min(1.0, less);
    }
}

// The relative error of a product whose factors have these.
inline double both(double a, double b) { return a + b + a * b; }

// Adds the density of an outcome at eight nodes to its sums, and its error to its doubt.
inline void add_density(const double* density, const double* weight, const double* relative, double* lanes, double* doubt) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const double mass = weight[lane] * density[lane];
        lanes[lane] += mass;
        *doubt += relative[lane] * mass;
    }
}

// Whether these relative errors matter: rounding alone is of that size.
inline bool counts(const double* density, const double* weight, const double* relative) {
    double mass = 0.0;
    double by_rows = 0.0;
    for (int lane = 0; lane < kLanes; ++lane) {
        mass += weight[lane] * density[lane];
        by_rows += weight[lane] * density[lane] * relative[lane];
    }
    return by_rows > 1e-12 * mass;
}

// The relative errors of densities that are `upper` at most; 1e-14 for the rounding of both.
inline void relative_to_upper(const double* density, const double* upper, double* relative) {
    for (int lane = 0; lane < kLanes; ++lane) relative[lane] = density[lane] > 0.0 ? upper[lane] / density[lane] - 1.0 + 1e-14 : 0.0;
}

class Tallies {
public:
    virtual ~Tallies() = default;

    [[nodiscard]] virtual double dof() const = 0;
    [[nodiscard]] virtual std::size_t n_members() const = 0;
    [[nodiscard]] virtual std::size_t per_member() const = 0;
    [[nodiscard]] std::size_t n_outcomes() const { return n_members() * per_member(); }

    // a list with too few rows never wins: probability zero, no error
    [[nodiscard]] virtual bool possible(std::size_t outcome) const = 0;
    // a radius near which the contests are decided, in units of sigma
    [[nodiscard]] virtual double start() const = 0;
    // K: which arrival decides
    [[nodiscard]] virtual double deciding_arrival(std::size_t member) const = 0;
    // The contest is closed where some rows, at most K of them, all lie within, and none of them is farther than this.
    [[nodiscard]] virtual double closing_distance(std::size_t member) const = 0;
    // rows that are tallied one by one, and all rows
    [[nodiscard]] virtual std::size_t n_rows() const = 0;
    [[nodiscard]] virtual std::size_t n_all_rows() const = 0;
    [[nodiscard]] virtual int max_degree() const = 0;

    // bounds from above: they cover what far rows summed by moments leave in doubt, but not the errors of the law and of rounding
    virtual CoarseBlock coarse(const NodeBlock& block, const Accuracy& accuracy) = 0;
    // adds to lanes[outcome][kLanes] weight[kLanes] times the density of the outcome at the nodes, and to doubt[outcome] a bound of
    // how much all eight err because far rows are summed by moments
    virtual void fine(const NodeBlock& block, const Accuracy& accuracy, const double* weight, double* lanes, double* doubt) = 0;
};

}  // namespace knn_cert
