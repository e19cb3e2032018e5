// The register-only loop for DotProd: sdot. See bounds.h.
#include <arm_neon.h>

#include "kernels/bounds/loops.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bounds {
namespace neon {
namespace {

int64_t dots(int64_t rounds, void* sink) {
  constexpr int kAccumulators = 16;
  static_assert(kAccumulators <= kUnrolled, "accumulators in registers");
  int32x4_t sums[kAccumulators];
  const int8x16_t x = vdupq_n_s8(3), w = vdupq_n_s8(5);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) sums[i] = vdupq_n_s32(0);
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      sums[i] = vdotq_laneq_s32(sums[i], w, x, 1);
      __asm__ volatile("" : "+w"(sums[i]));
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) sums[0] = vaddq_s32(sums[0], sums[i]);
  vst1q_s32(static_cast<int32_t*>(sink), sums[0]);
  return rounds * kAccumulators * 16;
}

}  // namespace

const Loop sdot = dots;

}  // namespace neon
}  // namespace bounds
}  // namespace bitplane
