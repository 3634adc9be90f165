// move_tasks.hpp: what the leaf loops over lists of moved rows read and write. No Python, no threads.
#pragma once

#include <cstdint>
#include <vector>

namespace knn_cert {

// Lists of which some rows are moved (moved_list.hpp). Laws of rows stand as [row][F, U, f][8], near to far; counts are P(fewer than D).
// The records of 0 .. n rows, in an order or as they stand: the first ones or, backwards, the last ones.
struct RunningTask {
    const double* values;       // laws
    const std::int32_t* order;  // null: as they stand
    std::int64_t n_rows;
    bool backwards, density;
    int degree;
    std::int64_t first, last;  // of the rows before which, or from which on, records are kept
    double* scratch;           // [2 D][8]
    double* out;               // [last - first + 1][D or 2 D][8]: G, then A with density
};

// Counts of a list whose rows from .. to - 1, its hull, are bounded rank by rank with n_moved of them moved, or stand as they are.
struct HullTask {
    const double *still, *moved;  // laws
    std::int64_t n_rows, n_moved;
    bool outward, ranks, without_two;  // ... less the two nearest of the hull
    const double *from, *to;           // [8]
    int degree;
    double* G;         // [D][8], added to
    double* at_least;  // [8]: P(at least D)
};

// What each row is worth to the one who moves it, -1 outside the hull; the smallest unimodal curve above; how far that is above at most,
// relative to 1 + x; the first row of the largest x.
struct MoveScoreTask {
    const double *still, *moved;  // laws
    std::int64_t n_rows;
    const double *alpha, *beta;  // [8]: the larger one is 1
    const double *from, *to;     // [8]
    double *x, *envelope;        // [n_rows][8]
    double *above, *peak;        // [8]
};

// Counts of lists of which the rows left .. right - 1 are moved: both ends move outwards from one split to the next.
struct SplitTask {
    const double* moved;                     // laws
    const double *before, *after;            // records without density of the rows before each row from first_before on, ...
    std::int64_t first_before, first_after;  // ... and from each row from first_after on
    const std::int32_t *left, *right;        // [n_splits][8]
    std::int64_t n_splits;
    int degree;
    double* scratch;  // [4 D][8]
    double* less;     // [n_splits][8]
};

// Two records with density, of moved rows and of all others, put together for each split.
struct JoinTask {
    const double *moved, *still;  // [n_splits][2 D][8]
    std::int64_t n_splits;
    int degree;
    double *density, *less, *last;  // [n_splits][8]: of the D-th row; P(fewer than D), P(D - 1)
};

// Eight boxes beside the real axis: all x + tau + iw with |tau| <= delta and 0 <= w <= y (strip.hpp).
struct StripNodes {
    double y[8], delta[8], left[8], right[8];       // left = x - delta, right = x + delta
    double slope_left[8], slope_right[8], bend[8];  // (d - 1)/x - x at either end; 1 + (d - 1)/left^2
    double B[8], C[8];                              // |f| and |U| grow by no more than B beside the axis, |F| by no more than C
    double grow_F[8], grow_U[8];                    // F(right) / F and U(left) / U, at most
    double rate_F[8], rate_U[8];                    // f / F and f / U, at most
};

// Bounds of a list of which any n_moved rows are moved, in such boxes.
struct StripTask {
    const StripNodes* nodes;
    const double *still, *moved;  // laws
    const double *s, *s_moved;    // [n_rows], increasing
    std::int64_t n_rows, n_moved;
    int lane;  // all boxes stand for this node of the laws; -1: each for its own
    int degree;
    double dof;
    double *less, *density;  // [8]: logarithms
};

// The laws of the rows of one list at the nodes of one block: [row][F, U, f][8].
struct MovedLaws {
    std::vector<double> still, moved;
    std::int64_t n = 0;
};

// What is known of all splits at the nodes of one block: [moved rows][8].
struct SplitLanes {
    std::vector<double> bound;                // P(fewer than D): the most of it (outward) or the least (inward)
    std::vector<double> density, less, last;  // of the rows that the attack moves: of the D-th row; P(fewer than D), P(D - 1)
};

}  // namespace knn_cert
