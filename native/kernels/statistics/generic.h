// The sums of a block over a SIMD vocabulary, which the including file has chosen. Lanes hold
// columns. A strip of four vectors goes down all rows with its sums in registers, while the next
// block is fetched from memory line by line: with that moments take a map at the rate of a plain
// read, without it at half. Not here: how rows are cut (statistics.h), joining (join.cc).
#pragma once
#include "kernels/statistics/statistics.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

constexpr int kClose = 64;  // additions after which a sum is closed

// Asks for the part of the next block that is as far in it as row r of the strip at column c is in
// this one, where both are read strip by strip: so that memory is read line by line, whatever the
// order within a block.
template <int V>
BITPLANE_INLINE void prefetchNext(const float* block, const BlockPart& part, int c, int64_t r) {
  const float* next = block + part.ahead + c * part.rows + r * (V * kLanes);
  BITPLANE_UNROLL
  for (int i = 0; i < V * kLanes; i += 16) __builtin_prefetch(next + i);
}

// Sums terms of V vectors of columns from c on down all rows, in registers: out[i] for term i.
// Terms gives `terms(row, v, values)`: the values of its sums for vector v of a row.
template <int Sums, int V, typename Terms>
BITPLANE_INLINE void sumStrip(int64_t rows, const Terms& terms, F32 (&out)[Sums][V]) {
  BITPLANE_UNROLL
  for (int i = 0; i < Sums * V; i++) out[i / V][i % V] = set1(0.0f);
  for (int64_t r = 0; r < rows;) {
    F32 sum[Sums][V];
    BITPLANE_UNROLL
    for (int i = 0; i < Sums * V; i++) sum[i / V][i % V] = set1(0.0f);
    const int64_t end = rows - r < kClose ? rows : r + kClose;
    for (; r < end; r++) {
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++) {
        F32 values[Sums];
        terms(r, v, values);
        BITPLANE_UNROLL
        for (int i = 0; i < Sums; i++) sum[i][v] = add(sum[i][v], values[i]);
      }
    }
    BITPLANE_UNROLL
    for (int i = 0; i < Sums * V; i++)
      out[i / V][i % V] = add(out[i / V][i % V], sum[i / V][i % V]);
  }
}

template <int V>
BITPLANE_INLINE void momentsStrip(const BlockPart& part, int c) {
  const float* x = part.x + c;
  const int64_t ld = part.ld, pilot = ceilDiv<int64_t>(part.rows, 8);
  F32 first[1][V], shift[V], sums[2][V];
  sumStrip<1, V>(
      pilot, [&](int64_t r, int v, F32(&d)[1]) { d[0] = load(x + r * ld + v * kLanes); }, first);
  const F32 count = set1(static_cast<float>(pilot)), infinity = set1(__builtin_inff());
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) {
    const F32 s = div(first[0][v], count);
    shift[v] = select(less(absolute(s), infinity), s, set1(0.0f));
  }
  sumStrip<2, V>(
      part.rows,
      [&](int64_t r, int v, F32(&d)[2]) {
        if (v == 0) prefetchNext<V>(part.x, part, c, r);
        d[0] = sub(load(x + r * ld + v * kLanes), shift[v]);
        d[1] = mul(d[0], d[0]);
      },
      sums);
  float* out = part.out + c;
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) {
    store(out + v * kLanes, shift[v]);
    store(out + part.outPitch + v * kLanes, sums[0][v]);
    store(out + 2 * part.outPitch + v * kLanes, sums[1][v]);
  }
}

template <int V>
BITPLANE_INLINE void normSumsStrip(const BlockPart& part, int c) {
  const float *x = part.x + c, *dy = part.dy + c;
  const int64_t ld = part.ld;
  F32 mean[V], sums[2][V];
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) mean[v] = load(part.mean + c + v * kLanes);
  sumStrip<2, V>(
      part.rows,
      [&](int64_t r, int v, F32(&d)[2]) {
        if (v == 0) prefetchNext<V>(part.x, part, c, r), prefetchNext<V>(part.dy, part, c, r);
        d[0] = load(dy + r * ld + v * kLanes);
        d[1] = mul(d[0], sub(load(x + r * ld + v * kLanes), mean[v]));
      },
      sums);
  float* out = part.out + c;
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) {
    store(out + v * kLanes, sums[0][v]);
    store(out + part.outPitch + v * kLanes, sums[1][v]);
  }
}

}  // namespace

void momentsOf(const BlockPart& part) {
  int c = 0;
  for (; c + 4 * kLanes <= part.columns; c += 4 * kLanes) momentsStrip<4>(part, c);
  for (; c < part.columns; c += kLanes) momentsStrip<1>(part, c);
}

void normSumsOf(const BlockPart& part) {
  int c = 0;
  for (; c + 4 * kLanes <= part.columns; c += 4 * kLanes) normSumsStrip<4>(part, c);
  for (; c < part.columns; c += kLanes) normSumsStrip<1>(part, c);
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
