// Register-only loops for AVX-512: xor + vpopcntd + add on 16 accumulators, fused multiply-add, and
// products of integers. See bounds.h.
#include <immintrin.h>

#include "kernels/bounds/loops.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bounds {
namespace avx512 {
namespace {

constexpr int kAccumulators = 16;
static_assert(kAccumulators <= kUnrolled, "accumulators in registers");

// Hides a value from the optimiser: it stays in a register, and the compiler knows nothing about
// it. So the accumulators keep their order and g++ 12 does not spill them.
template <typename T>
inline void opaque(T& value) {
  __asm__ volatile("" : "+v"(value));
}

int64_t popcount(int64_t rounds, void* sink) {
  __m512i counts[kAccumulators], x[4], w[4];
  BITPLANE_UNROLL
  for (int i = 0; i < 4; ++i) {
    x[i] = _mm512_set1_epi32(0x1234567);
    w[i] = _mm512_set1_epi32(0x7654321);
    opaque(x[i]);  // equal values, but not known to be: equal products would be computed once
  }
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) counts[i] = _mm512_setzero_si512();
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < 4; ++i) opaque(w[i]);
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      counts[i] =
          _mm512_add_epi32(counts[i], _mm512_popcnt_epi32(_mm512_xor_si512(x[i / 4], w[i % 4])));
      opaque(counts[i]);
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) counts[0] = _mm512_add_epi32(counts[0], counts[i]);
  _mm512_storeu_si512(sink, counts[0]);
  return rounds * kAccumulators * 512;
}

int64_t fma(int64_t rounds, void* sink) {
  __m512 sums[kAccumulators], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  opaque(a);
  opaque(b);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      sums[i] = _mm512_fmadd_ps(sums[i], a, b);
      opaque(sums[i]);
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  _mm512_storeu_ps(static_cast<float*>(sink), sums[0]);
  return rounds * kAccumulators * 16;
}

template <typename Step>
int64_t dots(int64_t rounds, void* sink, int64_t products, Step step) {
  __m512i sums[kAccumulators], x[2], w;
  BITPLANE_UNROLL
  for (int i = 0; i < 2; ++i) {
    x[i] = _mm512_set1_epi32(0x01020304);
    opaque(x[i]);  // equal values, but not known to be: equal products would be computed once
  }
  w = _mm512_set1_epi32(0x0c030a01);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) sums[i] = _mm512_setzero_si512();
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      opaque(w);
      sums[i] = step(sums[i], x[i % 2], w);
      opaque(sums[i]);
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  _mm512_storeu_si512(sink, sums[0]);
  return rounds * kAccumulators * products;
}

int64_t bytes(int64_t rounds, void* sink) {
  return dots(rounds, sink, 32, [](__m512i sum, __m512i x, __m512i w) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(x, w));
  });
}

int64_t narrow(int64_t rounds, void* sink) {
  return dots(rounds, sink, 64, [](__m512i sum, __m512i x, __m512i w) {
    return _mm512_add_epi16(sum, _mm512_maddubs_epi16(x, w));
  });
}

}  // namespace

const Loops loops = {popcount, fma, bytes, narrow};

}  // namespace avx512
}  // namespace bounds
}  // namespace bitplane
