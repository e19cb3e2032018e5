// The depthwise input gradient over a SIMD vocabulary, which the including file has chosen: lanes
// hold channels. depthwise.h is the contract.
#pragma once
#include "kernels/input_gradient/depthwise.h"

namespace bitplane {
namespace input_gradient {
namespace BITPLANE_SIMD {
namespace {

using namespace bitplane::BITPLANE_SIMD;

template <int V>
BITPLANE_INLINE void sumVectors(const DepthwisePart& p, int column, int c, float* out) {
  F32 sum[V];
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) sum[v] = set1(0.0f);
  for (int r = 0; r < p.rowCount; r++) {
    const float* row = p.dy + p.rows[r].output * p.rowPitch + c;
    const float* taps = p.weights + int64_t{p.rows[r].tap} * p.kw * p.weightLd + c;
    for (int m = p.columnStart[column]; m < p.columnStart[column + 1]; m++) {
      const float* x = row + int64_t{p.columns[m].output} * p.channels;
      const float* w = taps + p.columns[m].tap * p.weightLd;
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++) sum[v] = fma(load(x + v * kLanes), load(w + v * kLanes), sum[v]);
    }
  }
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) store(out + v * kLanes, sum[v]);
}

}  // namespace

void depthwise(const DepthwisePart& p) {
  for (int i = 0; i < p.count; i++) {
    float* out = p.out + i * p.ld;
    int c = 0;
    for (; c + 4 * kLanes <= p.cn; c += 4 * kLanes)
      sumVectors<4>(p, p.first + i, p.c0 + c, out + c);
    for (; c < p.cn; c += kLanes) sumVectors<1>(p, p.first + i, p.c0 + c, out + c);
  }
}

}  // namespace BITPLANE_SIMD
}  // namespace input_gradient
}  // namespace bitplane
