// leaf_loops.hpp: the leaf loops (simd.hpp) put together. Each including file compiles them for its own instruction set.
#pragma once

#include "leaf_bucketed.hpp"
#include "leaf_distances.hpp"
#include "leaf_far.hpp"
#include "leaf_tallies.hpp"

namespace knn_cert {
namespace {

constexpr LeafLoops make_leaf_loops(const char* name) {
    return {name,    law_sums,  tally,         scatter,     merge,        far_sums, far_polynomials, far_error, sort_out,
            combine, standings, bucket_suffix, bucket_rows, sq_distances, centred, sq_norm, products, from_products};
}

}  // namespace

#ifdef KNN_CERT_HEADER_ONLY
// For programs that include the headers and link nothing: the instruction set is that of the including file.
inline const LeafLoops& leaf_loops() {
    static const LeafLoops loops = make_leaf_loops("header-only");
    return loops;
}
#endif

}  // namespace knn_cert
