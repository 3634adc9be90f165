// parallel.hpp: independent items over threads; the first error is rethrown, the caller's checkpoint is honoured. No Python.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

#include "status.hpp"

namespace knn_cert {

// What work does while it lasts: it calls the checkpoint about ten times a second, and ends where others have been stopped.
class Pulse {
public:
    explicit Pulse(Checkpoint checkpoint, const std::atomic<bool>* stop = nullptr)
        : checkpoint_(checkpoint), stop_(stop), last_(std::chrono::steady_clock::now()), before_(current()) {
        current() = this;
    }
    ~Pulse() { current() = before_; }
    Pulse(const Pulse&) = delete;
    Pulse& operator=(const Pulse&) = delete;

    // Thrown where another thread's error has stopped all; for_each_item keeps it to itself.
    struct Stopped {};

    void operator()() {
        if (stop_ && stop_->load(std::memory_order_relaxed)) throw Stopped{};
        const auto now = std::chrono::steady_clock::now();
        if (now - last_ <= std::chrono::milliseconds(100)) return;
        checkpoint_();
        last_ = now;
    }

    // The pulse of the work that this thread does, if any.
    static Pulse*& current() {
        thread_local Pulse* pulse = nullptr;
        return pulse;
    }

private:
    Checkpoint checkpoint_;
    const std::atomic<bool>* stop_;
    std::chrono::steady_clock::time_point last_;
    Pulse* before_;
};

// For the loops inside long work: a microsecond of work or more should lie between two calls.
inline void heartbeat() {
    if (Pulse* const pulse = Pulse::current()) (*pulse)();
}

namespace detail {

// Threads that are stopped and joined on every way out: by an exception, and where the system ends the calling thread from within
// the checkpoint (glibc unwinds its stack as for an exception that nobody may keep).
class JoinedThreads {
public:
    explicit JoinedThreads(std::atomic<bool>& stop) : stop_(stop) {}
    ~JoinedThreads() {
        stop_.store(true, std::memory_order_relaxed);
        for (std::thread& thread : threads_) thread.join();
    }
    JoinedThreads(const JoinedThreads&) = delete;
    JoinedThreads& operator=(const JoinedThreads&) = delete;

    template <class Run>
    void start(std::int64_t n, Run&& run) {
        try {
            while (static_cast<std::int64_t>(threads_.size()) < n) {
                const int worker = static_cast<int>(threads_.size()) + 1;
                threads_.emplace_back([this, &run, worker] {
                    run(worker);
                    std::lock_guard<std::mutex> lock(mutex_);
                    ++n_done_;
                    done_.notify_one();
                });
            }
        } catch (const std::system_error&) {
            // the system gives no more threads: those that run, and this one, do all the work
        }
    }
    // Whether all have ended, after a tenth of a second at the latest.
    bool wait() {
        std::unique_lock<std::mutex> lock(mutex_);
        return done_.wait_for(lock, std::chrono::milliseconds(100), [&] { return n_done_ == threads_.size(); });
    }

private:
    std::atomic<bool>& stop_;
    std::mutex mutex_;
    std::condition_variable done_;
    std::size_t n_done_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace detail

// work(worker, item) for every item in [0, n_items); items are handed out one by one. The calling thread works too, as worker 0, and calls
// the checkpoint about ten times a second, also while it waits for the others; what it throws stops all workers, at their next
// heartbeat. Nothing is lost: the first exception of any worker is rethrown here after all have stopped.
template <class Work>
void for_each_item(std::int64_t n_items, int n_threads, Checkpoint checkpoint, Work&& work) {
    std::atomic<std::int64_t> next{0};
    std::atomic<bool> stop{false};
    std::exception_ptr first_error;
    std::mutex error_mutex;
    const auto keep = [&](const std::exception_ptr& error) {
        std::lock_guard<std::mutex> lock(error_mutex);
        if (!first_error) first_error = error;
        stop.store(true, std::memory_order_relaxed);
    };
    const auto run = [&](int worker) {
        try {
            Pulse pulse(worker == 0 ? checkpoint : no_checkpoint, &stop);
            for (;;) {
                pulse();
                const std::int64_t item = next.fetch_add(1, std::memory_order_relaxed);
                if (item >= n_items) break;
                work(worker, item);
            }
        } catch (const Pulse::Stopped&) {
#if defined(__GLIBCXX__)
        } catch (const abi::__forced_unwind&) {
            throw;  // the thread is being ended
#endif
        } catch (...) {
            keep(std::current_exception());
        }
    };
    {
        detail::JoinedThreads others(stop);
        others.start(std::min<std::int64_t>(n_threads, n_items) - 1, run);
        run(0);
        while (!others.wait()) {
            if (stop.load(std::memory_order_relaxed)) break;
            try {
                checkpoint();
#if defined(__GLIBCXX__)
            } catch (const abi::__forced_unwind&) {
                throw;
#endif
            } catch (...) {
                keep(std::current_exception());
            }
        }
    }
    if (first_error) std::rethrow_exception(first_error);
}

// What each worker of for_each_item keeps from item to item, made by the worker itself on first use.
template <class Worker>
class Workers {
public:
    using Make = std::function<std::unique_ptr<Worker>()>;

    Workers(int n_threads, Make make) : make_(std::move(make)), workers_(static_cast<std::size_t>(n_threads)) {}

    Worker& operator[](int worker) {
        std::unique_ptr<Worker>& of_thread = workers_[static_cast<std::size_t>(worker)];
        if (!of_thread) of_thread = make_();
        return *of_thread;
    }

private:
    Make make_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace knn_cert
