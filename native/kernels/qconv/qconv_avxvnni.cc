// The integer convolution's tiles for AVX-VNNI: vpdpbusd multiplies four unsigned bytes by four
// signed ones and adds the products to a 32-bit sum: one operation for 32 multiply-adds, exact for
// all numbers. 16 registers: 12 sums, 2 weights, 1 broadcast.
#include "kernels/qconv/ymm.h"

namespace bitplane {
namespace qconv {
namespace avx2 {
namespace {

struct Vnni : Ymm {
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    return kept(_mm256_dpbusd_avx_epi32(acc, x, w));
  }
};

}  // namespace

extern const Dot vnni;
constexpr Dot vnni = streamingDotOf<Vnni>();

}  // namespace avx2
}  // namespace qconv
}  // namespace bitplane
