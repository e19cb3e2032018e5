// The integer convolution's tiles for AVX512-VNNI: vpdpbusd multiplies four unsigned bytes by four
// signed ones and adds the products to a 32-bit sum: one operation for 64 multiply-adds, exact for
// all numbers. 32 registers: 24 sums, 4 weights, 1 broadcast.
#include "kernels/qconv/zmm.h"

namespace bitplane {
namespace qconv {
namespace avx512 {
namespace {

struct Vnni : Zmm {
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    return kept(_mm512_dpbusd_epi32(acc, x, w));
  }
};

}  // namespace

extern const Dot vnni;
constexpr Dot vnni = streamingDotOf<Vnni>();

}  // namespace avx512
}  // namespace qconv
}  // namespace bitplane
