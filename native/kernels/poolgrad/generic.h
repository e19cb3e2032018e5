// The pool gradients over a SIMD vocabulary, which the including file has chosen. Lanes hold
// channels. Not here: who calls them in which order (step.cc).
#pragma once
#include "kernels/poolgrad/poolgrad.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

// The windows of pixel j: visit(p, q, ky, kx), with the tap of each that lies there.
template <typename Visit>
BITPLANE_INLINE void eachWindow(const PoolGradPart& part, int j, Visit visit) {
  const Span ps = part.rows->outputs[part.i], qs = part.columns->outputs[j];
  for (int p = ps.from; p < ps.to; p++) {
    const int ky = part.rows->tapAt(p, part.i);
    if (ky < 0) continue;
    for (int q = qs.from; q < qs.to; q++) {
      const int kx = part.columns->tapAt(q, j);
      if (kx >= 0) visit(p, q, ky, kx);
    }
  }
}

// V vectors of channels from c on, of pixel j.
template <int V>
BITPLANE_INLINE void averaged(const PoolGradPart& part, int j, int c, float* out) {
  F32 v[V];
  BITPLANE_UNROLL
  for (int i = 0; i < V; i++) v[i] = set1(0.0f);
  eachWindow(part, j, [&](int p, int q, int, int) {
    const float* dy =
        part.dy + (int64_t{p} * part.columns->axis.outputs + q) * part.c + part.c0 + c;
    const int count = part.rows->counts[p] * part.columns->counts[q];
    // Multiplying by the inverse of a power of two gives the same bits, many times as fast.
    if ((count & (count - 1)) == 0) {
      const F32 inverse = set1(1.0f / static_cast<float>(count));
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) v[i] = add(v[i], mul(load(dy + i * kLanes), inverse));
    } else {
      const F32 divisor = set1(static_cast<float>(count));
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) v[i] = add(v[i], div(load(dy + i * kLanes), divisor));
    }
  });
  BITPLANE_UNROLL
  for (int i = 0; i < V; i++) store(out + i * kLanes, v[i]);
}

template <int V>
BITPLANE_INLINE void chosen(const PoolGradPart& part, int j, int c, float* out) {
  F32 v[V];
  BITPLANE_UNROLL
  for (int i = 0; i < V; i++) v[i] = set1(0.0f);
  eachWindow(part, j, [&](int p, int q, int ky, int kx) {
    const int64_t ow = part.columns->axis.outputs;
    const float* dy = part.dy + (p * ow + q) * part.c + part.c0 + c;
    const float* largest = part.largest + (p % part.kept * ow + q) * part.ld + c;
    const F32 tap = set1(static_cast<float>(ky * part.columns->axis.taps + kx));
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++)
      v[i] = add(v[i], gated(load(largest + i * kLanes), tap, tap, load(dy + i * kLanes)));
  });
  BITPLANE_UNROLL
  for (int i = 0; i < V; i++) store(out + i * kLanes, v[i]);
}

// V vectors of channels from c on, of window q. From the last tap to the first, so that the first
// of equal ones is kept; a comparison with NaN is false.
template <int V>
BITPLANE_INLINE void largest(const LargestPart& part, Span rows, int q, int c, float* out) {
  const Span columns = part.columns->taps[q];
  const int64_t pitch = int64_t{part.columns->axis.size} * part.c;
  F32 v[V], tap[V];
  BITPLANE_UNROLL
  for (int i = 0; i < V; i++) v[i] = set1(-__builtin_inff()), tap[i] = set1(-1.0f);
  for (int ky = rows.to - 1; ky >= rows.from; ky--) {
    for (int kx = columns.to - 1; kx >= columns.from; kx--) {
      const float* x = part.x + part.rows->axis.at(part.p, ky) * pitch +
                       int64_t{part.columns->axis.at(q, kx)} * part.c + part.c0 + c;
      const F32 number = set1(static_cast<float>(ky * part.columns->axis.taps + kx));
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) {
        const F32 value = load(x + i * kLanes);
        const Mask wins = lessEqual(v[i], value);
        v[i] = select(wins, value, v[i]);
        tap[i] = select(wins, number, tap[i]);
      }
    }
  }
  BITPLANE_UNROLL
  for (int i = 0; i < V; i++) store(out + i * kLanes, tap[i]);
}

// Calls visit.run<V>(c) for all channels, as many vectors at a time as there are registers for:
// what a window costs beside its channels is then paid once for 64 of them on AVX2.
template <int V, typename Visit>
BITPLANE_INLINE void eachVectors(int channels, int c, const Visit& visit) {
  for (; c + V * kLanes <= channels; c += V * kLanes) visit.template run<V>(c);
  if constexpr (V > 1) {
    if (c < channels) eachVectors<V / 2>(channels, c, visit);
  } else if (c < channels) {
    visit.template run<1>(c);
  }
}

struct Averaged {
  const PoolGradPart& part;
  int i;
  template <int V>
  BITPLANE_INLINE void run(int c) const {
    averaged<V>(part, part.j + i, c, part.out + i * part.ld + c);
  }
};
struct Chosen {
  const PoolGradPart& part;
  int i;
  template <int V>
  BITPLANE_INLINE void run(int c) const {
    chosen<V>(part, part.j + i, c, part.out + i * part.ld + c);
  }
};
struct Largest {
  const LargestPart& part;
  Span rows;
  int q;
  template <int V>
  BITPLANE_INLINE void run(int c) const {
    largest<V>(part, rows, q, c, part.out + q * part.ld + c);
  }
};

}  // namespace

void averageGradient(const PoolGradPart& part) {
  for (int i = 0; i < part.count; i++) eachVectors<8>(part.cn, 0, Averaged{part, i});
}

void maximumGradient(const PoolGradPart& part) {
  for (int i = 0; i < part.count; i++) eachVectors<8>(part.cn, 0, Chosen{part, i});
}

void largestOf(const LargestPart& part) {
  const Span rows = part.rows->taps[part.p];
  for (int q = 0; q < part.columns->axis.outputs; q++)
    eachVectors<4>(part.cn, 0, Largest{part, rows, q});
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
