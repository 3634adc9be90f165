// parallel.hpp: independent items over threads; the first error is rethrown, the caller's checkpoint is honoured. No Python.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "status.hpp"

namespace knn_cert {

// Calls a checkpoint about ten times a second, however often it is asked to.
class Pulse {
public:
    explicit Pulse(Checkpoint checkpoint) : checkpoint_(checkpoint), last_(std::chrono::steady_clock::now()) {}
    void operator()() {
        const auto now = std::chrono::steady_clock::now();
        if (now - last_ <= std::chrono::milliseconds(100)) return;
        checkpoint_();
        last_ = now;
    }

private:
    Checkpoint checkpoint_;
    std::chrono::steady_clock::time_point last_;
};

// work(worker, item) for every item in [0, n_items); items are handed out one by one. The calling thread works too, as worker 0, and calls
// the checkpoint about ten times a second; what it throws stops all workers. Nothing is lost: the first exception of any
// worker is rethrown here after all have stopped.
template <class Work>
void for_each_item(std::int64_t n_items, int n_threads, Checkpoint checkpoint, Work&& work) {
    std::atomic<std::int64_t> next{0};
    std::atomic<bool> stop{false};
    std::exception_ptr first_error;
    std::mutex error_mutex;
    const auto run = [&](int worker, bool calling_thread) {
        Pulse pulse(checkpoint);
        try {
            while (!stop.load(std::memory_order_relaxed)) {
                const std::int64_t item = next.fetch_add(1, std::memory_order_relaxed);
                if (item >= n_items) break;
                work(worker, item);
                if (calling_thread) pulse();
            }
        } catch (...) {
            std::lock_guard<std::mutex> lock(error_mutex);
            if (!first_error) first_error = std::current_exception();
            stop.store(true, std::memory_order_relaxed);
        }
    };
    std::vector<std::thread> others;
    const std::int64_t wanted = std::min<std::int64_t>(n_threads, n_items);
    try {
        for (int worker = 1; worker < wanted; ++worker) others.emplace_back(run, worker, false);
    } catch (const std::system_error&) {
        // the system gives no more threads: those that run, and this one, do all the work
    }
    run(0, true);
    for (std::thread& thread : others) thread.join();
    if (first_error) std::rethrow_exception(first_error);
}

}  // namespace knn_cert
