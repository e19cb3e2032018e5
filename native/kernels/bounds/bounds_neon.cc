// Register-only loops for NEON: eor + cnt + byte add on 16 accumulators, fused multiply-add, and
// products of bytes. See bounds.h.
#include <arm_neon.h>

#include "kernels/bounds/loops.h"
#include "simd/attributes.h"

namespace bitplane {
namespace bounds {
namespace neon {
namespace {

constexpr int kAccumulators = 16;
static_assert(kAccumulators <= kUnrolled, "accumulators in registers");

template <typename T>
inline void opaque(T& value) {
  __asm__ volatile("" : "+w"(value));
}

int64_t popcount(int64_t rounds, void* sink) {
  uint8x16_t counts[kAccumulators], x[4], w[4];
  BITPLANE_UNROLL
  for (int i = 0; i < 4; ++i) {
    x[i] = vdupq_n_u8(0x35);
    w[i] = vdupq_n_u8(0x53);
    opaque(x[i]);  // equal values, but not known to be: equal products would be computed once
  }
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) counts[i] = vdupq_n_u8(0);
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < 4; ++i) opaque(w[i]);
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      counts[i] = vaddq_u8(counts[i], vcntq_u8(veorq_u8(x[i / 4], w[i % 4])));
      opaque(counts[i]);
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) counts[0] = vaddq_u8(counts[0], counts[i]);
  vst1q_u8(static_cast<uint8_t*>(sink), counts[0]);
  return rounds * kAccumulators * 128;
}

int64_t fma(int64_t rounds, void* sink) {
  float32x4_t sums[kAccumulators], a = vdupq_n_f32(0.999f), b = vdupq_n_f32(0.001f);
  opaque(a);
  opaque(b);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) sums[i] = vdupq_n_f32(static_cast<float>(i));
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      sums[i] = vfmaq_f32(sums[i], a, b);
      opaque(sums[i]);
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) sums[0] = vaddq_f32(sums[0], sums[i]);
  vst1q_f32(static_cast<float*>(sink), sums[0]);
  return rounds * kAccumulators * 4;
}

// Sums of two products in 16 bits, added in pairs to 32.
int64_t dots(int64_t rounds, void* sink) {
  int32x4_t sums[kAccumulators];
  int8x16_t x = vdupq_n_s8(3), w[4];
  opaque(x);
  BITPLANE_UNROLL
  for (int i = 0; i < 4; ++i) w[i] = vdupq_n_s8(5);
  BITPLANE_UNROLL
  for (int i = 0; i < kAccumulators; ++i) sums[i] = vdupq_n_s32(0);
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kAccumulators; ++i) {
      opaque(w[i % 4]);
      const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(w[i % 4]));
      sums[i] = vpadalq_s16(sums[i], vmlal_high_s8(low, x, w[i % 4]));
      opaque(sums[i]);
    }
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kAccumulators; ++i) sums[0] = vaddq_s32(sums[0], sums[i]);
  vst1q_s32(static_cast<int32_t*>(sink), sums[0]);
  return rounds * kAccumulators * 16;
}

}  // namespace

const Loops loops = {popcount, fma, dots, dots};

}  // namespace neon
}  // namespace bounds
}  // namespace bitplane
