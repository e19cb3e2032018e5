// The integer convolution's tiles for AVX2, which has no product of bytes that sums into 32 bits.
// Three ways around it, per 32 multiply-adds; multiplications are the scarcest, with two ports of
// three or four:
//
//   maddubs       vpmaddubsw + vpaddw: two operations. Sums stay in int16 while the numbers prove
//                 that none leaves it; then vpmaddwd + vpaddd. With 4 x 4 bits that is every 136
//                 steps, with 4 x 8 every 8, which costs an eighth more.
//   maddubs_madd  vpmaddubsw + vpmaddwd + vpaddd: three. For sums of one pair that fit int16, of
//                 four not.
//   madd          (vpmaddwd + vpaddd) twice: four, over 16-bit copies of both operands. For 8 x 8
//                 bits, where one pair alone can leave int16: 2 255 128 = 65280. So can it with 8
//                 x 7 bits where weights are unsigned: 2 255 127.
//
// 16 registers: 12 sums, 2 weights, 1 broadcast, 1 product.
#include <immintrin.h>

#include "kernels/qconv/ymm.h"

namespace bitplane {
namespace qconv {
namespace avx2 {
namespace {

struct Maddubs : Ymm {
  static constexpr bool kFlushes = true;
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    return kept(_mm256_add_epi16(acc, _mm256_maddubs_epi16(x, w)));
  }
  static BITPLANE_INLINE Sum sum(Acc acc) { return _mm256_madd_epi16(acc, _mm256_set1_epi16(1)); }
};

struct MaddubsMadd : Ymm {
  static constexpr int kPixels[] = {4, 5};  // and a register of ones
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    return kept(
        _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), _mm256_set1_epi16(1))));
  }
};

struct Madd : Ymm {
  static constexpr Operand kOperand = Operand::i16;
  static constexpr int kStep = 2;
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    return kept(_mm256_add_epi32(acc, _mm256_madd_epi16(x, w)));
  }
};

// One pixel over weights of 8 bits, which are widened as they are loaded.
struct MaddBytes : Madd {
  static constexpr int kVectorBytes = 16;
  static BITPLANE_INLINE W weights(const uint8_t* w) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
  }
};

constexpr Dot maddDot() {
  Dot dot = dotOf<Madd>(unpackWide);
  dot.stream[7] = streamBytes<MaddBytes, 2>;
  return dot;
}

}  // namespace

extern const Dot maddubs, maddubs_madd, madd;
constexpr Dot maddubs = streamingDotOf<Maddubs>();
constexpr Dot maddubs_madd = streamingDotOf<MaddubsMadd>();
constexpr Dot madd = maddDot();

}  // namespace avx2
}  // namespace qconv
}  // namespace bitplane
