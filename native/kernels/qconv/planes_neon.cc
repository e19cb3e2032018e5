// Bit planes counted with cnt: a logical instruction, cnt and uadalp for 128 multiply-adds of a
// plane by a digit; four instructions where the digit is ternary. All of them run on either vector
// pipe of a Cortex-A72 but uadalp, which has one of the two: 24 or 32 cycles for 2048, which
// llvm-mca predicts (24.1 and 32.1) for Cortex-A72 and Neoverse N1 alike. bsl would make of three
// operands what eor and and do, but counts twice on Cortex-A72, and overwrites one of them.
//
// A register holds a word of two outputs, and windows hold every word twice, so that the loop
// duplicates nothing. 4 pixels x 8 outputs: 16 registers of counters, 4 of weights (8 where they
// are ternary), one of x, and 4 that are on their way, so that cores in order wait for few results
// (90 cycles on Cortex-A53, where an accumulator's three instructions after each other take 236).
//
// Counters of 16 bits last for a block of k (kCounts), planes and digits of one place after the
// other: between the places they are doubled. So nothing is widened or moved within a block.
#include <arm_neon.h>

#include "kernels/qconv/planes_tile.h"
#include "simd/attributes.h"

namespace bitplane {
namespace qconv {
namespace neon {
namespace {

constexpr int kOutputs = 8;
constexpr int V = kOutputs / 2;  // registers they take
constexpr int kWordBytes = 16 * V;

// Keeps the instructions in the order of the source.
template <typename T>
BITPLANE_INLINE void keep(T& value) {
  __asm__ volatile("" : "+w"(value));
}

template <Digit kind>
BITPLANE_INLINE uint8x16_t meet(uint8x16_t x, uint8x16_t w) {
  if constexpr (kind == Digit::natural) return vandq_u8(x, w);
  if constexpr (kind == Digit::negative) {
    // As an intrinsic, g++ 12 inverts x first, with an instruction of its own.
    uint8x16_t bits;
    __asm__("bic\t%0.16b, %1.16b, %2.16b" : "=w"(bits) : "w"(w), "w"(x));
    return bits;
  }
  return veorq_u8(x, w);
}

template <Digit kind, int P>
BITPLANE_INLINE void walk(const uint8_t* w, const uint8_t* const (&x)[P], int64_t words,
                          uint16x8_t (&counts)[P][V]) {
  constexpr bool kTernary = kind == Digit::ternary;
  for (int64_t at = 0; at < 16 * words; at += 16, w += wordsOf(kind) * kWordBytes) {
    uint8x16_t weights[V];
    [[maybe_unused]] uint8x16_t some[V];
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) {
      weights[v] = vld1q_u8(w + 16 * v);
      if constexpr (kTernary) some[v] = vld1q_u8(w + kWordBytes + 16 * v);
    }
    BITPLANE_UNROLL
    for (int p = 0; p < P; p++) {
      const uint8x16_t one = vld1q_u8(x[p] + at);
      uint8x16_t bits[V];
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++) bits[v] = meet<kind>(one, weights[v]), keep(bits[v]);
      if constexpr (kTernary) {
        BITPLANE_UNROLL
        for (int v = 0; v < V; v++) bits[v] = vandq_u8(bits[v], some[v]), keep(bits[v]);
      }
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++) bits[v] = vcntq_u8(bits[v]), keep(bits[v]);
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++)
        counts[p][v] = vpadalq_u8(counts[p][v], bits[v]), keep(counts[p][v]);
    }
  }
}

// Four counters an output, two outputs a register: the sums of four outputs.
BITPLANE_INLINE int32x4_t fold(uint16x8_t first, uint16x8_t second) {
  return vreinterpretq_s32_u32(vpaddq_u32(vpaddlq_u16(first), vpaddlq_u16(second)));
}

template <int P>
void planeTile(const PlaneTile& given) {
  const PlaneTile t = given;  // a copy that no store can alias
  uint16x8_t counts[P][V];
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) counts[p][v] = vdupq_n_u16(0);
  }
  for (int i = 0; i < t.passCount; i++) {
    const PlanePass& pass = t.passes[i];
    for (int d = 0; d < pass.doublings; d++) {
      BITPLANE_UNROLL
      for (int p = 0; p < P; p++) {
        BITPLANE_UNROLL
        for (int v = 0; v < V; v++) counts[p][v] = vshlq_n_u16(counts[p][v], 1);
      }
    }
    const uint8_t* x[P];
    BITPLANE_UNROLL
    for (int p = 0; p < P; p++) x[p] = t.windows + p * t.pixelBytes + pass.plane * t.planeBytes;
    const uint8_t* w = t.panel + pass.digit * t.words * kWordBytes;
    withDigit(pass.kind, [&](auto kind) { walk<kind>(w, x, t.words, counts); });
  }
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    int32_t* to = static_cast<int32_t*>(t.out) + p * t.ld;
    const int32_t* from = t.start ? t.start : to;
    const int32x4_t low = vaddq_s32(vld1q_s32(from), fold(counts[p][0], counts[p][1]));
    const int32x4_t high = vaddq_s32(vld1q_s32(from + 4), fold(counts[p][2], counts[p][3]));
    if (t.floats) {
      vst1q_f32(reinterpret_cast<float*>(to), vcvtq_f32_s32(low));
      vst1q_f32(reinterpret_cast<float*>(to) + 4, vcvtq_f32_s32(high));
    } else {
      vst1q_s32(to, low);
      vst1q_s32(to + 4, high);
    }
  }
}

alignas(16) constexpr uint8_t kPlaces[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                             1, 2, 4, 8, 16, 32, 64, 128};

void split(const uint8_t* x, int64_t groups, uint8_t flip, int planes, uint64_t* to,
           int64_t pitch) {
  const uint8x16_t places = vld1q_u8(kPlaces), flipped = vdupq_n_u8(flip);
  for (int64_t g = 0; g < groups; g++, x += 64) {
    uint8x16_t value[4];
    BITPLANE_UNROLL
    for (int i = 0; i < 4; i++) value[i] = veorq_u8(vld1q_u8(x + 16 * i), flipped);
    for (int plane = 0; plane < planes; plane++) {
      const uint8x16_t bit = vdupq_n_u8(static_cast<uint8_t>(1 << plane));
      uint8x16_t set[4];
      BITPLANE_UNROLL
      for (int i = 0; i < 4; i++) set[i] = vandq_u8(vtstq_u8(value[i], bit), places);
      // Eight bytes of different places into one, three times in pairs.
      const uint8x16_t sum = vpaddq_u8(vpaddq_u8(set[0], set[1]), vpaddq_u8(set[2], set[3]));
      to[plane * pitch + g] = vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
    }
  }
}

}  // namespace

extern const PlaneTiles planes;
constexpr PlaneTiles planes = {
    kOutputs, 4, 2, split, {planeTile<1>, planeTile<2>, planeTile<3>, planeTile<4>}};

}  // namespace neon
}  // namespace qconv
}  // namespace bitplane
