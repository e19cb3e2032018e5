// The weight gradient's loops over a SIMD vocabulary, which the including file has chosen together
// with BITPLANE_GRADIENT_ELEMENTS: how many elements of x a tile of 1, 2, ... vectors takes, so
// that sums, dy and one broadcast fit the registers and hide the latency of an FMA. tile.h is the
// contract.
#pragma once
#include "kernels/weight_gradient/tile.h"

namespace bitplane {
namespace weight_gradient {
namespace BITPLANE_SIMD {
namespace {

using namespace bitplane::BITPLANE_SIMD;

constexpr int kTileElements[] = {BITPLANE_GRADIENT_ELEMENTS};
constexpr int kTileVectors = sizeof(kTileElements) / sizeof(int);

template <int V, int P, bool kChannels>
void sumTile(const float* dy, const float* x, const Pixels& pixels, int64_t elementStep, float* out,
             bool accumulate) {
  F32 sum[P][V];
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) sum[p][v] = set1(0.0f);
  }
  // Sums that lie in L2 are in L1 when they are needed, at the end.
  BITPLANE_UNROLL
  for (int i = 0; i < P * V * kLanes; i += 16) __builtin_prefetch(out + i, 1);
  const int64_t dyStep = pixels.dyPitch, xStep = pixels.xStep;
  for (int r = 0; r < pixels.rowCount; r++) {
    const float* d = dy + pixels.rows[r].dy * dyStep;
    const float* a = x + pixels.rows[r].x * pixels.xPitch;
    for (int i = 0; i < pixels.columns; i++, d += dyStep, a += xStep) {
      F32 g[V];
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++) g[v] = load(d + v * kLanes);
      BITPLANE_UNROLL
      for (int p = 0; p < P; p++) {
        const F32 one = kChannels ? g[0] : set1(a[p]);
        BITPLANE_UNROLL
        for (int v = 0; v < V; v++) {
          const F32 e = kChannels ? load(a + p * elementStep + v * kLanes) : one;
          sum[p][v] = fma(e, g[v], sum[p][v]);
        }
      }
    }
  }
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) {
      float* at = out + (p * V + v) * kLanes;
      store(at, accumulate ? add(load(at), sum[p][v]) : sum[p][v]);
    }
  }
}

template <int V, int P>
void listTiles(Tiles* tiles) {
  tiles->run[V - 1][P - 1] = sumTile<V, P, false>;
  tiles->channels[V - 1][P - 1] = sumTile<V, P, true>;
  if constexpr (P > 1) {
    listTiles<V, P - 1>(tiles);
  } else if constexpr (V > 1) {
    listTiles<V - 1, kTileElements[V - 2]>(tiles);
  }
}

void copy(const float* from, int64_t fromStep, int count, int width, float* to, int64_t toStep) {
  for (int i = 0; i < count; i++, from += fromStep, to += toStep) {
    for (int c = 0; c < width; c += kLanes) store(to + c, load(from + c));
  }
}

void expand(const uint64_t* from, int64_t fromStep, int words, int count, int first, int width,
            float* to, int64_t toStep) {
  for (int i = 0; i < count; i++, from += fromStep, to += toStep) {
    for (int c = 0; c < width; c += kLanes) {
      const int bit = first + c, shift = bit % 64;
      uint64_t bits = from[bit / 64] >> shift;
      // The next word, where a vector goes on in it.
      if (shift > 64 - kLanes && bit / 64 + 1 < words) bits |= from[bit / 64 + 1] << (64 - shift);
      store(to + c, bipolar(static_cast<unsigned>(bits & ((uint64_t{1} << kLanes) - 1))));
    }
  }
}

}  // namespace

void gradientTiles(Tiles* tiles) {
  tiles->lanes = kLanes;
  tiles->vectors = kTileVectors;
  for (int v = 0; v < kTileVectors; v++) tiles->elements[v] = kTileElements[v];
  listTiles<kTileVectors, kTileElements[kTileVectors - 1]>(tiles);
  tiles->copy = copy;
  tiles->expand = expand;
}

}  // namespace BITPLANE_SIMD
}  // namespace weight_gradient
}  // namespace bitplane
