// The register-only loop for AVX512-VNNI: vpdpbusd, of which two start in a cycle and end after
// five, so that ten accumulators hide the latency. See bounds.h.
#include <immintrin.h>

#include "kernels/bounds/loops.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bounds {
namespace avx512 {
namespace {

int64_t dots(int64_t rounds, void* sink) {
  constexpr int kAccumulators = 16;
  static_assert(kAccumulators <= kUnrolled, "accumulators in registers");
  __m512i sums[kAccumulators], x, w;
  x = _mm512_set1_epi32(0x01020304);
  w = _mm512_set1_epi32(0x0c030a01);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) sums[i] = _mm512_setzero_si512();
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      sums[i] = _mm512_dpbusd_epi32(sums[i], x, w);
      __asm__ volatile("" : "+v"(sums[i]));
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  _mm512_storeu_si512(sink, sums[0]);
  return rounds * kAccumulators * 64;
}

}  // namespace

const Loop vnni = dots;

}  // namespace avx512
}  // namespace bounds
}  // namespace bitplane
