// Sums looked up with vpshufb, as in lookup_avx2.cc, with vectors of 64 output channels.
#include <immintrin.h>

#include "kernels/qconv/lookup.h"

namespace bitplane {
namespace qconv {
namespace avx512 {
namespace {

struct Lookup {
  static constexpr int kLanes = 64;
  static constexpr int kPixels[] = {8, 6};
  static constexpr int kPanelBytes = 20 << 10;  // beside a table of 4 KiB, half of a 48 KiB L1
  using Bytes = __m512i;
  using Row = __m512i;
  // As in lookup_avx2.cc.
  struct Sums {
    __m512i raw, high;
  };
  static BITPLANE_INLINE Bytes load(const uint8_t* w) { return _mm512_loadu_si512(w); }
  static BITPLANE_INLINE Row row(const uint8_t* at) {
    return _mm512_maskz_broadcast_i32x4(0xffff,
                                        _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  }
  static BITPLANE_INLINE Bytes zero() { return _mm512_setzero_si512(); }
  static BITPLANE_INLINE Sums none() { return {zero(), zero()}; }
  static BITPLANE_INLINE Bytes add(Bytes acc, Row row, Bytes w) {
    acc = _mm512_add_epi8(acc, _mm512_shuffle_epi8(row, w));
    __asm__("" : "+v"(acc));
    return acc;
  }
  static BITPLANE_INLINE void flush(Sums& sums, Bytes acc) {
    sums.raw = _mm512_add_epi16(sums.raw, acc);
    sums.high = _mm512_add_epi16(sums.high, _mm512_srli_epi16(acc, 8));
  }
  static BITPLANE_INLINE void store(__m256i sums, const int32_t* from, int32_t* to, bool floats) {
    const __m512i sum =
        _mm512_add_epi32(_mm512_maskz_cvtepu16_epi32(0xffff, sums), _mm512_loadu_si512(from));
    if (floats)
      _mm512_storeu_ps(to, _mm512_maskz_cvtepi32_ps(0xffff, sum));
    else
      _mm512_storeu_si512(to, sum);
  }
  // Pairs of quarters of `first` and `second`: unpacking works within 128 bits.
  static BITPLANE_INLINE void finish(const Sums& sums, const int32_t* from, int32_t* to,
                                     bool floats) {
    const __m512i low = _mm512_sub_epi16(sums.raw, _mm512_slli_epi16(sums.high, 8));
    const __m512i first = _mm512_unpacklo_epi16(low, sums.high),
                  second = _mm512_unpackhi_epi16(low, sums.high);
    // Channels 0 to 7 of every 16 are in `first`, 8 to 15 in `second`.
    const __m512i even = _mm512_maskz_shuffle_i64x2(0xff, first, second, 0x44),
                  odd = _mm512_maskz_shuffle_i64x2(0xff, first, second, 0xee);
    const __m512i early = _mm512_maskz_shuffle_i64x2(0xff, even, even, 0xd8),
                  late = _mm512_maskz_shuffle_i64x2(0xff, odd, odd, 0xd8);
    store(_mm512_maskz_extracti64x4_epi64(0xff, early, 0), from, to, floats);
    store(_mm512_maskz_extracti64x4_epi64(0xff, early, 1), from + 16, to + 16, floats);
    store(_mm512_maskz_extracti64x4_epi64(0xff, late, 0), from + 32, to + 32, floats);
    store(_mm512_maskz_extracti64x4_epi64(0xff, late, 1), from + 48, to + 48, floats);
  }
};

}  // namespace

extern const Dot lookup4, lookup2;
constexpr Dot lookup4 = lookupOf<Lookup, 4>();
constexpr Dot lookup2 = lookupOf<Lookup, 2>();

}  // namespace avx512
}  // namespace qconv
}  // namespace bitplane
