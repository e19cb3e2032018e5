// Sums looked up with vpshufb: 32 output channels a vector, four or two multiply-adds of each for a
// shuffle and an addition of bytes. 4 pixels x 64 channels keep 8 sums, 2 weights, a row and an
// entry in 16 registers.
#include <immintrin.h>

#include "kernels/qconv/lookup.h"

namespace bitplane {
namespace qconv {
namespace avx2 {
namespace {

struct Lookup {
  static constexpr int kLanes = 32;
  static constexpr int kPixels[] = {6, 4};
  static constexpr int kPanelBytes = 12 << 10;  // beside a table of 4 KiB, half of a 32 KiB L1
  using Bytes = __m256i;
  using Row = __m256i;
  // Two 16-bit sums that take three operations to update: of the raw pairs of bytes (low + 256
  // high, modulo 65536) and of the high bytes. The low bytes' sum is raw - 256 high.
  struct Sums {
    __m256i raw, high;
  };
  static BITPLANE_INLINE Bytes load(const uint8_t* w) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
  }
  static BITPLANE_INLINE Row row(const uint8_t* at) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  }
  static BITPLANE_INLINE Bytes zero() { return _mm256_setzero_si256(); }
  static BITPLANE_INLINE Sums none() { return {zero(), zero()}; }
  static BITPLANE_INLINE Bytes add(Bytes acc, Row row, Bytes w) {
    acc = _mm256_add_epi8(acc, _mm256_shuffle_epi8(row, w));
    // Keeps the instructions of one accumulator together: scheduled freely, some live in memory.
    __asm__("" : "+x"(acc));
    return acc;
  }
  static BITPLANE_INLINE void flush(Sums& sums, Bytes acc) {
    sums.raw = _mm256_add_epi16(sums.raw, acc);
    sums.high = _mm256_add_epi16(sums.high, _mm256_srli_epi16(acc, 8));
  }
  static BITPLANE_INLINE void store(__m128i sums, const int32_t* from, int32_t* to, bool floats) {
    const __m256i sum = _mm256_add_epi32(
        _mm256_cvtepu16_epi32(sums), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
    if (floats)
      _mm256_storeu_ps(reinterpret_cast<float*>(to), _mm256_cvtepi32_ps(sum));
    else
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), sum);
  }
  static BITPLANE_INLINE void finish(const Sums& sums, const int32_t* from, int32_t* to,
                                     bool floats) {
    const __m256i low = _mm256_sub_epi16(sums.raw, _mm256_slli_epi16(sums.high, 8));
    const __m256i first = _mm256_unpacklo_epi16(low, sums.high),
                  second = _mm256_unpackhi_epi16(low, sums.high);
    store(_mm256_castsi256_si128(first), from, to, floats);
    store(_mm256_castsi256_si128(second), from + 8, to + 8, floats);
    store(_mm256_extracti128_si256(first, 1), from + 16, to + 16, floats);
    store(_mm256_extracti128_si256(second, 1), from + 24, to + 24, floats);
  }
};

}  // namespace

extern const Dot lookup4, lookup2;
constexpr Dot lookup4 = lookupOf<Lookup, 4>();
constexpr Dot lookup2 = lookupOf<Lookup, 2>();

}  // namespace avx2
}  // namespace qconv
}  // namespace bitplane
