// The 512-bit vectors of the integer convolution's tiles, without the multiplication, for files
// that are compiled with AVX-512. Not here: the multiplications (qconv_avx512.cc,
// qconv_avx512vnni.cc).
#pragma once
#include <immintrin.h>

#include <cstring>

#include "kernels/qconv/stream.h"

namespace bitplane {
namespace qconv {
namespace {

// Keeps the instructions of one accumulator together: scheduled freely, g++ 12 overlaps so many
// that most of them live in memory.
BITPLANE_INLINE __m512i kept(__m512i value) {
  __asm__("" : "+v"(value));
  return value;
}

struct Zmm {
  static constexpr Operand kOperand = Operand::u8;
  static constexpr int kLanes = 16, kStep = 4, kStepBytes = 4, kVectorBytes = 64, kGroup = 1;
  static constexpr int kPixels[] = {8, 6, 4, 6};
  static constexpr int kPanelBytes = 24 << 10;  // half of a 48 KiB L1
  static constexpr bool kFlushes = false;
  using X = __m512i;
  using W = __m512i;
  using Acc = __m512i;
  using Sum = __m512i;
  static BITPLANE_INLINE X broadcast(const uint8_t* x) {
    int32_t four;
    std::memcpy(&four, x, 4);
    return _mm512_set1_epi32(four);
  }
  static BITPLANE_INLINE W weights(const uint8_t* w) { return load(w); }
  static BITPLANE_INLINE W of(const PartBytes (&parts)[2]) {
    return _mm512_maskz_inserti64x4(0xff,
                                    _mm512_castsi256_si512(reinterpret_cast<__m256i>(parts[0])),
                                    reinterpret_cast<__m256i>(parts[1]), 1);
  }
  static BITPLANE_INLINE Acc zero() { return _mm512_setzero_si512(); }
  static BITPLANE_INLINE Sum load(const void* from) {
    return _mm512_loadu_si512(static_cast<const __m512i*>(from));
  }
  static BITPLANE_INLINE Sum add(Sum a, Sum b) { return _mm512_add_epi32(a, b); }
  static BITPLANE_INLINE Sum sum(Acc acc) { return acc; }
  static BITPLANE_INLINE void store(int32_t* to, Sum sum) {
    _mm512_storeu_si512(reinterpret_cast<__m512i*>(to), sum);
  }
  static BITPLANE_INLINE void storeFloats(float* to, Sum sum) {
    _mm512_storeu_ps(to, _mm512_maskz_cvtepi32_ps(0xffff, sum));
  }
};

}  // namespace
}  // namespace qconv
}  // namespace bitplane
