// The tile of the integer convolution over a vocabulary D of one instruction set: its vectors, and
// how it multiplies. For ISA files only. Not here: the vocabularies.
//
//   D::Acc dot(Acc, X, W)   adds a step's products of one pixel and one vector of channels
//   D::Sum sum(Acc)         the 32-bit sums of that vector
//   kFlushes                whether Acc holds 16-bit sums, which are added to the 32-bit ones in
//                           memory every `flush` steps
//   kGroup                  steps that one X holds: dot<i> multiplies the i-th
#pragma once
#include "kernels/qconv/tiles.h"
#include "simd/attributes.h"

namespace bitplane {
namespace qconv {
namespace {

// Adds sums of pixel p and vector v to `start`, or to what stands in `out` already.
template <typename D>
BITPLANE_INLINE void addUpOne(const Tile& t, const int32_t* start, bool floats, int p, int v,
                              typename D::Sum sums) {
  int32_t* at = static_cast<int32_t*>(t.out) + p * t.ld + v * D::kLanes;
  const auto sum = D::add(D::load(start ? start + v * D::kLanes : at), sums);
  if (floats)
    D::storeFloats(reinterpret_cast<float*>(at), sum);
  else
    D::store(at, sum);
}

// Adds the accumulators to where the sums are.
template <typename D, int V, int P>
BITPLANE_INLINE void addUp(const Tile& t, const int32_t* start, bool floats,
                           const typename D::Acc (&acc)[P][V]) {
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) addUpOne<D>(t, start, floats, p, v, D::sum(acc[p][v]));
  }
}

// Step I of a group; a vector of weights is loaded right before it is used.
template <typename D, int I, int V, int P>
BITPLANE_INLINE void multiply(const uint8_t* w, const typename D::X (&x)[P],
                              typename D::Acc (&acc)[P][V]) {
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) {
    const typename D::W weights = D::weights(w + v * D::kVectorBytes);
    BITPLANE_UNROLL
    for (int p = 0; p < P; p++) acc[p][v] = D::template dot<I>(acc[p][v], x[p], weights);
  }
}

// One step; x is loaded right before it is used.
template <typename D, int V, int P>
BITPLANE_INLINE void single(const uint8_t* w, const uint8_t* const (&x)[P], int64_t at,
                            typename D::Acc (&acc)[P][V]) {
  typename D::W weights[V];
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) weights[v] = D::weights(w + v * D::kVectorBytes);
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    const typename D::X one = D::broadcast(x[p] + at);
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) acc[p][v] = D::template dot<0>(acc[p][v], one, weights[v]);
  }
}

// `count` steps of neighbours from x on; returns the weights behind theirs.
template <typename D, int V, int P>
BITPLANE_INLINE const uint8_t* walk(const uint8_t* w, const uint8_t* const (&x)[P], int64_t from,
                                    int64_t count, typename D::Acc (&acc)[P][V]) {
  int64_t at = from * D::kStepBytes;
  const int64_t end = (from + count) * D::kStepBytes;
  if constexpr (D::kGroup == 4) {
    for (; at + 4 * D::kStepBytes <= end; at += 4 * D::kStepBytes) {
      typename D::X four[P];
      BITPLANE_UNROLL
      for (int p = 0; p < P; p++) four[p] = D::group(x[p] + at);
      multiply<D, 0>(w, four, acc);
      multiply<D, 1>(w + V * D::kVectorBytes, four, acc);
      multiply<D, 2>(w + 2 * V * D::kVectorBytes, four, acc);
      multiply<D, 3>(w + 3 * V * D::kVectorBytes, four, acc);
      w += 4 * V * D::kVectorBytes;
    }
  }
  // Of small tiles several at once: the loop itself would cost as much as they do.
  if constexpr (P * V <= 4) {
    constexpr int kUnroll = 4;
    for (; at + kUnroll * D::kStepBytes <= end; at += kUnroll * D::kStepBytes) {
      BITPLANE_UNROLL
      for (int i = 0; i < kUnroll; i++) {
        single<D, V, P>(w, x, at + i * D::kStepBytes, acc);
        w += V * D::kVectorBytes;
      }
    }
  }
  for (; at < end; at += D::kStepBytes) {
    single<D, V, P>(w, x, at, acc);
    w += V * D::kVectorBytes;
  }
  return w;
}

template <typename D, int V, int P>
BITPLANE_INLINE void clear(typename D::Acc (&acc)[P][V]) {
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) acc[p][v] = D::zero();
  }
}

template <typename D, int V, int P>
void tile(const Tile& given) {
  const Tile t = given;  // a copy that no store can alias
  typename D::Acc acc[P][V];
  clear<D>(acc);
  const uint8_t* w = t.panel;
  const int32_t* start = t.start;
  int64_t left = t.flush;
  for (int r = 0; r < t.runCount; r++) {
    const uint8_t* x[P];
    BITPLANE_UNROLL
    for (int p = 0; p < P; p++) x[p] = t.pixels[p] + t.shift + t.runs[r].offset;
    const int64_t length = t.runs[r].length;
    if constexpr (!D::kFlushes) {
      w = walk<D, V, P>(w, x, 0, length, acc);
    } else {
      for (int64_t done = 0; done < length;) {
        const int64_t count = length - done < left ? length - done : left;
        w = walk<D, V, P>(w, x, done, count, acc);
        done += count;
        left -= count;
        if (left > 0) continue;
        addUp<D, V, P>(t, start, false, acc);
        clear<D>(acc);
        start = nullptr;
        left = t.flush;
      }
    }
  }
  addUp<D, V, P>(t, start, t.floats, acc);
}

template <typename D>
struct Tiles : D {
  template <int V, int P>
  static constexpr TileFn of = tile<D, V, P>;
};

template <typename D, typename T = Tiles<D>>
constexpr Dot dotOf(void (*unpack)(const Rest&, uint8_t*)) {
  constexpr int kVectors = sizeof(D::kPixels) / sizeof(int);
  Dot dot = {D::kOperand, D::kLanes, kVectors, D::kStep, D::kPanelBytes,
             {},          {},        unpack,   {},       nullptr};
  listAllTiles<T>(&dot);
  return dot;
}

}  // namespace
}  // namespace qconv
}  // namespace bitplane
