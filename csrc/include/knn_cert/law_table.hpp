// law_table.hpp: cells of the distance law, built on first use and shared by queries and threads. No Python.
//
// What a cell holds depends only on (dof, block, cell index), never on who asked first: results do not depend on threads.
#pragma once

#include <atomic>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>

#include "law_block.hpp"
#include "quadrature.hpp"

namespace knn_cert {

constexpr double kComplementLimit = 0.75;     // below this a tail's complement is as accurate as the tail
constexpr double kLastTabledRadius = 2000.0;  // beyond, rows are few: evaluated one by one
constexpr std::size_t kTableBytes = std::size_t{64} << 20;

// A pointer per interval of s, each filled on first use.
template <class Entry>
class LazyRow {
public:
    explicit LazyRow(std::size_t n) : n_(n), entries_(new std::atomic<Entry*>[n]) {
        for (std::size_t i = 0; i < n_; ++i) entries_[i].store(nullptr, std::memory_order_relaxed);
    }
    ~LazyRow() {
        for (std::size_t i = 0; i < n_; ++i) delete entries_[i].load(std::memory_order_relaxed);
    }
    LazyRow(const LazyRow&) = delete;
    LazyRow& operator=(const LazyRow&) = delete;

    std::size_t size() const { return n_; }
    std::size_t bytes() const { return n_ * sizeof(std::atomic<Entry*>); }

    template <class Build>
    const Entry* get(std::size_t i, std::atomic<std::size_t>& bytes, Build&& build) {
        Entry* entry = entries_[i].load(std::memory_order_acquire);
        if (entry) return entry;
        std::unique_ptr<Entry> fresh = build();
        if (!entries_[i].compare_exchange_strong(entry, fresh.get(), std::memory_order_acq_rel)) return entry;
        bytes.fetch_add(fresh->bytes(), std::memory_order_relaxed);
        return fresh.release();
    }

private:
    std::size_t n_;
    std::unique_ptr<std::atomic<Entry*>[]> entries_;
};

// Intervals of s in [0, t_max + 40]: further rows have F < Phi(-40) = 0 at every node up to t_max.
inline std::size_t intervals(double t_max, double per_unit) {
    return static_cast<std::size_t>((std::min(t_max, kLastTabledRadius) + 40.0) * per_unit) + 2;
}

// What is known about one block of nodes.
struct BlockRows {
    LazyRow<Cell> cells;
    LazyRow<Piece> pieces;

    explicit BlockRows(double t_max) : cells(intervals(t_max, kCellsPerUnit)), pieces(intervals(t_max, kPiecesPerUnit)) {}
    std::size_t bytes() const { return cells.bytes() + pieces.bytes(); }
};

namespace detail {

constexpr int kCellValues = kLongCellTerms * kLanes;

// A fresh cell with the number of its terms. Log F and log U change by less than a factor e over it where all nodes lie within
// 7 standard deviations: by about z s / sqrt(s^2 + d) for each unit of s.
inline std::unique_ptr<Cell> start_cell(const NodeLaw& law, std::size_t index) {
    auto cell = std::make_unique<Cell>();
    const double s = (static_cast<double>(index) + 0.5) / kCellsPerUnit;
    cell->terms = law.farthest_node(std::sqrt(s * s + law.dof())) <= 7.0 ? kCellTerms : kLongCellTerms;
    return cell;
}

inline CellKind kind_of(int n_values, const double* F_first, const double* F_last, const double* U_first, const double* U_last) {
    double F_max = 0.0, U_max = 0.0;
    for (int i = 0; i < n_values; ++i) {
        F_max = std::max({F_max, F_first[i], F_last[i]});
        U_max = std::max({U_max, U_first[i], U_last[i]});
    }
    if (F_max == 0.0) return CellKind::outside;
    if (U_max == 0.0) return CellKind::inside;
    if (F_max <= kComplementLimit) return CellKind::lower;
    if (U_max <= kComplementLimit) return CellKind::upper;
    return CellKind::both;
}

// functions[i][point][lane] -> coef[i][power][lane]
inline void fit_cell(std::initializer_list<const double*> functions, Cell& cell) {
    const CellFit& fit = CellFit::of(cell.terms);
    const std::size_t size = static_cast<std::size_t>(cell.terms) * kLanes;
    cell.coef.resize(functions.size() * size);
    double* to = cell.coef.data();
    for (const double* const function : functions) {
        fit(function, to);
        to += size;
    }
}

// F at the last node and x, in a cell of {f, F}, {f, U} or {f, F, U}.
inline double last_cdf(const Cell& cell, double x) {
    if (cell.kind == CellKind::inside) return 1.0;
    if (cell.kind == CellKind::outside) return 0.0;
    const double* const tail = cell.coef.data() + static_cast<std::size_t>(cell.terms * kLanes) + kLanes - 1;
    double value = 0.0;
    for (int k = cell.terms - 1; k >= 0; --k) value = value * x + tail[k * kLanes];
    return cell.kind == CellKind::upper ? 1.0 - value : value;
}

// The point x in [-1, 1] of an interval of s, exactly: far out the last bit of s would cost F and U several.
inline Split point(double index, double x, double per_unit) {
    const Split sum = split_sum(index + 0.5, 0.5 * x);
    return {sum.value / per_unit, sum.rest / per_unit};  // a power of 2
}

// f at the last node and x, in such a cell.
inline double last_pdf(const Cell& cell, double x) {
    if (cell.kind == CellKind::inside || cell.kind == CellKind::outside) return 0.0;
    double value = 0.0;
    for (int k = cell.terms - 1; k >= 0; --k) value = value * x + cell.coef[static_cast<std::size_t>(k * kLanes + kLanes - 1)];
    return std::max(0.0, value);
}

// Where the functions of a cell are fitted.
struct CellPoints {
    Split s[kLongCellTerms];

    CellPoints(std::size_t index, int terms) {
        for (int i = 0; i < terms; ++i) s[i] = point(static_cast<double>(index), CellFit::of(terms).point(i), kCellsPerUnit);
    }
};

}  // namespace detail

// A cell of the continuous classifier: F, U and the density f at the nodes.
inline std::unique_ptr<Cell> build_cell(NodeLaw& law, std::size_t index) {
    double F[detail::kCellValues], U[detail::kCellValues], f[detail::kCellValues];
    std::unique_ptr<Cell> cell = detail::start_cell(law, index);
    const detail::CellPoints points(index, cell->terms);
    law.evaluate_close(cell->terms, points.s, F, U, f);
    cell->kind = detail::kind_of(cell->terms * kLanes, F, F, U, U);
    if (cell->kind == CellKind::lower) detail::fit_cell({f, F}, *cell);
    if (cell->kind == CellKind::upper) detail::fit_cell({f, U}, *cell);
    if (cell->kind == CellKind::both) detail::fit_cell({f, F, U}, *cell);
    cell->cdf_left = detail::last_cdf(*cell, -1.0);
    cell->cdf_right = detail::last_cdf(*cell, 1.0);
    cell->pdf_left = detail::last_pdf(*cell, -1.0);
    cell->pdf_right = detail::last_pdf(*cell, 1.0);
    return cell;
}

// A cell of the bucketed classifier: both tails at the two ends of eight buckets.
inline std::unique_ptr<Cell> build_bucket_cell(NodeLaw& low, NodeLaw& high, std::size_t index) {
    double F_low[detail::kCellValues], U_low[detail::kCellValues], F_high[detail::kCellValues], U_high[detail::kCellValues];
    double f[detail::kCellValues];
    std::unique_ptr<Cell> cell = detail::start_cell(high, index);
    cell->terms = std::max(cell->terms, detail::start_cell(low, index)->terms);
    const detail::CellPoints points(index, cell->terms);
    low.evaluate_close(cell->terms, points.s, F_low, U_low, f);
    high.evaluate_close(cell->terms, points.s, F_high, U_high, f);
    cell->kind = detail::kind_of(cell->terms * kLanes, F_low, F_high, U_low, U_high);
    if (cell->kind == CellKind::lower) detail::fit_cell({F_low, F_high}, *cell);
    if (cell->kind == CellKind::upper) detail::fit_cell({U_low, U_high}, *cell);
    if (cell->kind == CellKind::both) detail::fit_cell({F_low, U_low, F_high, U_high}, *cell);
    return cell;
}

// The Chebyshev points of a piece of width 2, and the way from moments to the weights of a sum over them.
class PiecePoints {
public:
    static const PiecePoints& get() {
        static const PiecePoints points;
        return points;
    }
    double point(int i) const { return point_[i]; }

    // sum_i weights[i] p(point(i)) = sum over the rows of p(x), for every polynomial p of degree 15
    void weights(const double* moments, double* to) const {
        for (int i = 0; i < kMoments; ++i) to[i] = 0.0;
        for (int m = 0; m < kMoments; ++m)
            for (int i = 0; i < kMoments; ++i) to[i] += moments[m] * from_moment_[m][i];
    }

private:
    PiecePoints() {
        // T_j by the moments' products: T_{h+r} = 2 T_h T_r - T_{h-r}, h the highest power of 2 in j
        double chebyshev[kMoments][kMoments] = {};
        chebyshev[0][0] = 1.0;
        for (int h = 1; h < kMoments; h *= 2) {
            chebyshev[h][h] = 1.0;
            for (int r = 1; r < h; ++r)
                for (int m = 0; m < kMoments; ++m)
                    chebyshev[h + r][m] = (m & h ? 2.0 * chebyshev[r][m ^ h] : 0.0) - chebyshev[h - r][m];
        }
        const double pi = 3.14159265358979323846;
        for (int i = 0; i < kMoments; ++i) {
            point_[i] = std::cos(pi * (i + 0.5) / kMoments);
            for (int m = 0; m < kMoments; ++m) {
                double sum = 0.0;
                for (int j = 0; j < kMoments; ++j)
                    sum += (j == 0 ? 1.0 : 2.0) / kMoments * std::cos(pi * j * (i + 0.5) / kMoments) * chebyshev[j][m];
                from_moment_[m][i] = sum;
            }
        }
    }
    double point_[kMoments], from_moment_[kMoments][kMoments];
};

namespace detail {

// I_{d/2}(z) / I_{d/2-1}(z) from below and above, d >= 1 (Amos). rho solves rho' = 1 - 2c rho / z - rho^2, c = (d-1)/2; rho' is a
// variance, so >= 0, which gives the upper bound; the lower one is a solution from below, with the same slope 1/d at 0.
inline double bessel_quotient_lower(double d, double z) {
    const double c = 0.5 * (d - 1.0);
    return z / (c + std::sqrt((c + 1.0) * (c + 1.0) + z * z));
}
inline double bessel_quotient_upper(double d, double z) {
    const double c = 0.5 * (d - 1.0);
    return z > 0.0 ? z / (c + std::sqrt(c * c + z * z)) : 0.0;
}

// A bound from below of |U(s + iy)| / U(s) for |y| <= reach and s in [from, to], given g = f / U at from, the largest, and at to, the
// least: 0 where there is none. U(s + iy) = exp(y^2/2) U(s) E exp(iyN), N the noise along the row given that R > t, and |E exp(iyN)|
// is at least the mean of cos(y (N - E N)), 1 - y^2 V / 2. Here V = 1 + U''/U - (U'/U)^2 = 1 + g (t - rho (s + (d-1)/s)) - g^2
// rho^2 with U' = rho f, rho at st; rho s grows with s, rho / s falls. With V the bound has its least value at an end of [0, reach].
inline double least_share(double d, double t, double from, double to, double g_from, double g_to, double reach) {
    const double rho_from = bessel_quotient_lower(d, from * t), rho_to = bessel_quotient_lower(d, to * t);
    const double slope = t - rho_from * from - (to > 0.0 ? (d - 1.0) * rho_to / to : 0.0);
    const double V = 1.0 + g_from * std::max(0.0, slope) - g_to * rho_from * (g_to * rho_from);
    const double y2 = reach * reach, at_reach = std::exp(0.5 * y2) * (1.0 - 0.5 * y2 * std::max(0.0, V));
    return std::max(0.0, std::min(1.0, at_reach));
}

// The supremum of f over s in [from, to] from its values at the ends: d log f / ds = t rho(st) - s.
inline double supremum(double d, double t, double from, double to, double f_from, double f_to) {
    const double rise = std::max(0.0, t * bessel_quotient_upper(d, to * t) - from);
    const double fall = std::max(0.0, to - t * bessel_quotient_lower(d, from * t));
    return std::max({f_from, f_to, std::min(f_from * std::exp(rise * (to - from)), f_to * std::exp(fall * (to - from)))});
}

}  // namespace detail

namespace detail {

// The law at the nodes around a piece that starts at `left`: at left - 1, left - 1/2, ..., left + 3/2. The ellipses reach no farther.
struct PieceSurroundings {
    static constexpr int kSamples = 6, kLeft = 2, kRight = 3;
    static_assert(kPiecesPerUnit == 2.0 && kEllipseReach[1] == 1.0, "samples are 1/2 apart and as far as the ellipses");

    double left;
    Split s[kSamples];  // the law depends on |s|
    double F[kSamples][kLanes], U[kSamples][kLanes], f[kSamples][kLanes];

    PieceSurroundings(NodeLaw& law, double left_end) : left(left_end) {
        for (int i = 0; i < kSamples; ++i) s[i] = {std::fabs(left + 0.5 * (i - kLeft))};
        law.evaluate(s[0].value, F[0], U[0], f[0]);
        law.evaluate_close(kSamples - 1, s + 1, F[1], U[1], f[1]);
    }

    // First and last sample of the ellipse e.
    static int first(int e) { return static_cast<int>(kLeft - 2.0 * kEllipseReach[e]); }
    static int last(int e) { return static_cast<int>(kRight + 2.0 * kEllipseReach[e]); }
    // The sample of it that is nearest to the query, where F is largest: the ellipse may reach beyond s = 0.
    int nearest(int e) const { return left >= kEllipseReach[e] ? first(e) : kLeft - static_cast<int>(2.0 * left); }
    double hazard(int i, int lane) const { return U[i][lane] > 0.0 ? f[i][lane] / U[i][lane] : 0.0; }

    double largest_density(int e, int lane, double d, double t) const {
        double largest = 0.0;
        for (int i = first(e); i < last(e); ++i) {
            const bool rises = s[i].value < s[i + 1].value;
            const int nearer = rises ? i : i + 1, farther = rises ? i + 1 : i;
            largest = std::max(largest, supremum(d, t, s[nearer].value, s[farther].value, f[nearer][lane], f[farther][lane]));
        }
        return largest;
    }
};

// Where nothing is known about U a piece holds nothing: its bounds are this, its values 0.
constexpr double kInvalidPiece = 1e300;

// Bounds of |w| and |log U|, and of |g|, on an ellipse.
//
// For complex s, |F(s + iy)| <= exp(y^2 / 2) F(s), and so for f and U (the noise is Gaussian: the bound holds at each of its points).
// With F falling in s, F on an ellipse is at most exp(y^2 / 2) F(left end - reach), y its half axis, and |U| at least 1 less
// that, or least_share of U(left end - reach). In the first case |log U| <= |F| / |U|. In the second |log U| is at most
// log(1 / |U|), or y^2 / 2 where |U| > 1, and the angle of U at most y E N + pi / 2, as the mean of cos(y (N - E N)) is positive;
// E N = rho g <= g. (The law is needed for d >= 1 alone: the gate sees to it.)
inline void bound_on_ellipse(const PieceSurroundings& around, int e, int lane, double d, double t, double* sup_odds, double* sup_hazard) {
    // half axes y of the ellipses, sqrt(reach (reach + 1/2)) with foci 1/2 apart, rounded up; and exp(y^2 / 2)
    constexpr double kHalfAxis[2] = {0.70711, 1.22475}, kGrowth[2] = {1.28404, 2.11702};
    constexpr double kLargest = 1e100;  // of a quotient |F| / |U|: beyond, nothing is known about U
    constexpr double kAngle = 1.5708;   // pi / 2, rounded up
    const int nearest = around.nearest(e), last = PieceSurroundings::last(e);
    const double cdf = kGrowth[e] * around.F[nearest][lane], g = around.hazard(nearest, lane);
    const double by_share = around.U[nearest][lane] * least_share(d, t, around.s[nearest].value, around.s[last].value, g,
                                                                  around.hazard(last, lane), kHalfAxis[e]);
    const double sf = std::max(1.0 - cdf, by_share);
    const bool safe = sf > 0.0 && cdf <= kLargest * sf;
    *sup_odds = safe ? cdf / sf : kInvalidPiece;
    if (safe && by_share > 1.0 - cdf)
        *sup_odds = std::max(*sup_odds, std::hypot(std::max(-std::log(sf), 0.5 * kHalfAxis[e] * kHalfAxis[e]), kHalfAxis[e] * g + kAngle));
    *sup_hazard = safe ? kGrowth[e] * around.largest_density(e, lane, d, t) / sf : kInvalidPiece;
}

}  // namespace detail

// A piece for far rows.
inline std::unique_ptr<Piece> build_piece(NodeLaw& law, std::size_t index) {
    using Around = detail::PieceSurroundings;
    const Around around(law, static_cast<double>(index) / kPiecesPerUnit);
    auto piece = std::make_unique<Piece>();
    piece->cdf_left = around.F[Around::kLeft][kLanes - 1];
    piece->pdf_left = around.f[Around::kLeft][kLanes - 1];
    piece->cdf_right = around.F[Around::kRight][kLanes - 1];
    Split s[kMoments];
    double F[kMoments][kLanes], U[kMoments][kLanes], f[kMoments][kLanes];
    for (int i = 0; i < kMoments; ++i) s[i] = detail::point(static_cast<double>(index), PiecePoints::get().point(i), kPiecesPerUnit);
    law.evaluate_close(kMoments, s, F[0], U[0], f[0]);
    for (int lane = 0; lane < kLanes; ++lane) {
        for (int e = 0; e < 2; ++e)
            detail::bound_on_ellipse(around, e, lane, law.dof(), law.node(lane), &piece->sup_odds[e][lane], &piece->sup_hazard[e][lane]);
        const double F_left = around.F[Around::kLeft][lane], U_left = around.U[Around::kLeft][lane];
        const bool valid = std::min(piece->sup_odds[0][lane], piece->sup_odds[1][lane]) < detail::kInvalidPiece && U_left > 0.0;
        piece->odds_left[lane] = valid ? F_left / U_left : detail::kInvalidPiece;
        piece->hazard_left[lane] = std::min(piece->sup_hazard[0][lane], piece->sup_hazard[1][lane]);
        for (int i = 0; i < kMoments; ++i) {
            piece->log_sf[i][lane] = !valid ? 0.0 : F[i][lane] < 0.5 ? std::log1p(-F[i][lane]) : std::log(U[i][lane]);
            piece->odds[i][lane] = valid ? F[i][lane] / U[i][lane] : 0.0;
            piece->hazard[i][lane] = valid ? f[i][lane] / U[i][lane] : 0.0;
        }
    }
    return piece;
}

// The cells and pieces of all node blocks for one dof.
class LawTable {
public:
    explicit LawTable(double dof) : dof_(dof) {}

    double dof() const { return dof_; }
    std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

    BlockRows& rows(const NodeBlock& block) {
        std::lock_guard<std::mutex> lock(mutex_);
        std::unique_ptr<BlockRows>& rows = rows_[{block.level, block.index}];
        if (!rows) {
            rows = std::make_unique<BlockRows>(radius_of(block.position(kLanes - 1)));
            bytes_.fetch_add(rows->bytes(), std::memory_order_relaxed);
        }
        return *rows;
    }

    // law() gives the law at the block's nodes; it is called only where the entry is not there yet
    template <class Law>
    const Cell* cell(BlockRows& rows, std::size_t index, Law&& law) {
        return rows.cells.get(index, bytes_, [&] { return build_cell(law(), index); });
    }
    template <class Law>
    const Piece* piece(BlockRows& rows, std::size_t index, Law&& law) {
        return rows.pieces.get(index, bytes_, [&] { return build_piece(law(), index); });
    }

    // The table that calls with this dof share. One that has outgrown its budget is left to its present users and replaced.
    static std::shared_ptr<LawTable> shared(double dof) {
        // never destroyed: a thread may still be at work when the process ends
        static std::mutex& mutex = *new std::mutex;
        static std::shared_ptr<LawTable>& recent = *new std::shared_ptr<LawTable>;
        std::lock_guard<std::mutex> lock(mutex);
        if (!recent || recent->dof() != dof || recent->bytes() > kTableBytes) recent = std::make_shared<LawTable>(dof);
        return recent;
    }

private:
    double dof_;
    std::mutex mutex_;
    std::map<std::pair<int, std::int64_t>, std::unique_ptr<BlockRows>> rows_;
    std::atomic<std::size_t> bytes_{0};
};

}  // namespace knn_cert
