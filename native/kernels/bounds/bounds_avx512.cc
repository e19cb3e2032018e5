// Register-only loops for AVX-512: xor + vpopcntd + add on 16 accumulators, and fused multiply-add.
// See bounds.h.
#include <immintrin.h>

#include "kernels/bounds/loops.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bounds {
namespace avx512 {
namespace {

constexpr int kAccumulators = 16;

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

}  // namespace

const Loops loops = {popcount, fma};

}  // namespace avx512
}  // namespace bounds
}  // namespace bitplane
