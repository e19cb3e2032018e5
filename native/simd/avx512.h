// The SIMD vocabulary over AVX-512: 16 float lanes. Every vocabulary header defines these names and
// nothing more; loops over them (kernels/<op>/generic.h, simd/math.h) are written once. Include one
// vocabulary per file. Everything is in an unnamed namespace, so that the linker can never put this
// code where another instruction set was meant.
#pragma once
// gcc 12 warns about the deliberately undefined registers in its own header.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#include <cstdint>

#include "simd/attributes.h"

#define BITPLANE_SIMD avx512

namespace bitplane {
namespace avx512 {
namespace {

constexpr int kLanes = 16;
using F32 = __m512;
using I32 = __m512i;
using Mask = __mmask16;

// [n]: only the first n lanes touch memory; the others read as 0.
BITPLANE_INLINE Mask firstLanes(int n) { return static_cast<Mask>((1u << n) - 1); }
BITPLANE_INLINE F32 load(const float* p) { return _mm512_loadu_ps(p); }
BITPLANE_INLINE F32 loadN(const float* p, int n) { return _mm512_maskz_loadu_ps(firstLanes(n), p); }
BITPLANE_INLINE void store(float* p, F32 v) { _mm512_storeu_ps(p, v); }
BITPLANE_INLINE void storeN(float* p, F32 v, int n) { _mm512_mask_storeu_ps(p, firstLanes(n), v); }
BITPLANE_INLINE void storeIntN(int* p, I32 v, int n) {
  _mm512_mask_storeu_epi32(p, firstLanes(n), v);
}
BITPLANE_INLINE I32 loadInt(const int32_t* p) { return _mm512_loadu_si512(p); }
BITPLANE_INLINE I32 loadI8(const int8_t* p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
BITPLANE_INLINE I32 loadU8(const uint8_t* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
// The lowest byte of each lane.
BITPLANE_INLINE void storeBytesN(void* p, I32 v, int n) {
  _mm512_mask_cvtepi32_storeu_epi8(p, firstLanes(n), v);
}
// Lane i is -1 where bit i is set, else +1.
BITPLANE_INLINE F32 bipolar(unsigned bits) {
  return _mm512_mask_blend_ps(static_cast<Mask>(bits), _mm512_set1_ps(1.0f), _mm512_set1_ps(-1.0f));
}
BITPLANE_INLINE F32 set1(float f) { return _mm512_set1_ps(f); }
BITPLANE_INLINE I32 set1Int(int i) { return _mm512_set1_epi32(i); }

BITPLANE_INLINE F32 add(F32 a, F32 b) { return _mm512_add_ps(a, b); }
BITPLANE_INLINE F32 sub(F32 a, F32 b) { return _mm512_sub_ps(a, b); }
BITPLANE_INLINE F32 mul(F32 a, F32 b) { return _mm512_mul_ps(a, b); }
BITPLANE_INLINE F32 div(F32 a, F32 b) { return _mm512_div_ps(a, b); }
BITPLANE_INLINE F32 sqrt(F32 a) { return _mm512_sqrt_ps(a); }
BITPLANE_INLINE F32 floor(F32 a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
BITPLANE_INLINE F32 ceil(F32 a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
BITPLANE_INLINE F32 roundEven(F32 a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// a * b + c, rounded once where the hardware can; for reductions only.
BITPLANE_INLINE F32 fma(F32 a, F32 b, F32 c) { return _mm512_fmadd_ps(a, b, c); }

// Ordered comparisons: false where an operand is NaN.
BITPLANE_INLINE Mask less(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
BITPLANE_INLINE Mask lessEqual(F32 a, F32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
BITPLANE_INLINE Mask isNan(F32 a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
BITPLANE_INLINE F32 select(Mask m, F32 yes, F32 no) { return _mm512_mask_blend_ps(m, no, yes); }
BITPLANE_INLINE I32 selectInt(Mask m, I32 yes, I32 no) {
  return _mm512_mask_blend_epi32(m, no, yes);
}
// a < b ? a : b and b < a ? a : b, so b where an operand is NaN and for zeros: what minps and maxps
// do.
BITPLANE_INLINE F32 lesser(F32 a, F32 b) { return _mm512_min_ps(a, b); }
BITPLANE_INLINE F32 larger(F32 a, F32 b) { return _mm512_max_ps(a, b); }
// Lane i of mask j is bit j * kLanes + i.
template <int N>
BITPLANE_INLINE uint64_t maskWord(const Mask (&m)[N]) {
  uint64_t word = 0;
  BITPLANE_UNROLL
  for (int j = 0; j < N; j++) word |= uint64_t{m[j]} << (j * kLanes);
  return word;
}

BITPLANE_INLINE I32 bitsOf(F32 a) { return _mm512_castps_si512(a); }
BITPLANE_INLINE F32 fromBits(I32 a) { return _mm512_castsi512_ps(a); }
BITPLANE_INLINE I32 truncate(F32 a) { return _mm512_cvttps_epi32(a); }  // |a| < 2^31
BITPLANE_INLINE F32 toFloat(I32 a) { return _mm512_cvtepi32_ps(a); }
BITPLANE_INLINE I32 addInt(I32 a, I32 b) { return _mm512_add_epi32(a, b); }
BITPLANE_INLINE I32 subInt(I32 a, I32 b) { return _mm512_sub_epi32(a, b); }
BITPLANE_INLINE I32 andInt(I32 a, I32 b) { return _mm512_and_si512(a, b); }
BITPLANE_INLINE I32 orInt(I32 a, I32 b) { return _mm512_or_si512(a, b); }
BITPLANE_INLINE I32 xorInt(I32 a, I32 b) { return _mm512_xor_si512(a, b); }
template <int S>
BITPLANE_INLINE I32 shiftLeft(I32 a) {
  return _mm512_slli_epi32(a, S);
}
template <int S>
BITPLANE_INLINE I32 shiftRight(I32 a) {
  return _mm512_srai_epi32(a, S);
}  // keeps the sign

}  // namespace
}  // namespace avx512
}  // namespace bitplane
