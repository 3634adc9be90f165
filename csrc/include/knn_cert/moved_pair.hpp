// moved_pair.hpp: alpha and beta, by which rows that may be moved are compared (moved_list.hpp). No Python, no threads.
#pragma once

#include <algorithm>

#include "leaf_interface.hpp"

namespace knn_cert {

// alpha = P(D - 2) and beta = P(D - 1) of a count, not normed.
struct MovedPair {
    double alpha[kLanes], beta[kLanes];
};

// One end of the bracket of alpha / beta from what bounds it, the larger of the two made 1.
inline MovedPair bracket_of(const MovedPair& pair, bool least) {
    constexpr double kWider = 1e-8;   // errors of the laws of all rows and of rounding are far below
    constexpr double kTiny = 1e-290;  // numbers below may have lost their digits
    MovedPair out;
    for (int lane = 0; lane < kLanes; ++lane) {
        double alpha = pair.alpha[lane];
        double beta = pair.beta[lane];
        if (least) {
            alpha = alpha < kTiny ? 0.0 : alpha * (1.0 - kWider);
            beta = std::max(beta, kTiny);
        } else {
            alpha = std::max(alpha, kTiny) * (1.0 + kWider);
            beta = beta < kTiny ? 0.0 : beta;
        }
        const double larger = std::max(alpha, beta);
        out.alpha[lane] = alpha / larger;
        out.beta[lane] = beta / larger;
    }
    return out;
}

}  // namespace knn_cert
