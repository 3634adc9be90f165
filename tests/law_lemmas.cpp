// law_lemmas.cpp: numbers of the C++ kernel for test_law_lemmas.py, which compiles and runs this with its headers alone.
#define KNN_CERT_HEADER_ONLY
#include <knn_cert/leaf_loops.hpp>
#include <knn_cert/placed_rows.hpp>
#include <cstdio>
using namespace knn_cert;

// D rows at s = 3 and 20 at a farther distance, left out or not: the largest relative change of G and A over
// what was asked for.
void rows_left_out(double d, int degree) {
    const double skip = 1e-11;
    double worst[2] = {0.0, 0.0};
    BlockLaw law(d, leaf_loops());
    law.refresh();
    for (int way = 0; way < 2; ++way)
        for (int index = -1; index < 3; ++index)
            for (int i = 0; i < 120; ++i) {
                std::vector<double> s(static_cast<std::size_t>(degree), 3.0);
                s.resize(s.size() + 20, 3.05 + 0.1 * i);
                PlacedRows rows;
                rows.place(s.data(), s.size(), way == 0);
                double polynomials[2][2][4 * kLanes] = {};
                for (int all = 0; all < 2; ++all) {
                    PlacedRows::Horizon horizon;
                    horizon.s = all ? horizon.s : 3.0;
                    horizon.n_rows = static_cast<double>(s.size());
                    horizon.degree = degree;
                    horizon.skip = skip;
                    TallyTask task{};
                    task.degree = degree;
                    task.G = polynomials[all][0];
                    task.A = polynomials[all][1];
                    for (int lane = 0; lane < kLanes; ++lane) task.G[lane] = 1.0;
                    rows.prepare({1, index}, law, horizon, task);
                    leaf_loops().tally(task);
                }
                for (int which = 0; which < 2; ++which)
                    for (int k = 0; k < degree * kLanes; ++k) {
                        const double full = polynomials[1][which][k], part = polynomials[0][which][k];
                        const double change = std::fabs(part / full - 1.0) / skip;
                        if (full > 1e-280) worst[which] = std::max(worst[which], change);
                    }
            }
    std::printf("%.6g %.6g\n", worst[0], worst[1]);
}

// The largest error of the cells' f and smaller tail against single evaluation, relative: within 15 standard
// deviations and beyond.
void cells() {
    std::uint64_t state = 88172645463325252ull;
    const auto uniform = [&state] {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        return static_cast<double>(state >> 11) / 9007199254740992.0;
    };
    double worst[2] = {0.0, 0.0};
    for (int i = 0; i < 150; ++i) {
        const double d = std::exp(12.0 * uniform() * uniform()), s_0 = (i % 2 ? 20.0 : 600.0) * uniform();
        const double deviation = std::sqrt((d + 2.0 * s_0 * s_0) / (d + s_0 * s_0) / 2.0);
        const double z = 37.0 * (2.0 * uniform() - 1.0), middle = std::sqrt(s_0 * s_0 + d) + z * deviation;
        if (middle < 0.1) continue;
        double nodes[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) nodes[lane] = middle + lane / 64.0;
        NodeLaw law;
        law.set_nodes(d, nodes, leaf_loops());
        const std::size_t index = static_cast<std::size_t>(s_0 * kCellsPerUnit);
        const auto cell = build_cell(law, index);
        const Cell* const pointer = cell.get();
        const double x = 2.0 * uniform() - 1.0, s = (static_cast<double>(index) + 0.5 + 0.5 * x) / kCellsPerUnit;
        const double place = 2.0 * (s * kCellsPerUnit - static_cast<double>(index)) - 1.0;
        TallyTask task{};
        double G[kLanes], A[kLanes] = {};
        std::fill_n(G, kLanes, 1.0);
        task.cells = &pointer, task.x = &place, task.n_rows = 1, task.degree = 1, task.G = G, task.A = A;
        leaf_loops().tally(task);  // one row: G = U, A = f
        for (int lane = 0; lane < kLanes; ++lane) {
            const ScaledLaw truth = distance_law(d, split_square(s), split_square(nodes[lane]));
            const bool far = std::fabs(nodes[lane] - std::sqrt(s * s + d)) > 15.0 * deviation;
            if (truth.pdf() < 1e-290 || truth.own() < 1e-290) continue;
            worst[far ? 1 : 0] = std::max(worst[far ? 1 : 0], std::fabs(A[lane] / truth.pdf() - 1.0));
            if (!truth.lower) worst[far ? 1 : 0] = std::max(worst[far ? 1 : 0], std::fabs(G[lane] / truth.sf() - 1.0));
        }
    }
    std::printf("%.3g %.3g\n", worst[0], worst[1]);
}

// each line "d t index": the bounds of that piece at a node t, and of the quotient of Bessel functions
int main(int argc, char** argv) {
    double d, t;
    int index;
    if (argc == 2) cells();
    if (argc > 2) rows_left_out(std::atof(argv[1]), std::atoi(argv[2]));
    while (std::scanf("%lf %lf %d", &d, &t, &index) == 3) {
        double nodes[kLanes];
        for (double& node : nodes) node = t;
        NodeLaw law;
        law.set_nodes(d, nodes, leaf_loops());
        const auto piece = build_piece(law, static_cast<std::size_t>(index));
        std::printf("%.17g %.17g ", piece->sup_odds[0][0], piece->sup_odds[1][0]);
        std::printf("%.17g %.17g ", piece->sup_hazard[0][0], piece->sup_hazard[1][0]);
        std::printf("%.17g %.17g ", piece->hazard_left[0], detail::bessel_quotient_lower(d, t * index));
        std::printf("%.17g\n", detail::bessel_quotient_upper(d, t * index));
    }
}
