// arrival.hpp: about when the m-th row of a list arrives. No Python, no threads, no allocation.
//
// Nothing but steps and first guesses depends on it: the distance of a row is taken for normal about sqrt(s^2 + d - 1/2).
#pragma once

#include <algorithm>
#include <cmath>

#include "contour_rows.hpp"
#include "law_table.hpp"

namespace knn_cert {

struct Arrival {
    double t = 1.0, width = 1.0;  // radius and standard deviation of the arrival
    double deviation = 0.0;       // of the count there
    // of the tables, and nearer than rows that are in no piece; if not, t is less than the radius of the arrival
    bool within_reach = false;

    Arrival() = default;
    Arrival(const ContourRows& rows, double m, double dof) {
        const double s = rows.within(m);
        const double middle = std::sqrt(s * s + dof);
        within_reach = std::isfinite(s) && middle <= kLastTabledRadius - 200.0 && !(rows.any_beyond() && middle > rows.reach() - kMargin);
        if (!within_reach) {
            t = std::max(1e-3, rows.reach() - kMargin);
            return;
        }
        double low = std::max(0.0, middle - 12.0);
        double high = middle + 12.0;
        t = middle;
        Count here = count(rows, t, dof);
        for (int i = 0; i < 40 && high - low > 1e-6; ++i) {
            const double miss = here.mean - (m - 0.5);
            if (std::fabs(miss) <= 0.2 * std::sqrt(here.variance) + 0.05) break;
            (miss > 0.0 ? high : low) = t;
            const double next = t - miss / std::max(here.slope, 1e-12);
            t = next > low && next < high ? next : 0.5 * (low + high);
            here = count(rows, t, dof);
        }
        t = std::max(t, 1e-3);
        deviation = std::sqrt(here.variance);
        width = std::max(deviation, 0.5) / std::max(here.slope, 1.0);
    }

private:
    static constexpr double kMargin = 60.0;  // rows so far beyond a radius do not count there

    struct Count {
        double mean = 0.0, variance = 0.0, slope = 0.0;
    };
    static Count count(const ContourRows& rows, double t, double d) {
        Count out;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const double s = rows.centre(i);
            const double deviation = std::sqrt((0.5 * d + s * s) / (d + s * s));
            const double z = (t - std::sqrt(s * s + std::max(0.5, d - 0.5))) / deviation;
            const double n = rows.count(i);
            if (z < -6.0) break;
            if (z > 6.0) {
                out.mean += n;
                continue;
            }
            const double F = 0.5 * std::erfc(-0.70710678118654752 * z);
            out.mean += n * F;
            out.variance += n * F * (1.0 - F);
            out.slope += n * 0.3989422804014327 * std::exp(-0.5 * z * z) / deviation;
        }
        return out;
    }
};

}  // namespace knn_cert
