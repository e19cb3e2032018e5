// The integer convolution's tiles for armv8.2 with DotProd: sdot multiplies four signed bytes by
// four others and adds the products to a 32-bit sum: one instruction for 16 multiply-adds, exact
// for all numbers. One operand may be a quad of a register, so that 16 neighbouring elements of a
// pixel are loaded once and nothing is duplicated. 32 registers: 20 sums, 5 of activations, 1 or 2
// of weights, each of which is loaded right before its five uses. llvm-mca for Cortex-A76: 44.1
// cycles for 1280 multiply-adds, where two pipes need 40.
#include "kernels/qconv/neon.h"
#include "kernels/qconv/unpack.h"

namespace bitplane {
namespace qconv {
namespace neon {
namespace {

struct Sdot : Quad {
  static constexpr int kStep = 4, kStepBytes = 4, kVectorBytes = 16, kGroup = 4;
  static constexpr int kPixels[] = {8, 8, 6, 5};
  using X = int8x16_t;
  using W = int8x16_t;
  using Acc = int32x4_t;
  static BITPLANE_INLINE X group(const uint8_t* x) { return vreinterpretq_s8_u8(vld1q_u8(x)); }
  static BITPLANE_INLINE X broadcast(const uint8_t* x) {
    int32_t four;
    std::memcpy(&four, x, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
  }
  static BITPLANE_INLINE W weights(const uint8_t* w) { return vreinterpretq_s8_u8(vld1q_u8(w)); }
  static BITPLANE_INLINE Acc zero() { return vdupq_n_s32(0); }
  template <int I>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    acc = vdotq_laneq_s32(acc, w, x, I);
    // Keeps the order: scheduled freely, g++ 12 loads so many weights ahead that sums are spilled.
    __asm__("" : "+w"(acc));
    return acc;
  }
  static BITPLANE_INLINE Sum sum(Acc acc) { return acc; }
};

}  // namespace

extern const Dot sdot;
constexpr Dot sdot = dotOf<Sdot>(unpackBytes);

}  // namespace neon
}  // namespace qconv
}  // namespace bitplane
