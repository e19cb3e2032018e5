// The depthwise integer convolution for NEON: smlal and smlal2, which need no interleaving, for
// each tap of 8 channels. 32 registers: 8 sums, 2 weights, 2 rows.
#include <arm_neon.h>

#include "kernels/qdwconv/generic.h"

namespace bitplane {
namespace qdwconv {
namespace neon {
namespace {

struct Eight {
  static constexpr int kLanes = 8, kPixels = 4;
  struct Pair {
    int16x8_t a, b;
  };
  struct Acc {
    int32x4_t low, high;
  };
  static BITPLANE_INLINE Acc zero() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
  static BITPLANE_INLINE Pair pair(const int16_t* a, const int16_t* b) {
    return {vld1q_s16(a), vld1q_s16(b)};
  }
  static BITPLANE_INLINE Acc add(Acc acc, Pair x, Pair w) {
    acc.low = vmlal_s16(acc.low, vget_low_s16(x.a), vget_low_s16(w.a));
    acc.high = vmlal_high_s16(acc.high, x.a, w.a);
    acc.low = vmlal_s16(acc.low, vget_low_s16(x.b), vget_low_s16(w.b));
    acc.high = vmlal_high_s16(acc.high, x.b, w.b);
    return acc;
  }
  static BITPLANE_INLINE void store(int32_t* to, Acc acc) {
    vst1q_s32(to, acc.low);
    vst1q_s32(to + 4, acc.high);
  }
  static BITPLANE_INLINE void storeFloats(float* to, Acc acc) {
    vst1q_f32(to, vcvtq_f32_s32(acc.low));
    vst1q_f32(to + 4, vcvtq_f32_s32(acc.high));
  }
};

}  // namespace

extern const Kernel kernel;
constexpr Kernel kernel = kernelOf<Eight>();

}  // namespace neon
}  // namespace qdwconv
}  // namespace bitplane
