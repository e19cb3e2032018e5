// The integer convolution's tiles for armv8.6 with I8MM: smmla multiplies a matrix of 2 x 8 bytes
// by one of 8 x 2 and adds the product to 2 x 2 sums of 32 bits: one instruction for 32
// multiply-adds, exact for all numbers. Its rows are 8 neighbouring elements of two pixels, its
// columns those of two channels. Not here: the other tiles of NEON (qconv_neon.cc,
// qconv_dotprod.cc).
//
//   smmla    signed activations and weights
//   usmmla   unsigned activations, all 8 bits of them as they are
//
// Neighbouring pixels lie apart: 16 bytes of each are loaded, and zip1 and zip2 put the halves of
// two pixels together, for two steps. 16 channels share them, so that one instruction in nine is
// no multiplication. The last pixel of an odd number stands beside itself.
//
// 4 pixels x 16 channels: 16 registers of sums, 4 of activations, weights loaded right before their
// two uses. 6 pixels would fill 24 with sums, and g++ 12 keeps some of those in memory. llvm-mca 19
// for Neoverse N2 (Cortex-A710's core), whose two pipes multiply and zip: 18.1 cycles for 1024
// multiply-adds, where 36 instructions need 18; sdot takes 35.7.
#include "kernels/qconv/neon.h"
#include "kernels/qconv/unpack.h"

namespace bitplane {
namespace qconv {
namespace neon {
namespace {

constexpr int kStep = 8;                 // elements of a row or a column
constexpr int kVectorBytes = 4 * kStep;  // of a step: two registers of two channels each

struct Smmla {
  static constexpr Operand kOperand = Operand::i8;
  static BITPLANE_INLINE int32x4_t dot(int32x4_t acc, uint8x16_t x, int8x16_t w) {
    return vmmlaq_s32(acc, vreinterpretq_s8_u8(x), w);
  }
};

struct Usmmla {
  static constexpr Operand kOperand = Operand::u8;
  static BITPLANE_INLINE int32x4_t dot(int32x4_t acc, uint8x16_t x, int8x16_t w) {
    return vusmmlaq_s32(acc, x, w);
  }
};

// Sums of two pixels and a vector of four channels: [channels 0 and 1, 2 and 3][pixel][channel].
struct Sums {
  int32x4_t of[2];
};

BITPLANE_INLINE uint8x16_t firstHalves(uint8x16_t a, uint8x16_t b) {
  return vreinterpretq_u8_u64(vzip1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
}
BITPLANE_INLINE uint8x16_t secondHalves(uint8x16_t a, uint8x16_t b) {
  return vreinterpretq_u8_u64(vzip2q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
}

// One step of all pairs of pixels.
template <typename D, int V, int kPairs>
BITPLANE_INLINE void multiplyPairs(const uint8_t* w, const uint8x16_t (&x)[kPairs],
                                   Sums (&acc)[kPairs][V]) {
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) {
    BITPLANE_UNROLL
    for (int half = 0; half < 2; half++) {
      const int8x16_t weights = vreinterpretq_s8_u8(vld1q_u8(w + v * kVectorBytes + 16 * half));
      BITPLANE_UNROLL
      for (int i = 0; i < kPairs; i++) {
        int32x4_t& sums = acc[i][v].of[half];
        sums = D::dot(sums, x[i], weights);
        // Keeps the order: scheduled freely, g++ 12 loads so many weights ahead that sums spill.
        __asm__ volatile("" : "+w"(sums));
      }
    }
  }
}

template <typename D, int V, int P>
void pairTile(const Tile& given) {
  constexpr int kPairs = (P + 1) / 2;
  const Tile t = given;  // a copy that no store can alias
  Sums acc[kPairs][V];
  BITPLANE_UNROLL
  for (int i = 0; i < kPairs; i++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) acc[i][v].of[0] = acc[i][v].of[1] = vdupq_n_s32(0);
  }
  const uint8_t* w = t.panel;
  for (int r = 0; r < t.runCount; r++) {
    const uint8_t* x[P];
    BITPLANE_UNROLL
    for (int p = 0; p < P; p++) x[p] = t.pixels[p] + t.shift + t.runs[r].offset;
    const int64_t end = t.runs[r].length * kStep;
    int64_t at = 0;
    for (; at + 2 * kStep <= end; at += 2 * kStep) {
      uint8x16_t first[kPairs], second[kPairs];
      BITPLANE_UNROLL
      for (int i = 0; i < kPairs; i++) {
        const uint8x16_t a = vld1q_u8(x[2 * i] + at);
        const uint8x16_t b = 2 * i + 1 < P ? vld1q_u8(x[(2 * i + 1) % P] + at) : a;
        first[i] = firstHalves(a, b);
        second[i] = secondHalves(a, b);
      }
      multiplyPairs<D>(w, first, acc);
      multiplyPairs<D>(w + V * kVectorBytes, second, acc);
      w += 2 * V * kVectorBytes;
    }
    if (at < end) {
      uint8x16_t last[kPairs];
      BITPLANE_UNROLL
      for (int i = 0; i < kPairs; i++)
        last[i] =
            vcombine_u8(vld1_u8(x[2 * i] + at), vld1_u8(x[2 * i + 1 < P ? 2 * i + 1 : 2 * i] + at));
      multiplyPairs<D>(w, last, acc);
      w += V * kVectorBytes;
    }
  }
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) {
      const int64x2_t low = vreinterpretq_s64_s32(acc[p / 2][v].of[0]);
      const int64x2_t high = vreinterpretq_s64_s32(acc[p / 2][v].of[1]);
      const int32x4_t sums =
          vreinterpretq_s32_s64(p % 2 == 0 ? vzip1q_s64(low, high) : vzip2q_s64(low, high));
      addUpOne<Quad>(t, t.start, t.floats, p, v, sums);
    }
  }
}

template <typename D>
struct Pairs : Quad {
  static constexpr Operand kOperand = D::kOperand;
  static constexpr int kStep = neon::kStep;
  static constexpr int kPixels[] = {8, 8, 6, 4};
  template <int V, int P>
  static constexpr TileFn of = pairTile<D, V, P>;
};

template <typename D>
constexpr Dot pairsOf() {
  return dotOf<Pairs<D>, Pairs<D>>(unpackBytes);
}

}  // namespace

extern const Dot smmla, usmmla;
constexpr Dot smmla = pairsOf<Smmla>();
constexpr Dot usmmla = pairsOf<Usmmla>();

}  // namespace neon
}  // namespace qconv
}  // namespace bitplane
