// The integer convolution's tiles for AVX-512 without VNNI: two of the three ways of qconv_avx2.cc,
// with vectors twice as wide.
#include "kernels/qconv/zmm.h"

namespace bitplane {
namespace qconv {
namespace avx512 {
namespace {

// Small code: what has AVX-512 as this build asks for it has VNNI too, unless that is forced off.
struct Narrow : Zmm {
  static constexpr int kPixels[] = {4, 6};
};

struct Maddubs : Narrow {
  static constexpr bool kFlushes = true;
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    return kept(_mm512_add_epi16(acc, _mm512_maddubs_epi16(x, w)));
  }
  static BITPLANE_INLINE Sum sum(Acc acc) { return _mm512_madd_epi16(acc, _mm512_set1_epi16(1)); }
};

struct Madd : Narrow {
  static constexpr Operand kOperand = Operand::i16;
  static constexpr int kStep = 2;
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    return kept(_mm512_add_epi32(acc, _mm512_madd_epi16(x, w)));
  }
};

// One pixel over weights of 8 bits, which are widened as they are loaded.
struct MaddBytes : Madd {
  static constexpr int kVectorBytes = 32;
  static BITPLANE_INLINE W weights(const uint8_t* w) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(w)));
  }
};

constexpr Dot maddDot() {
  Dot dot = dotOf<Madd>(unpackWide);
  dot.stream[7] = streamBytes<MaddBytes, 2>;
  return dot;
}

}  // namespace

extern const Dot maddubs, madd;
constexpr Dot maddubs = streamingDotOf<Maddubs>();
constexpr Dot madd = maddDot();

}  // namespace avx512
}  // namespace qconv
}  // namespace bitplane
