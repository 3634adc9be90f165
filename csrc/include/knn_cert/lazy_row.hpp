// lazy_row.hpp: a row of pointers, each filled on first use, by whichever thread comes first. No Python.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace knn_cert {

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

    [[nodiscard]] std::size_t size() const { return n_; }
    [[nodiscard]] std::size_t bytes() const { return n_ * sizeof(std::atomic<Entry*>); }

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

}  // namespace knn_cert
