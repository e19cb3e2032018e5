// The sums of a block over a SIMD vocabulary, which the including file has chosen. Lanes hold
// columns; sums lie in the part itself, which is in L1, and take four rows at a time: with four, a
// vector of moments costs 16 operations beside 7 loads and 2 stores for 4 vectors of x, more than
// twice as fast as memory. Not here: how rows are cut (statistics.h), joining (join.cc).
#pragma once
#include "kernels/statistics/statistics.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

constexpr int kTogether = 4;  // rows

BITPLANE_INLINE F32 sumOf(const F32 (&v)[kTogether]) {
  return add(add(v[0], v[1]), add(v[2], v[3]));
}
BITPLANE_INLINE F32 sumOf(const F32 (&v)[1]) { return v[0]; }

void clear(float* row, int columns) {
  for (int c = 0; c < columns; c += kLanes) store(row + c, set1(0.0f));
}

// Calls visit.run<R>(row) for all rows, R at a time.
template <typename Visit>
BITPLANE_INLINE void eachRows(int64_t rows, const Visit& visit) {
  int64_t r = 0;
  for (; r + kTogether <= rows; r += kTogether) visit.template run<kTogether>(r);
  for (; r < rows; r++) visit.template run<1>(r);
}

// out[0] += x
struct Sum {
  const BlockPart& p;

  template <int R>
  BITPLANE_INLINE void run(int64_t row) const {
    const float* x = p.x + row * p.ld;
    for (int c = 0; c < p.columns; c += kLanes) {
      F32 v[R];
      BITPLANE_UNROLL
      for (int i = 0; i < R; i++) v[i] = load(x + i * p.ld + c);
      store(p.out + c, add(load(p.out + c), sumOf(v)));
    }
  }
};

// With d = x - out[0]: out[1] += d, out[2] += d^2.
struct AboutShift {
  const BlockPart& p;

  template <int R>
  BITPLANE_INLINE void run(int64_t row) const {
    const float *x = p.x + row * p.ld, *shift = p.out;
    float *first = p.out + p.outPitch, *second = first + p.outPitch;
    const int64_t ld = p.ld;
    for (int c = 0, end = p.columns; c < end; c += kLanes) {
      const F32 s = load(shift + c);
      F32 d[R], square[R];
      BITPLANE_UNROLL
      for (int i = 0; i < R; i++) {
        d[i] = sub(load(x + i * ld + c), s);
        square[i] = mul(d[i], d[i]);
      }
      store(first + c, add(load(first + c), sumOf(d)));
      store(second + c, add(load(second + c), sumOf(square)));
    }
  }
};

// out[0] += dy, out[1] += dy (x - mean).
struct NormSums {
  const BlockPart& p;

  template <int R>
  BITPLANE_INLINE void run(int64_t row) const {
    const float *x = p.x + row * p.ld, *dy = p.dy + row * p.ld, *mean = p.mean;
    float *first = p.out, *second = first + p.outPitch;
    const int64_t ld = p.ld;
    for (int c = 0, end = p.columns; c < end; c += kLanes) {
      const F32 m = load(mean + c);
      F32 d[R], product[R];
      BITPLANE_UNROLL
      for (int i = 0; i < R; i++) {
        d[i] = load(dy + i * ld + c);
        product[i] = mul(d[i], sub(load(x + i * ld + c), m));
      }
      store(first + c, add(load(first + c), sumOf(d)));
      store(second + c, add(load(second + c), sumOf(product)));
    }
  }
};

}  // namespace

void momentsOf(const BlockPart& part) {
  for (int i = 0; i < 3; i++) clear(part.out + i * part.outPitch, part.columns);
  const int64_t pilot = ceilDiv<int64_t>(part.rows, 8);
  eachRows(pilot, Sum{part});
  const F32 count = set1(static_cast<float>(pilot)), infinity = set1(__builtin_inff());
  for (int c = 0; c < part.columns; c += kLanes) {
    const F32 s = div(load(part.out + c), count);
    store(part.out + c, select(less(absolute(s), infinity), s, set1(0.0f)));
  }
  eachRows(part.rows, AboutShift{part});
}

void normSumsOf(const BlockPart& part) {
  for (int i = 0; i < 2; i++) clear(part.out + i * part.outPitch, part.columns);
  eachRows(part.rows, NormSums{part});
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
