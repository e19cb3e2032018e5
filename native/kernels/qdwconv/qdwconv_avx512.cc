// The depthwise integer convolution for AVX-512: as with AVX2 (qdwconv_avx2.cc), 32 channels.
#include <immintrin.h>

#include "kernels/qdwconv/generic.h"

namespace bitplane {
namespace qdwconv {
namespace avx512 {
namespace {

struct Zmm {
  static constexpr int kLanes = 32, kPixels = 4;
  // Channels 0 to 3, 8 to 11, 16 to 19, 24 to 27 in the low one, the others in the high one.
  struct Pair {
    __m512i low, high;
  };
  using Acc = Pair;
  static BITPLANE_INLINE __m512i load(const int16_t* from) { return _mm512_loadu_si512(from); }
  static BITPLANE_INLINE Acc zero() { return {_mm512_setzero_si512(), _mm512_setzero_si512()}; }
  static BITPLANE_INLINE Pair pair(const int16_t* a, const int16_t* b) {
    const __m512i first = load(a), second = load(b);
    return {_mm512_unpacklo_epi16(first, second), _mm512_unpackhi_epi16(first, second)};
  }
  static BITPLANE_INLINE Acc add(Acc acc, Pair x, Pair w) {
    return {_mm512_add_epi32(acc.low, _mm512_madd_epi16(x.low, w.low)),
            _mm512_add_epi32(acc.high, _mm512_madd_epi16(x.high, w.high))};
  }
  // In the order of channels: quads 0 1 2 3 4 5 6 7 lie as low 0 2 4 6, high 1 3 5 7. By 64 bits,
  // of which the high one's begin at 8.
  static BITPLANE_INLINE Pair ordered(Acc acc) {
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    return {_mm512_permutex2var_epi64(acc.low, first, acc.high),
            _mm512_permutex2var_epi64(acc.low, second, acc.high)};
  }
  static BITPLANE_INLINE void store(int32_t* to, Acc acc) {
    const Pair sums = ordered(acc);
    _mm512_storeu_si512(to, sums.low);
    _mm512_storeu_si512(to + 16, sums.high);
  }
  static BITPLANE_INLINE void storeFloats(float* to, Acc acc) {
    const Pair sums = ordered(acc);
    _mm512_storeu_ps(to, _mm512_maskz_cvtepi32_ps(0xffff, sums.low));
    _mm512_storeu_ps(to + 16, _mm512_maskz_cvtepi32_ps(0xffff, sums.high));
  }
};

}  // namespace

extern const Kernel kernel;
constexpr Kernel kernel = kernelOf<Zmm>();

}  // namespace avx512
}  // namespace qdwconv
}  // namespace bitplane
