// The register-only loop for AVX-VNNI: vpdpbusd on all accumulators that 16 registers hold beside
// two operands; ten would hide the latency. See bounds.h.
#include <immintrin.h>

#include "kernels/bounds/loops.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bounds {
namespace avx2 {
namespace {

int64_t dots(int64_t rounds, void* sink) {
  constexpr int kAccumulators = 14;
  static_assert(kAccumulators <= kUnrolled, "accumulators in registers");
  __m256i sums[kAccumulators], x, w;
  x = _mm256_set1_epi32(0x01020304);
  w = _mm256_set1_epi32(0x0c030a01);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) sums[i] = _mm256_setzero_si256();
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      sums[i] = _mm256_dpbusd_avx_epi32(sums[i], x, w);
      __asm__ volatile("" : "+x"(sums[i]));
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  _mm256_storeu_si256(static_cast<__m256i*>(sink), sums[0]);
  return rounds * kAccumulators * 32;
}

}  // namespace

const Loop vnni = dots;

}  // namespace avx2
}  // namespace bounds
}  // namespace bitplane
