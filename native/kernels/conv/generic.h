// The convolution tile over a SIMD vocabulary, which the including file has chosen together with
// BITPLANE_CONV_PIXELS: how many pixels a tile of 1, 2, ... vectors takes, so that accumulators,
// weights and one broadcast fit the registers and hide the latency of an FMA. A full tile has
// BITPLANE_CONV_VECTORS, the most where that is not defined.
#pragma once
#include "kernels/conv/tile.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

constexpr int kTilePixels[] = {BITPLANE_CONV_PIXELS};
constexpr int kTileVectors = sizeof(kTilePixels) / sizeof(int);
#ifndef BITPLANE_CONV_VECTORS
#define BITPLANE_CONV_VECTORS kTileVectors
#endif

template <int V, int P>
BITPLANE_INLINE void convTile(const float* const* pixels, int64_t shift, const TapRun* runs,
                              int runCount, const float* weights, float* out, int64_t ld,
                              bool accumulate) {
  F32 sum[P][V];
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) sum[p][v] = set1(0.0f);
  }
  for (int r = 0; r < runCount; r++) {
    const float* x[P];
    BITPLANE_UNROLL
    for (int p = 0; p < P; p++) x[p] = pixels[p] + shift + runs[r].offset;
    const int64_t length = runs[r].length;
    for (int64_t k = 0; k < length; k++) {
      F32 w[V];
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++) w[v] = load(weights + v * kLanes);
      weights += V * kLanes;
      BITPLANE_UNROLL
      for (int p = 0; p < P; p++) {
        const F32 a = set1(x[p][k]);
        BITPLANE_UNROLL
        for (int v = 0; v < V; v++) sum[p][v] = fma(a, w[v], sum[p][v]);
      }
    }
  }
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) {
      float* at = out + p * ld + v * kLanes;
      store(at, accumulate ? add(load(at), sum[p][v]) : sum[p][v]);
    }
  }
}

template <int V, int P>
void convTiles(const float* const* pixels, int tiles, int64_t shift, const TapRun* runs,
               int runCount, const float* weights, float* out, int64_t ld, bool accumulate,
               AheadOf* ahead, Ahead* next) {
  for (int t = 0; t < tiles; t++, pixels += P, out += P * ld) {
    ahead->fetch();
    next->fetch();
    convTile<V, P>(pixels, shift, runs, runCount, weights, out, ld, accumulate);
  }
}

template <int V, int P>
void listTiles(ConvTiles* tiles) {
  tiles->run[V - 1][P - 1] = convTiles<V, P>;
  if constexpr (P > 1) {
    listTiles<V, P - 1>(tiles);
  } else if constexpr (V > 1) {
    listTiles<V - 1, kTilePixels[V - 2]>(tiles);
  }
}

}  // namespace

void convTiles(ConvTiles* tiles) {
  tiles->lanes = kLanes;
  tiles->vectors = BITPLANE_CONV_VECTORS;
  tiles->most = kTileVectors;
  for (int v = 0; v < kTileVectors; v++) tiles->pixels[v] = kTilePixels[v];
  listTiles<kTileVectors, kTilePixels[kTileVectors - 1]>(tiles);
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
