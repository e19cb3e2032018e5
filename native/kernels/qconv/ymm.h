// The 256-bit vectors of the integer convolution's tiles, without the multiplication, for files
// that are compiled with AVX2 at least. Not here: the multiplications (qconv_avx2.cc,
// qconv_avxvnni.cc).
#pragma once
#include <immintrin.h>

#include <cstring>

#include "kernels/qconv/stream.h"

namespace bitplane {
namespace qconv {
namespace {

// Keeps the instructions of one accumulator together: scheduled freely, g++ 12 overlaps so many
// that most of them live in memory.
BITPLANE_INLINE __m256i kept(__m256i value) {
  __asm__("" : "+x"(value));
  return value;
}

struct Ymm {
  static constexpr Operand kOperand = Operand::u8;
  static constexpr int kLanes = 8, kStep = 4, kStepBytes = 4, kVectorBytes = 32, kGroup = 1;
  static constexpr int kPixels[] = {4, 6};
  static constexpr int kPanelBytes = 16 << 10;  // half of a 32 KiB L1
  static constexpr bool kFlushes = false;
  using X = __m256i;
  using W = __m256i;
  using Acc = __m256i;
  using Sum = __m256i;
  static BITPLANE_INLINE X broadcast(const uint8_t* x) {
    int32_t four;
    std::memcpy(&four, x, 4);
    return _mm256_set1_epi32(four);
  }
  static BITPLANE_INLINE W weights(const uint8_t* w) { return load(w); }
  static BITPLANE_INLINE W of(const PartBytes (&parts)[1]) {
    return reinterpret_cast<__m256i>(parts[0]);
  }
  static BITPLANE_INLINE Acc zero() { return _mm256_setzero_si256(); }
  static BITPLANE_INLINE Sum load(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  }
  static BITPLANE_INLINE Sum add(Sum a, Sum b) { return _mm256_add_epi32(a, b); }
  static BITPLANE_INLINE Sum sum(Acc acc) { return acc; }
  static BITPLANE_INLINE void store(int32_t* to, Sum sum) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), sum);
  }
  static BITPLANE_INLINE void storeFloats(float* to, Sum sum) {
    _mm256_storeu_ps(to, _mm256_cvtepi32_ps(sum));
  }
};

}  // namespace
}  // namespace qconv
}  // namespace bitplane
