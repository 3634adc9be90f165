// leaf_interface.hpp: the leaf loops that exist once per instruction set, as a table of functions, and the data they read.
// No Python, no threads.
//
// A leaf loop takes plain pointers and allocates nothing. leaf_loops.hpp has the source; each file in simd/
// compiles it for one instruction set; leaf_loops() picks one at run time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "contest.hpp"
#include "move_tasks.hpp"

namespace knn_cert {

constexpr int kLanes = 8;             // nodes (or buckets) of a block
constexpr int kDistanceQueries = 16;  // queries that one call of the distance loop takes
constexpr int kProductTerms = 16;     // terms that are added up before their sum is added to the others
constexpr int kLawPoints = 4;         // points s that one call of law_sums takes, if not one
// Coefficients of a cell's polynomials: long ones where a function changes by more than a factor e^2 over the cell.
constexpr int kCellTerms = 14, kLongCellTerms = 26;
// The first kRoughTerms of kCellTerms are enough for a relative error of 1e-6 (measured: 5.1e-8 at most).
constexpr int kRoughTerms = 10;
constexpr double kCellsPerUnit = 4.0;  // cells have width 1/4 in s

// Which functions a cell holds. Only the smaller tail is stored where the other is its harmless complement.
enum class CellKind : std::int32_t {
    lower,   // {f, F}: F <= 0.75 at all eight nodes
    upper,   // {f, U}
    both,    // {f, F, U}
    inside,  // F = 1, U = 0, f = 0 in binary64 at all nodes: nothing stored
    outside  // F = 0, U = 1, f = 0
};

// Polynomials in x in [-1, 1] over one cell of s at the eight nodes of a block: coef[function][power][lane].
// In bucketed blocks the functions are {F_low, F_high} (lower), {U_low, U_high} (upper), {F_low, U_low, F_high, U_high} (both),
// low and high being the two ends of each bucket.
struct Cell {
    CellKind kind;
    int terms;  // kCellTerms or kLongCellTerms
    // Of cells of the continuous classifier, at the last node: F at the left end, the largest in the cell, and at the right end, the
    // smallest; and f there.
    double cdf_left = 0.0, cdf_right = 0.0, pdf_left = 0.0, pdf_right = 0.0;
    std::vector<double> coef;
    [[nodiscard]] std::size_t bytes() const { return sizeof(Cell) + coef.size() * sizeof(double); }
};

// The far rows of a list stand in pieces of s, each with this many moments (far_rows.hpp): sums over its rows of the products
// of some of x, T_2(x), T_4(x), T_8(x), x in [-1, 1] in the piece. They span the polynomials of degree 15, and none exceeds 1.
constexpr int kMoments = 16;
constexpr double kPiecesPerUnit = 2.0;  // pieces have width 1/2 in s
constexpr int kPieces = 1200;           // pieces that are used; rows beyond them are dealt with one by one

// Two ellipses around a piece, with foci at its ends, that reach kEllipseReach beyond them. A function that is analytic there
// and at most M differs by at most kEllipseError M from its interpolation in the piece's kMoments Chebyshev points: the error
// is at most 4 M r^-15 / (r - 1), r the ellipse's sum of half axes over 1/4 (Trefethen, Approximation Theory, Theorem 8.2).
constexpr double kEllipseReach[2] = {0.5, 1.0};
constexpr double kEllipseError[2] = {2.73e-12, 5.25e-16};

// The law on a piece at the eight nodes of a block, at its Chebyshev points: log U, w = F / U and g = f / U; and bounds of
// |w| and |log U|, and of |g|, on the two ellipses (law_pieces.hpp).
struct Piece {
    double cdf_left;   // F at the last node and the piece's left end
    double pdf_left;   // f there
    double cdf_right;  // F at the last node and the piece's right end
    double log_sf[kMoments][kLanes], odds[kMoments][kLanes], hazard[kMoments][kLanes];
    double odds_left[kLanes], hazard_left[kLanes];  // w at the left end; the largest g
    double sup_odds[2][kLanes], sup_hazard[2][kLanes];
    [[nodiscard]] std::size_t bytes() const { return sizeof(Piece); }
};

// The law itself at the Chebyshev points of a piece, at the eight nodes of a block; point 0 has the largest s.
struct PointLaw {
    double F[kMoments][kLanes], U[kMoments][kLanes], f[kMoments][kLanes];
    [[nodiscard]] std::size_t bytes() const { return sizeof(PointLaw); }
};

// log f + curvature w^2, and the smaller tail over f, of rows far out (law_tiles.hpp): coefficients of x^k y^m, x and y in [-1, 1].
constexpr int kTileTermsV = 12, kTileTermsW = 16;
struct LawTile {
    double coef[kTileTermsV][2][kTileTermsW];
    double middle;  // of its interval of w, which has width 1
    double curvature;
    [[nodiscard]] std::size_t bytes() const { return sizeof(LawTile); }
};

// Where the circle of a list goes at eight nodes (contour.hpp). Two points of each piece stand for its rows.
constexpr int kCirclePoints[2] = {4, 11};
struct CircleTask {
    const PointLaw* const* pieces;
    const double* weights;  // [n_pieces][2]
    std::int64_t n_pieces;
    double goal;  // the sum of p that is wanted
    // [8]: in, a guess; out, log rho. Then the standard deviation of the count, the sums of log(U + F rho), of h, and of F.
    double *log_rho, *deviation, *log_g, *hazard, *mean;
};

// Sums over the points of pieces at eight nodes, with p = F rho / (U + F rho), x = 2 p - 1, h = f / (U + F rho) (contour.hpp).
struct ContourTask {
    const PointLaw* const* pieces;
    const double* weights;    // [n_pieces][kMoments], not all positive
    const double* magnitude;  // [n_pieces]: sum of their absolute values
    const double* rounding;   // [n_pieces]: error of the sum of a function that changes by 1 over the piece
    std::int64_t n_pieces;
    const double* log_rho;  // [8]
    int n_terms;            // even
    // [n_terms + 2][8], scratch and result: sums of T_k(x) and of h T_k(x), k = 0 .. n_terms + 1
    double *C, *D;
    // [8]: the sum of log(U + F rho) and that of the terms' absolute values; the sum of F
    double *log_g, *size_of_log, *mean;
    // [8]: what the last two Chebyshev coefficients of x and h on each piece add up to; what rounding of the moments does to x and log
    double *unresolved_x, *unresolved_h, *rounded;
};

// One angle of the contour, theta = (j + 1/2) 2 pi / N.
struct ContourAngle {
    double theta, q, sine, cosine;  // q = tan(theta / 4); sine and cosine of theta / 2
    double remainder;               // bound of what the logarithm's series lacks
    double of_hazard;               // the same of the density's factor, by the sum of h
};
struct AngleTask {
    const ContourAngle* angles;
    int n_angles, n_terms;
    const double *C, *D;           // of ContourTask
    const double *offset, *inner;  // [8]: sum of p less m - 1 with the rows that are certainly within, and without m and these
    const double* log_rho;         // [8]
    const double* variance;        // [8]
    double active;                 // number of rows in C
    // [8], sums over the angles of the real parts of integrands that are 1 at rho itself: density and count; the sums of absolute
    // values; what the series' remainders may change
    double *density, *count, *size_of_density, *size_of_count, *doubt_of_density, *doubt_of_count;
};

// Sums over far rows at eight nodes (far_rows.hpp).
struct FarTask {
    const Piece* const* pieces;
    const double* weights;  // [n_pieces][kMoments], of the piece's points; not all positive
    const double* count;    // [n_pieces], rows of the piece
    const int* powers;      // [n_pieces], power sums that need the piece, at most n_powers
    std::int64_t n_pieces;
    int n_powers;
    double rounding;  // relative error of the moments
    bool density;
    double* S;        // [n_powers + 1][8]: sum of log U, sums of w^m; set
    double* S_error;  // bounds of their errors
    double* T;        // [n_powers + 1][8]: sums of g w^m; with density
    double* T_error;
};

// What sums over far rows leave in doubt at eight nodes: the largest relative error of a coefficient of G or A, and of a
// P(count < k), k up to the degree.
struct FarDoubt {
    double any_coefficient[kLanes] = {}, below_degree[kLanes] = {};
};

// What is known about the counts of one list of rows at eight nodes, D powers of it, as [power][lane]:
//     G[k] = P(k rows within), k < D, the counting polynomial;
//     A[k] = the density of one row exactly at the node and k others within ("density").
// Where no density is asked for, P(count >= D) and the expected count stand in the place of A.
struct Record {
    double *G, *A;
    [[nodiscard]] double* at_least() const { return A; }       // P(count >= D)
    [[nodiscard]] double* mean() const { return A + kLanes; }  // expected count
};

// Rows of one class, in increasing order of s, for one block of eight nodes.
struct TallyTask {
    const Cell* const* cells;  // cell of row i: cells[i]; null where `values` is used
    const double* x;           // its place in the cell
    const double* values;      // F, U, f of row i at values[24 i], used instead of cells
    std::int64_t n_rows;
    int degree;        // D: polynomials have powers 0 .. D - 1
    bool rough;        // F, U and f to a relative 1e-6 only
    double* G;         // [D][8], counting polynomial
    double* A;         // [D][8], with a row exactly at the node; null: not wanted
    double* at_least;  // [8], P(count >= D); null: not wanted (and never together with A)
    double* mean;      // [8], sum of F; null: not wanted (likewise)
};

// The law of the count under p_i = F_i rho / (U_i + F_i rho), row by row, near the mean of the rows so far (contour.hpp).
struct BandTask {
    TallyTask rows;         // cells, x, n_rows
    const double* log_rho;  // [8]
    double drop;            // what is beyond the band is below exp(-drop)
    // [n_rows + 4][8], out: P(k rows within); the density of one row at the node and k others within, by h; low <= k <= high count
    double *G, *A;
    std::int64_t low, high;
};

// Rows that are tallied in different records, `stride` doubles apart.
struct ScatterTask {
    TallyTask rows;                 // cells, x or values, n_rows and degree
    const std::int32_t* record_of;  // of each row
    Record first;                   // record 0
    std::int64_t stride;
    bool density;
};

// The rows of one class, in increasing order of s, some of which are scored: what they may cost a vote (score_tallies.hpp).
struct ScoredRows {
    const double* values;  // F, U, f of row i at values[24 i]
    std::int64_t n_rows;
    const std::int64_t* ranks;  // [n_ranks]: the rows that are scored, increasing; those from n_rows on score nothing
    std::int64_t n_ranks;
    int degree;        // K + 1: polynomials have powers 0 .. K
    double* prefixes;  // [n_ranks][2 degree][8]: G and A of the rows before each of these
    double *G, *A;     // [degree][8], of all rows
    double* scratch;   // 4 degree [8]
};

// Sums over the tallies of the K nearest rows, the next row at the node, of what a tampered row may cost (score_tallies.hpp).
struct CostTask {
    int n_classes, n_lists, degree;  // rivals; classes that have rows; K + 1
    const std::uint8_t* tallies;     // [n_tallies][n_lists]
    const std::uint8_t* winners;     // [n_tallies]: list that wins
    std::int64_t n_tallies;
    const std::int32_t* class_of;  // of each list
    // [n_tallies][n_classes][3][n_next]: what a row of the winner costs, one of another class, one of the rival; n_next is n_lists where
    // the next row's list matters, else 1
    const double* costs;
    int n_next;
    bool next_counts;     // whether the next row can be tampered with too
    const Record* lists;  // G and A of each list, powers 0 .. K
    double* work;         // (4 n_lists + 1) [8]
    double* density;      // [n_lists][8], out: "list y wins, the next row at the node"; null: not wanted
    // [n_classes][n_lists][degree][8], out: coefficients for a row within, the next one of another row of the list or of another list,
    // and for a row at the node itself
    double *within_own, *within_other, *at_node;
};

// Adds to sums[rival * stride + rank][8] what each scored row of a list costs, times the weights of the nodes.
struct ScoreTask {
    ScoredRows rows;
    int n_classes;
    bool next_counts;
    // of CostTask, this list's: rival b at b * rival_stride
    const double *within_own, *within_other, *at_node;
    std::int64_t rival_stride;
    const double* weight;  // [8]
    double* sums;
    std::int64_t stride;  // ranks of one rival
};

// The law of one row at the two ends of eight buckets.
struct BucketLaw {
    double F_low[kLanes], U_low[kLanes], F_high[kLanes], U_high[kLanes];
};

// A run of rows, in the order of their index, in one block of eight buckets (bucketed.hpp). Polynomials of list c start at
// [c * stride], stride = kLanes * the largest degree.
struct BucketTask {
    const Contest* contest;
    const Cell* const* cells;  // cell of row i; where null, laws[i] holds the law already
    const double* x;
    const std::int32_t* list;  // list of row i
    std::int64_t n_rows;
    std::int64_t stride;
    BucketLaw* laws;  // [n_rows]
    double* saved;    // [n_rows][stride], scratch
    double* before;   // rows with a lower index, at their bucket's high end
    double* after;    // rows with a higher index, at the low end
    double* work;     // scratch of winner_work_size() doubles
    double* q;        // [n_lists][kLanes], probability of each list to win, added to
    // A row's probability p to fall into a bucket is a difference of tails; by the rounding of the larger of the two p errs.
    double* q_of_tails;  // [n_lists][kLanes], the same sums with that in place of p
    double* below;       // [n_rows], F at the low end of the first bucket; set by bucket_suffix
};

struct LeafLoops {
    const char* name;
    // sums[point][3][kLanes] over j of p_j {P_j, Q_j, g_{j-1}} at eight nodes, of one point or kLawPoints ones, p_j the Poisson
    // weights of mean mu[point]; p_j0 is given, terms[j - first][3][kLanes], first <= j < end
    void (*law_sums)(int n_points, const double* mu, std::int64_t j0, const double* p_j0, const double* terms, std::int64_t first,
                     std::int64_t end, double* sums);
    // F, U, f of one row at eight nodes from the tile and the w of each, at x in all of them
    void (*tile_law)(const LawTile* const* tiles, const double* w, double x, double* F, double* U, double* f);
    // adds rows to G, A, T
    void (*tally)(const TallyTask& task);
    // F, U, f of each row to values[24 i]
    void (*laws)(const TallyTask& task, double* values);
    // forwards over the rows of a class; sums over tallies; backwards over the rows with these
    void (*score_prefixes)(const ScoredRows& rows);
    void (*costs)(const CostTask& task);
    void (*scores)(const ScoreTask& task);
    // adds each row to its record
    void (*scatter)(const ScatterTask& task);
    // out = the record of the rows of a and b together
    void (*merge)(int degree, bool density, const Record& a, const Record& b, const Record& out);
    // lists of which some rows are moved
    void (*running)(const RunningTask& task);
    void (*hull_counts)(const HullTask& task);
    void (*move_scores)(const MoveScoreTask& task);
    void (*split_counts)(const SplitTask& task);
    void (*join_counts)(const JoinTask& task);
    void (*strip_counts)(const StripTask& task);
    // effect[i] += the sum over the nodes of weight |F - F'|, signs by the direction
    void (*move_effects)(const double* still, const double* moved, std::int64_t n_rows, const double* weight, double* effect);
    // sums over far rows; their record (without density: bounds of P(count >= degree) and of the mean from above); what errors
    // these sums leave in the record of all rows of the list, and how large they are at most
    void (*far_sums)(const FarTask& task);
    void (*far_polynomials)(const FarTask& task, int degree, const Record& out);
    void (*far_error)(const FarTask& task, int degree, const Record& record, const Record& error, FarDoubt* doubt);
    // the contour of a list (contour.hpp): its circle, the sums over its points, the sums over its angles; where these do not do, its rows
    void (*circle)(const CircleTask& task);
    void (*contour_sums)(const ContourTask& task);
    void (*contour_angles)(const AngleTask& task);
    void (*band)(BandTask& task);
    // Rows of one list at distances[i] * scale: those below `near` go to near_rows, those below `far` are added to
    // moments[1 + piece][kMoments]; moments[0] is scratch. Returns how many went to near_rows.
    std::int64_t (*sort_out)(const double* distances, std::int64_t n, double scale, double near, double far, double* near_rows,
                             double* moments);
    // density[list][kLanes] of "this list wins, the K-th row at the node", from the record of each list, with density; of a pair
    // only lists 0 and 1 win
    void (*combine)(const Contest& contest, const Record* lists, double* work, double* density);
    // out[y][kLanes] = P(the lists other than y hold at most limit[y] rows together); out[n_lists] = P(the contest is open):
    // fewer than K rows within, or neither list of a race complete; out[n_lists + 1] >= P(it is closed), as a sum of its own.
    // T[list][kLanes] = P(the list holds at least its degree)
    void (*standings)(const Contest& contest, const double* G, const double* T, std::int64_t stride, const int* limit, double* work,
                      double* out);
    // the run's rows added to `after`, last one first
    void (*bucket_suffix)(const BucketTask& task);
    // boundary events of the run; `after` holds the rows behind the run and becomes the rows from its start on
    void (*bucket_rows)(const BucketTask& task);
    // out[q * out_stride + i] = ||queries_q - rows_i||^2 by direct differences, at most kDistanceQueries queries
    void (*sq_distances)(const double* queries, std::int64_t n_queries, const double* rows, std::int64_t n_rows, std::int64_t dim,
                         double* out, std::int64_t out_stride);
    // out[i][n_features] = row order[i] less the centre; rows are `stride` apart
    void (*centred)(const double* rows, std::int64_t stride, const std::int32_t* order, std::int64_t n_rows, const double* centre,
                    std::int64_t n_features, double* out);
    // ||a - centre||^2, of n features
    double (*sq_norm)(const double* a, const double* centre, std::int64_t n);
    // out[q * out_stride + i] += queries_q . rows_i over n_features (whole products where `first`). Queries stand in groups of
    // eight, [group][feature][8], rows one after the other; n_rows is a multiple of eight.
    void (*products)(const double* queries, std::int64_t n_groups, const double* rows, std::int64_t n_rows, std::int64_t n_features,
                     bool first, double* out, std::int64_t out_stride);
    // distances[i] = sqrt(max(0, q + norms[i] - 2 distances[i]))
    void (*from_products)(double sq_norm, const double* sq_norms, std::int64_t n, double* distances);
};

// Doubles of scratch that combine, standings and bucket_rows need.
inline std::int64_t winner_work_size(const Contest& contest) {
    const std::int64_t n = contest.n_lists;
    const std::int64_t k = 1 + (contest.race ? std::max(contest.degree[0], contest.degree[1]) : contest.n_neighbors);
    return kLanes * (6 * n * k + 8 * k + 8 * n + 64);
}

// The best set that this machine runs, or the one named by force_simd_level.
const LeafLoops& leaf_loops();
// Names of the sets that are built in and run here, best last.
std::vector<std::string> simd_levels();
// "" returns to the automatic choice. Throws InvalidInput for a level that is not built in or does not run here.
void force_simd_level(const std::string& name);

}  // namespace knn_cert
