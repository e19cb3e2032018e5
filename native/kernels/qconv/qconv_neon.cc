// The integer convolution's tiles for armv8.0: a step multiplies 16 neighbouring elements of a
// pixel with those of one channel, by smull and smlal2, whose eight 16-bit sums of two products
// sadalp adds in pairs to four 32-bit ones. Nothing is duplicated, and a channel's four sums are
// added up once a block. Three instructions for 16 multiply-adds, two of them multiplications, for
// which Cortex-A72 has one pipe: 8 multiply-adds a cycle, which llvm-mca predicts for both loops
// (32.1 cycles for 256).
//
//   smlal   two products fit int16: 2 128 127 does
//   smull   they may not: 2 128 128 = 32768. Each product is added by itself, with smull2: a fourth
//           instruction, but not a third multiplication, and the other pipe has room for it
//
// 4 pixels x 4 channels: 16 registers of sums, 4 of weights, 1 of activations, products.
#include <cstring>

#include "kernels/qconv/neon.h"
#include "kernels/qconv/unpack.h"

namespace bitplane {
namespace qconv {
namespace neon {
namespace {

constexpr int kChannels = 4;

struct Bytes {
  int8x16_t of[kChannels];
};
struct Sums {
  int32x4_t of[kChannels];
};

// Keeps the instructions of one accumulator together: scheduled freely, g++ 12 overlaps so many
// that some of them live in memory.
BITPLANE_INLINE void keep(int32x4_t& value) { __asm__ volatile("" : "+w"(value)); }

struct Long : Quad {
  static constexpr int kStep = 16, kStepBytes = 16, kVectorBytes = 64, kGroup = 1;
  static constexpr int kPixels[] = {4};
  using X = int8x16_t;
  using W = Bytes;
  using Acc = Sums;
  static BITPLANE_INLINE X broadcast(const uint8_t* x) { return vreinterpretq_s8_u8(vld1q_u8(x)); }
  static BITPLANE_INLINE W weights(const uint8_t* w) {
    W weights;
    BITPLANE_UNROLL
    for (int c = 0; c < kChannels; c++) weights.of[c] = vreinterpretq_s8_u8(vld1q_u8(w + 16 * c));
    return weights;
  }
  static BITPLANE_INLINE Acc zero() {
    Acc acc;
    BITPLANE_UNROLL
    for (int c = 0; c < kChannels; c++) acc.of[c] = vdupq_n_s32(0);
    return acc;
  }
  static BITPLANE_INLINE Sum sum(Acc acc) {
    return vpaddq_s32(vpaddq_s32(acc.of[0], acc.of[1]), vpaddq_s32(acc.of[2], acc.of[3]));
  }
};

struct Smlal : Long {
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    BITPLANE_UNROLL
    for (int c = 0; c < kChannels; c++) {
      const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(w.of[c]));
      acc.of[c] = vpadalq_s16(acc.of[c], vmlal_high_s8(low, x, w.of[c]));
      keep(acc.of[c]);
    }
    return acc;
  }
};

struct Smull : Long {
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    BITPLANE_UNROLL
    for (int c = 0; c < kChannels; c++) {
      acc.of[c] = vpadalq_s16(acc.of[c], vmull_s8(vget_low_s8(x), vget_low_s8(w.of[c])));
      acc.of[c] = vpadalq_s16(acc.of[c], vmull_high_s8(x, w.of[c]));
      keep(acc.of[c]);
    }
    return acc;
  }
};

}  // namespace

extern const Dot smlal, smull;
constexpr Dot smlal = dotOf<Smlal>(unpackBytes);
constexpr Dot smull = dotOf<Smull>(unpackBytes);

}  // namespace neon
}  // namespace qconv
}  // namespace bitplane
