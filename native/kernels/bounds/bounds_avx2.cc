// Register-only loops for AVX2: vpshufb + vpaddb on 8 accumulators, 256-bit fused multiply-add, and
// products of integers.
// See bounds.h.
#include <immintrin.h>

#include "kernels/bounds/loops.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bounds {
namespace avx2 {
namespace {

template <typename T>
inline void opaque(T& value) {
  __asm__ volatile("" : "+x"(value));
}

// 8 accumulators, 4 tables and 2 weight vectors are what 16 registers hold; one shuffle and one add
// are 32 outputs x 4 terms.
int64_t popcount(int64_t rounds, void* sink) {
  constexpr int kAccumulators = 8, kUnroll = 2;
  __m256i counts[kAccumulators], table[4], w[2];
  BITPLANE_UNROLL
  for (int i = 0; i < 4; ++i) {
    table[i] = _mm256_set1_epi32(0x01020304);
    opaque(table[i]);  // equal values, but not known to be: equal shuffles would be computed once
  }
  BITPLANE_UNROLL
  for (int i = 0; i < 2; ++i) w[i] = _mm256_set1_epi32(0x0c030a01);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) counts[i] = _mm256_setzero_si256();
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kUnroll * kAccumulators; ++i) {
      if (i % kAccumulators < 2) opaque(w[i % kAccumulators]);
      counts[i % kAccumulators] = _mm256_add_epi8(counts[i % kAccumulators],
                                                  _mm256_shuffle_epi8(table[i / 2 % 4], w[i % 2]));
      opaque(counts[i % kAccumulators]);
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) counts[0] = _mm256_add_epi8(counts[0], counts[i]);
  _mm256_storeu_si256(static_cast<__m256i*>(sink), counts[0]);
  return rounds * kUnroll * kAccumulators * 128;
}

int64_t fma(int64_t rounds, void* sink) {
  constexpr int kAccumulators = 12;
  __m256 sums[kAccumulators], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  opaque(a);
  opaque(b);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      sums[i] = _mm256_fmadd_ps(sums[i], a, b);
      opaque(sums[i]);
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  _mm256_storeu_ps(static_cast<float*>(sink), sums[0]);
  return rounds * kAccumulators * 8;
}

template <typename Step>
int64_t dots(int64_t rounds, void* sink, int64_t products, Step step) {
  constexpr int kAccumulators = 12;
  __m256i sums[kAccumulators], x[2], w;
  BITPLANE_UNROLL
  for (int i = 0; i < 2; ++i) {
    x[i] = _mm256_set1_epi32(0x01020304);
    opaque(x[i]);  // equal values, but not known to be: equal products would be computed once
  }
  w = _mm256_set1_epi32(0x0c030a01);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) sums[i] = _mm256_setzero_si256();
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      opaque(w);
      sums[i] = step(sums[i], x[i % 2], w);
      opaque(sums[i]);
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  _mm256_storeu_si256(static_cast<__m256i*>(sink), sums[0]);
  return rounds * kAccumulators * products;
}

int64_t bytes(int64_t rounds, void* sink) {
  return dots(rounds, sink, 16, [](__m256i sum, __m256i x, __m256i w) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w));
  });
}

int64_t narrow(int64_t rounds, void* sink) {
  return dots(rounds, sink, 32, [](__m256i sum, __m256i x, __m256i w) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(x, w));
  });
}

}  // namespace

const Loops loops = {popcount, fma, bytes, narrow};

}  // namespace avx2
}  // namespace bounds
}  // namespace bitplane
