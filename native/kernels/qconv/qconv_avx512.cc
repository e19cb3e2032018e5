// The integer convolution's tiles for AVX-512 without VNNI: two of the three ways of qconv_avx2.cc,
// with vectors twice as wide.
#include "kernels/qconv/unpack.h"
#include "kernels/qconv/zmm.h"

namespace bitplane {
namespace qconv {
namespace avx512 {
namespace {

// Small code: what has AVX-512 as this build asks for it has VNNI too, unless that is forced off.
struct Narrow : Zmm {
  static constexpr int kPixels[] = {6, 6};
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

}  // namespace

extern const Dot maddubs, madd;
const Dot maddubs = dotOf<Maddubs>(unpackBytes);
const Dot madd = dotOf<Madd>(unpackWide);

}  // namespace avx512
}  // namespace qconv
}  // namespace bitplane
