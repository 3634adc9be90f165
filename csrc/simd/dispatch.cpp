// dispatch.cpp: which leaf loops this machine runs. The only place that asks the processor.
#include <atomic>

#include "knn_cert/leaf_interface.hpp"
#include "knn_cert/status.hpp"

namespace knn_cert {

extern const LeafLoops leaf_loops_baseline;
#ifdef KNN_CERT_X86_LEVELS
extern const LeafLoops leaf_loops_avx2, leaf_loops_avx512;
#endif

namespace {

std::vector<const LeafLoops*> runnable() {
    std::vector<const LeafLoops*> out = {&leaf_loops_baseline};
#ifdef KNN_CERT_X86_LEVELS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) out.push_back(&leaf_loops_avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        out.push_back(&leaf_loops_avx512);
#endif
    return out;
}

std::atomic<const LeafLoops*>& chosen() {
    static std::atomic<const LeafLoops*> value{runnable().back()};
    return value;
}

}  // namespace

const LeafLoops& leaf_loops() { return *chosen().load(); }

std::vector<std::string> simd_levels() {
    std::vector<std::string> names;
    for (const LeafLoops* loops : runnable()) names.push_back(loops->name);
    return names;
}

void force_simd_level(const std::string& name) {
    std::string known;
    for (const LeafLoops* loops : runnable()) {
        if (name.empty() || name == loops->name) chosen().store(loops);
        if (name == loops->name) return;
        known += (known.empty() ? "" : ", ") + std::string(loops->name);
    }
    if (!name.empty()) throw InvalidInput("unknown SIMD level '" + name + "', expected one of: " + known);
}

}  // namespace knn_cert
