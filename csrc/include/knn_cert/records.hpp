// records.hpp: the records of several lists (leaf_interface.hpp) in one array. No Python, no threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "leaf_interface.hpp"

namespace knn_cert {

// Doubles of a record's second half: A, or P(count >= D) and the expected count.
inline std::size_t second_size(int degree, bool density) {
    return static_cast<std::size_t>(kLanes) * (density ? static_cast<std::size_t>(degree) : 2);
}
inline std::size_t first_size(int degree) { return static_cast<std::size_t>(kLanes) * static_cast<std::size_t>(degree); }

// The record of n rows that are within for certain.
inline void set_rows_within(std::size_t n, const Record& record, int degree, bool density) {
    std::fill_n(record.G, first_size(degree), 0.0);
    std::fill_n(record.A, second_size(degree, density), 0.0);
    if (n < static_cast<std::size_t>(degree)) std::fill_n(record.G + n * kLanes, kLanes, 1.0);
    if (density) return;
    if (n >= static_cast<std::size_t>(degree)) std::fill_n(record.at_least(), kLanes, 1.0);
    std::fill_n(record.mean(), kLanes, static_cast<double>(n));
}
inline void set_no_rows(const Record& record, int degree, bool density) { set_rows_within(0, record, degree, density); }

inline void copy_record(const Record& from, int degree, bool density, const Record& to) {
    std::copy_n(from.G, first_size(degree), to.G);
    std::copy_n(from.A, second_size(degree, density), to.A);
}

// Records of one size, one after the other.
class Records {
public:
    Records() = default;
    Records(Records&&) = default;  // the values stay where they are
    Records& operator=(Records&&) = default;

    // n records with room for `degree` powers.
    void resize(std::size_t n, int degree) {
        const std::size_t half = std::max(first_size(degree), second_size(degree, false));
        if (n == records_.size() && half == half_) return;
        half_ = half;
        values_.resize(n * 2 * half);
        records_.resize(n);
        for (std::size_t i = 0; i < n; ++i) {
            records_[i].G = values_.data() + i * 2 * half;
            records_[i].A = records_[i].G + half;
        }
    }
    const Record& operator[](std::size_t i) const { return records_[i]; }
    // Doubles from one record to the next.
    [[nodiscard]] std::int64_t stride() const { return static_cast<std::int64_t>(2 * half_); }

private:
    std::vector<double> values_;
    std::vector<Record> records_;
    std::size_t half_ = 0;
};

}  // namespace knn_cert
