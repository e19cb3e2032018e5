// The SIMD vocabulary over AVX2 and FMA: 8 float lanes. The names are explained in simd/avx512.h.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "simd/attributes.h"

#define BITPLANE_SIMD avx2

namespace bitplane {
namespace avx2 {
namespace {

constexpr int kLanes = 8;
using F32 = __m256;
using I32 = __m256i;
using Mask = __m256;  // all ones or all zeros in a lane

BITPLANE_INLINE I32 firstLanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
BITPLANE_INLINE F32 load(const float* p) { return _mm256_loadu_ps(p); }
BITPLANE_INLINE F32 loadN(const float* p, int n) { return _mm256_maskload_ps(p, firstLanes(n)); }
BITPLANE_INLINE void store(float* p, F32 v) { _mm256_storeu_ps(p, v); }
BITPLANE_INLINE void storeN(float* p, F32 v, int n) { _mm256_maskstore_ps(p, firstLanes(n), v); }
BITPLANE_INLINE void storeIntN(int* p, I32 v, int n) {
  _mm256_maskstore_epi32(p, firstLanes(n), v);
}
BITPLANE_INLINE I32 loadInt(const int32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
BITPLANE_INLINE I32 loadI8(const int8_t* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
BITPLANE_INLINE I32 loadU8(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
BITPLANE_INLINE void storeBytesN(void* p, I32 v, int n) {
  const I32 low = _mm256_and_si256(v, _mm256_set1_epi32(255));
  const __m128i pairs =
      _mm_packs_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  const uint64_t bytes = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_packus_epi16(pairs, pairs)));
  if (n >= kLanes)
    std::memcpy(p, &bytes, kLanes);
  else
    std::memcpy(p, &bytes, static_cast<size_t>(n));
}
BITPLANE_INLINE F32 bipolar(unsigned bits) {
  const I32 lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const I32 own = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(bits)), lanes);
  // All ones where the bit is set: its highest is the sign.
  const I32 set = _mm256_cmpeq_epi32(own, lanes);
  return _mm256_or_ps(_mm256_set1_ps(1.0f), _mm256_castsi256_ps(_mm256_slli_epi32(set, 31)));
}
BITPLANE_INLINE F32 set1(float f) { return _mm256_set1_ps(f); }
BITPLANE_INLINE I32 set1Int(int i) { return _mm256_set1_epi32(i); }

BITPLANE_INLINE F32 add(F32 a, F32 b) { return _mm256_add_ps(a, b); }
BITPLANE_INLINE F32 sub(F32 a, F32 b) { return _mm256_sub_ps(a, b); }
BITPLANE_INLINE F32 mul(F32 a, F32 b) { return _mm256_mul_ps(a, b); }
BITPLANE_INLINE F32 div(F32 a, F32 b) { return _mm256_div_ps(a, b); }
BITPLANE_INLINE F32 sqrt(F32 a) { return _mm256_sqrt_ps(a); }
BITPLANE_INLINE F32 floor(F32 a) { return _mm256_floor_ps(a); }
BITPLANE_INLINE F32 ceil(F32 a) { return _mm256_ceil_ps(a); }
BITPLANE_INLINE F32 roundEven(F32 a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
BITPLANE_INLINE F32 fma(F32 a, F32 b, F32 c) { return _mm256_fmadd_ps(a, b, c); }

BITPLANE_INLINE Mask less(F32 a, F32 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
BITPLANE_INLINE Mask lessEqual(F32 a, F32 b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
BITPLANE_INLINE Mask isNan(F32 a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
BITPLANE_INLINE F32 select(Mask m, F32 yes, F32 no) { return _mm256_blendv_ps(no, yes, m); }
BITPLANE_INLINE I32 selectInt(Mask m, I32 yes, I32 no) {
  return _mm256_blendv_epi8(no, yes, _mm256_castps_si256(m));
}
BITPLANE_INLINE F32 lesser(F32 a, F32 b) { return _mm256_min_ps(a, b); }
BITPLANE_INLINE F32 larger(F32 a, F32 b) { return _mm256_max_ps(a, b); }
// Lane i of mask j is bit j * kLanes + i.
template <int N>
BITPLANE_INLINE uint64_t maskWord(const Mask (&m)[N]) {
  uint64_t word = 0;
  BITPLANE_UNROLL
  for (int j = 0; j < N; j++)
    word |= uint64_t{static_cast<unsigned>(_mm256_movemask_ps(m[j]))} << (j * kLanes);
  return word;
}

BITPLANE_INLINE I32 bitsOf(F32 a) { return _mm256_castps_si256(a); }
BITPLANE_INLINE F32 fromBits(I32 a) { return _mm256_castsi256_ps(a); }
BITPLANE_INLINE I32 truncate(F32 a) { return _mm256_cvttps_epi32(a); }
BITPLANE_INLINE F32 toFloat(I32 a) { return _mm256_cvtepi32_ps(a); }
BITPLANE_INLINE I32 addInt(I32 a, I32 b) { return _mm256_add_epi32(a, b); }
BITPLANE_INLINE I32 subInt(I32 a, I32 b) { return _mm256_sub_epi32(a, b); }
BITPLANE_INLINE I32 andInt(I32 a, I32 b) { return _mm256_and_si256(a, b); }
BITPLANE_INLINE I32 orInt(I32 a, I32 b) { return _mm256_or_si256(a, b); }
BITPLANE_INLINE I32 xorInt(I32 a, I32 b) { return _mm256_xor_si256(a, b); }
template <int S>
BITPLANE_INLINE I32 shiftLeft(I32 a) {
  return _mm256_slli_epi32(a, S);
}
template <int S>
BITPLANE_INLINE I32 shiftRight(I32 a) {
  return _mm256_srai_epi32(a, S);
}

}  // namespace
}  // namespace avx2
}  // namespace bitplane
