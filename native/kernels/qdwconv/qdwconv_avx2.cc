// The depthwise integer convolution for AVX2: vpunpck[lh]wd + vpmaddwd + vpaddd, twice for 16
// channels of two taps. 16 registers: 8 sums, 2 weights, 2 rows, 2 pairs.
#include <immintrin.h>

#include "kernels/qdwconv/generic.h"

namespace bitplane {
namespace qdwconv {
namespace avx2 {
namespace {

struct Ymm {
  static constexpr int kLanes = 16, kPixels = 4;
  // Channels 0 to 3 and 8 to 11 in the low one, the others in the high one.
  struct Pair {
    __m256i low, high;
  };
  using Acc = Pair;
  static BITPLANE_INLINE __m256i load(const int16_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  static BITPLANE_INLINE Acc zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static BITPLANE_INLINE Pair pair(const int16_t* a, const int16_t* b) {
    const __m256i first = load(a), second = load(b);
    return {_mm256_unpacklo_epi16(first, second), _mm256_unpackhi_epi16(first, second)};
  }
  static BITPLANE_INLINE Acc add(Acc acc, Pair x, Pair w) {
    return {_mm256_add_epi32(acc.low, _mm256_madd_epi16(x.low, w.low)),
            _mm256_add_epi32(acc.high, _mm256_madd_epi16(x.high, w.high))};
  }
  static BITPLANE_INLINE Pair ordered(Acc acc) {
    return {_mm256_permute2x128_si256(acc.low, acc.high, 0x20),
            _mm256_permute2x128_si256(acc.low, acc.high, 0x31)};
  }
  static BITPLANE_INLINE void store(int32_t* to, Acc acc) {
    const Pair sums = ordered(acc);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), sums.low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), sums.high);
  }
  static BITPLANE_INLINE void storeFloats(float* to, Acc acc) {
    const Pair sums = ordered(acc);
    _mm256_storeu_ps(to, _mm256_cvtepi32_ps(sums.low));
    _mm256_storeu_ps(to + 8, _mm256_cvtepi32_ps(sums.high));
  }
};

}  // namespace

extern const Kernel kernel;
constexpr Kernel kernel = kernelOf<Ymm>();

}  // namespace avx2
}  // namespace qdwconv
}  // namespace bitplane
