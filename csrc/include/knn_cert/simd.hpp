// simd.hpp: the leaf loops that exist once per instruction set, and the data they read. No Python, no threads.
//
// A leaf loop takes plain pointers and allocates nothing. simd/leaf_loops.inl holds the source; each file in simd/
// compiles it for one instruction set; leaf_loops() picks one at run time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace knn_cert {

constexpr int kLanes = 8;             // nodes (or buckets) of a block
constexpr int kDistanceQueries = 16;  // queries that one call of the distance loop takes
// Coefficients of a cell's polynomials: long ones where a function changes by more than a factor e over the cell.
constexpr int kCellTerms = 12, kLongCellTerms = 18;
// Of the former, so many are enough for a relative 1e-6: with z the row's distance from the node in standard deviations, at most
// 8 there, the others add up to less than (e |z| / (16 * 8))^8 (law_block.hpp).
constexpr int kRoughTerms = 8;
constexpr double kCellsPerUnit = 8.0;  // cells have width 1/8 in s

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
    int terms;         // kCellTerms or kLongCellTerms
    double cdf_left;   // F at the last node and the cell's left end: no F in the cell is larger
    double cdf_right;  // F at the last node and the cell's right end
    std::vector<double> coef;
};

// Rows of one class, in increasing order of s, for one block of eight nodes.
struct TallyTask {
    const Cell* const* cells;    // cell of row i: cells[i]; null where `values` is used
    const double* x;             // its place in the cell
    const double* values;        // F, U, f of row i at values[24 i], used instead of cells
    std::int64_t n_rows;
    int degree;                  // D: polynomials have powers 0 .. D - 1
    bool rough;                  // F, U and f to a relative 1e-6 only
    double* G;                   // [D][8], counting polynomial
    double* A;                   // [D][8], with a row exactly at the node; null: not wanted
    double* T;                   // [8], P(count >= D); null: not wanted (and never together with A)
    double* mean;                // [8], sum of F; null: not wanted (likewise)
};

// Rows that are tallied in different records. Record k starts at records[k * record] with G[degree][8]; from its middle on it has
// A[degree][8] (density), or T[8] and mean[8].
struct ScatterTask {
    TallyTask rows;                 // cells, x or values, n_rows and degree
    const std::int32_t* record_of;  // of each row
    double* records;
    std::int64_t record;
    bool density;
};

// What the vote asks of the counts of each list (winner.hpp).
struct Contest {
    int n_lists;            // lists of rows: the classes that have rows, in the order of their index
    int degree[2];          // race: powers kept for each of the two lists; vote: degree[0] = K for all
    bool race;              // two lists: list 0 wins iff its degree[0]-th row comes before the degree[1]-th of list 1
    int n_neighbors;        // K, for the vote
    int degree_of(int list) const { return race ? degree[list] : degree[0]; }
};

// The law of one row at the two ends of eight buckets, and its probability p to fall between them.
// p is a difference of tails; `tail` is the larger of the two, by whose rounding p errs.
struct BucketLaw {
    double F_low[kLanes], U_low[kLanes], F_high[kLanes], U_high[kLanes], p[kLanes], tail[kLanes];
};

// A run of rows, in the order of their index, in one block of eight buckets (bucketed.hpp). Polynomials of list c start at
// [c * stride], stride = kLanes * the largest degree.
struct BucketTask {
    const Contest* contest;
    const Cell* const* cells;   // cell of row i; where null, laws[i] holds the law already
    const double* x;
    const std::int32_t* list;   // list of row i
    std::int64_t n_rows;
    std::int64_t stride;
    BucketLaw* laws;            // [n_rows]
    double* saved;              // [n_rows][stride], scratch
    double* before;             // rows with a lower index, at their bucket's high end
    double* after;              // rows with a higher index, at the low end
    double* work;               // scratch of winner_work_size() doubles
    double* q;                  // [n_lists][kLanes], probability of each list to win, added to
    double* q_of_tails;         // [n_lists][kLanes], the same sums with `tail` in place of p
};

struct LeafLoops {
    const char* name;
    // sums over j of p_j {P_j, Q_j, g_{j-1}} at eight nodes; p_j0 is given, terms[j - first][3][kLanes], first <= j < end
    void (*law_sums)(double mu, std::int64_t j0, double p_j0, const double* terms, std::int64_t first, std::int64_t end,
                     double* sums);
    // adds rows to G, A, T
    void (*tally)(const TallyTask& task);
    // adds each row to its record
    void (*scatter)(const ScatterTask& task);
    // the record of two sets of rows together, laid out as in ScatterTask; `second` is its middle
    void (*merge)(int degree, bool density, std::int64_t second, const double* a, const double* b, double* out);
    // adds to q[list][kLanes] weight[kLanes] times the density of "this list wins, the K-th row at the node"
    void (*combine)(const Contest& contest, const double* G, const double* A, std::int64_t stride, const double* weight,
                    double* work, double* q);
    // out[y][kLanes] = P(the lists other than y hold at most limit[y] rows together); out[n_lists] = P(the contest is open):
    // fewer than K rows within, or neither list of a race complete; out[n_lists + 1] >= P(it is closed), as a sum of its own.
    // T[list][kLanes] = P(the list holds at least its degree)
    void (*standings)(const Contest& contest, const double* G, const double* T, std::int64_t stride, const int* limit,
                      double* work, double* out);
    // the run's rows added to `after`, last one first
    void (*bucket_suffix)(const BucketTask& task);
    // boundary events of the run; `after` holds the rows behind the run and becomes the rows from its start on
    void (*bucket_rows)(const BucketTask& task);
    // out[q * out_stride + i] = ||queries_q - rows_i||^2 by direct differences, at most kDistanceQueries queries
    void (*sq_distances)(const double* queries, std::int64_t n_queries, const double* rows, std::int64_t n_rows,
                         std::int64_t dim, double* out, std::int64_t out_stride);
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
