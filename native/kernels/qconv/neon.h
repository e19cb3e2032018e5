// The 128-bit vectors of the integer convolution's tiles, without the multiplication. Not here: the
// multiplications (qconv_neon.cc, qconv_dotprod.cc, qconv_i8mm.cc).
#pragma once
#include <arm_neon.h>

#include "kernels/qconv/generic.h"

namespace bitplane {
namespace qconv {
namespace {

struct Quad {
  static constexpr Operand kOperand = Operand::i8;
  static constexpr int kLanes = 4;
  static constexpr int kPanelBytes = 16 << 10;  // half of a 32 KiB L1
  static constexpr bool kFlushes = false;
  using Sum = int32x4_t;
  static BITPLANE_INLINE Sum load(const int32_t* from) { return vld1q_s32(from); }
  static BITPLANE_INLINE Sum add(Sum a, Sum b) { return vaddq_s32(a, b); }
  static BITPLANE_INLINE void store(int32_t* to, Sum sum) { vst1q_s32(to, sum); }
  static BITPLANE_INLINE void storeFloats(float* to, Sum sum) { vst1q_f32(to, vcvtq_f32_s32(sum)); }
};

}  // namespace
}  // namespace qconv
}  // namespace bitplane
