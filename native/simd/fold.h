// Reductions of a row or of columns over a SIMD vocabulary, which the including file has chosen.
// The order is fixed and the same for every vocabulary, and nothing is fused, so the bits are the
// same on every ISA:
//   a row is folded into 64 partial results (element i into partial i mod 64), those pairwise
//   (i with i + 32, then 16, ..., 1);
//   sums close a block every kFoldBlock additions, so that the error grows with
//   k / kFoldBlock + kFoldBlock + 6, not with k.
// Maxima start from -inf and minima from +inf with v = v < x ? x : v, so NaN never wins.
#pragma once
#include <cstdint>

#include "simd/elements.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

constexpr int64_t kFoldBlock = 128;

struct Sum {
  static constexpr float start = 0.0f;
  static BITPLANE_INLINE F32 of(F32 v, F32 x) { return add(v, x); }
  static BITPLANE_INLINE float of(float v, float x) { return v + x; }
};
struct Maximum {
  static constexpr float start = -__builtin_inff();
  static BITPLANE_INLINE F32 of(F32 v, F32 x) { return larger(x, v); }
  static BITPLANE_INLINE float of(float v, float x) { return v < x ? x : v; }
};
struct Minimum {
  static constexpr float start = __builtin_inff();
  static BITPLANE_INLINE F32 of(F32 v, F32 x) { return lesser(x, v); }
  static BITPLANE_INLINE float of(float v, float x) { return x < v ? x : v; }
};

template <typename Op, typename T>
float foldRow(const Reader<T>& reader, const T* x, int64_t k) {
  constexpr int kVectors = 64 / kLanes;
  alignas(64) float total[64];
  for (float& t : total) t = Op::start;
  int64_t done = 0;
  while (done + 64 <= k) {
    F32 v[kVectors];
    BITPLANE_UNROLL
    for (int i = 0; i < kVectors; i++) v[i] = set1(Op::start);
    const int64_t groups = (k - done) / 64 < kFoldBlock ? (k - done) / 64 : kFoldBlock;
    for (int64_t g = 0; g < groups; g++, done += 64) {
      BITPLANE_UNROLL
      for (int i = 0; i < kVectors; i++) v[i] = Op::of(v[i], reader.vector(x + done + i * kLanes));
    }
    BITPLANE_UNROLL
    for (int i = 0; i < kVectors; i++)
      store(total + i * kLanes, Op::of(load(total + i * kLanes), v[i]));
  }
  for (int i = 0; done < k; i++, done++) total[i] = Op::of(total[i], reader.one(x + done));
  for (int half = 32; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) total[i] = Op::of(total[i], total[i + half]);
  }
  return total[0];
}

template <typename Op>
float foldRow(const float* x, int64_t k) {
  return foldRow<Op, float>(Reader<float>({}), x, k);
}

// y[c] = fold over i < k of x[i * stride + c], for c < V vectors.
template <typename Op, int V, typename T>
BITPLANE_INLINE void foldColumns(const Reader<T>& reader, const T* x, int64_t k, int64_t stride,
                                 F32* y) {
  F32 total[V];
  BITPLANE_UNROLL
  for (int i = 0; i < V; i++) total[i] = set1(Op::start);
  for (int64_t done = 0; done < k;) {
    F32 v[V];
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++) v[i] = set1(Op::start);
    const int64_t end = k - done < kFoldBlock ? k : done + kFoldBlock;
    for (; done < end; done++) {
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++)
        v[i] = Op::of(v[i], reader.vector(x + done * stride + i * kLanes));
    }
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++) total[i] = Op::of(total[i], v[i]);
  }
  BITPLANE_UNROLL
  for (int i = 0; i < V; i++) y[i] = total[i];
}

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
