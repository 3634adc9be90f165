// leaf_loops.hpp: the leaf loops (leaf_interface.hpp) put together. Each including file compiles them for its own instruction set.
#pragma once

#include "leaf_band.hpp"
#include "leaf_bucketed.hpp"
#include "leaf_contour.hpp"
#include "leaf_distances.hpp"
#include "leaf_far.hpp"
#include "leaf_moves.hpp"
#include "leaf_scores.hpp"
#include "leaf_strip.hpp"
#include "leaf_tallies.hpp"
#include "leaf_tiles.hpp"

namespace knn_cert {
namespace {

constexpr LeafLoops make_leaf_loops(const char* name) {
    LeafLoops loops{};
    loops.name = name;
    loops.law_sums = law_sums;
    loops.tile_law = tile_law;
    loops.tally = tally;
    loops.laws = laws;
    loops.score_prefixes = score_prefixes;
    loops.costs = costs;
    loops.scores = scores;
    loops.scatter = scatter;
    loops.merge = merge;
    loops.running = running;
    loops.hull_counts = hull_counts;
    loops.move_scores = move_scores;
    loops.split_counts = split_counts;
    loops.join_counts = join_counts;
    loops.strip_counts = strip_counts;
    loops.move_effects = move_effects;
    loops.far_sums = far_sums;
    loops.far_polynomials = far_polynomials;
    loops.far_error = far_error;
    loops.circle = circle;
    loops.contour_sums = contour_sums;
    loops.contour_angles = contour_angles;
    loops.band = band;
    loops.sort_out = sort_out;
    loops.combine = combine;
    loops.standings = standings;
    loops.bucket_suffix = bucket_suffix;
    loops.bucket_rows = bucket_rows;
    loops.sq_distances = sq_distances;
    loops.centred = centred;
    loops.sq_norm = sq_norm;
    loops.products = products;
    loops.from_products = from_products;
    return loops;
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
