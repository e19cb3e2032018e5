// Sums looked up with tbl: 16 output channels a vector, four multiply-adds of each for a lookup and
// an addition of bytes. tbl is one operation of either vector pipe of a Cortex-A76, so that 64 run
// in a cycle, as llvm-mca predicts for Neoverse N1 (4096 in 64.1 cycles); planes of one bit by two
// take 96. It is three on a Cortex-A72, where planes (planes_neon.cc) are always cheaper. Two
// weights of two bits would be no cheaper than sdot. 4 pixels x 64 channels keep 16 sums, 4 weights
// and a row in registers.
#include <arm_neon.h>

#include "kernels/qconv/lookup.h"

namespace bitplane {
namespace qconv {
namespace neon {
namespace {

struct Lookup {
  static constexpr int kLanes = 16;
  static constexpr int kPixels[] = {4, 4, 4, 4};
  static constexpr int kPanelBytes = 12 << 10;  // beside a table of 4 KiB, half of a 32 KiB L1
  using Bytes = uint8x16_t;
  using Row = uint8x16_t;
  struct Sums {
    uint16x8_t low, high;
  };
  static BITPLANE_INLINE Bytes load(const uint8_t* w) { return vld1q_u8(w); }
  static BITPLANE_INLINE Row row(const uint8_t* at) { return vld1q_u8(at); }
  static BITPLANE_INLINE Bytes zero() { return vdupq_n_u8(0); }
  static BITPLANE_INLINE Sums none() { return {vdupq_n_u16(0), vdupq_n_u16(0)}; }
  static BITPLANE_INLINE Bytes add(Bytes acc, Row row, Bytes w) {
    acc = vaddq_u8(acc, vqtbl1q_u8(row, w));
    // Keeps the instructions of one accumulator together: scheduled freely, some live in memory.
    __asm__ volatile("" : "+w"(acc));
    return acc;
  }
  static BITPLANE_INLINE void flush(Sums& sums, Bytes acc) {
    sums.low = vaddw_u8(sums.low, vget_low_u8(acc));
    sums.high = vaddw_high_u8(sums.high, acc);
  }
  static BITPLANE_INLINE void store(uint16x4_t sums, const int32_t* from, int32_t* to,
                                    bool floats) {
    const int32x4_t sum = vaddq_s32(vreinterpretq_s32_u32(vmovl_u16(sums)), vld1q_s32(from));
    if (floats)
      vst1q_f32(reinterpret_cast<float*>(to), vcvtq_f32_s32(sum));
    else
      vst1q_s32(to, sum);
  }
  static BITPLANE_INLINE void finish(const Sums& sums, const int32_t* from, int32_t* to,
                                     bool floats) {
    store(vget_low_u16(sums.low), from, to, floats);
    store(vget_high_u16(sums.low), from + 4, to + 4, floats);
    store(vget_low_u16(sums.high), from + 8, to + 8, floats);
    store(vget_high_u16(sums.high), from + 12, to + 12, floats);
  }
};

}  // namespace

extern const Dot lookup4;
constexpr Dot lookup4 = lookupOf<Lookup, 4>();

}  // namespace neon
}  // namespace qconv
}  // namespace bitplane
