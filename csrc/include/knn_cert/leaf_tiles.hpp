// leaf_tiles.hpp: the distance law of one row at eight nodes from its tiles. No Python, no threads, no allocation.
#pragma once

#include "lanes_math.hpp"

namespace knn_cert {
namespace {

// Sums over k of coef[k] x^k: what is left are powers of y.
KNN_CERT_INLINE void tile_at(const LawTile& tile, double x, double* of_y) {
    constexpr int kValues = 2 * kTileTermsW;
    static_assert(kValues % kLanes == 0, "the values of one power fill whole lanes");
    Lanes sum[kValues / kLanes];
    const Lanes at = Lanes::all(x);
    for (int i = 0; i < kValues / kLanes; ++i) sum[i] = Lanes::load(tile.coef[kTileTermsV - 1][0] + i * kLanes);
    for (int k = kTileTermsV - 2; k >= 0; --k)
        for (int i = 0; i < kValues / kLanes; ++i) sum[i] = sum[i] * at + Lanes::load(tile.coef[k][0] + i * kLanes);
    for (int i = 0; i < kValues / kLanes; ++i) sum[i].store(of_y + i * kLanes);
}

// Neighbouring nodes lie in few tiles: each tile is worked out for all of them, and they take their own.
void tile_law(const LawTile* const* tiles, const double* w, double x, double* F, double* U, double* f) {
    const Lanes zero = Lanes::all(0.0);
    const Lanes one = Lanes::all(1.0);
    const Lanes place = Lanes::load(w);
    Lanes log_f = zero;
    Lanes ratio = zero;
    for (int first = 0; first < kLanes;) {
        double own[kLanes] = {};
        int end = first;
        for (; end < kLanes && tiles[end] == tiles[first]; ++end) own[end] = 1.0;
        const LawTile& tile = *tiles[first];
        double of_y[2 * kTileTermsW];
        tile_at(tile, x, of_y);
        const Lanes mine = Lanes::load(own);
        // elsewhere the middle of the tile, at which nothing overflows
        const Lanes y = where_lt(zero, mine, Lanes::all(2.0) * (place - Lanes::all(tile.middle)), zero);
        Lanes a = Lanes::all(of_y[kTileTermsW - 1]);
        Lanes b = Lanes::all(of_y[2 * kTileTermsW - 1]);
        for (int m = kTileTermsW - 2; m >= 0; --m) {
            a = a * y + Lanes::all(of_y[m]);
            b = b * y + Lanes::all(of_y[kTileTermsW + m]);
        }
        log_f = where_lt(zero, mine, a - Lanes::all(tile.curvature) * (place * place), log_f);
        ratio = where_lt(zero, mine, b, ratio);
        first = end;
    }
    const Lanes root = exp_of(Lanes::all(0.5) * log_f);  // exp is clipped where f is not yet 0
    const Lanes density = root * root;
    const Lanes tail = smaller(density * ratio, one);
    where_lt(place, zero, tail, one - tail).store(F);
    where_lt(place, zero, one - tail, tail).store(U);
    density.store(f);
}

}  // namespace
}  // namespace knn_cert
