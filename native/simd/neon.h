// The SIMD vocabulary over armv8.0 Advanced SIMD: 4 float lanes. The names are explained in
// simd/avx512.h.
#pragma once
#include <arm_neon.h>

#include <cstring>

#include "simd/attributes.h"

#define BITPLANE_SIMD neon

namespace bitplane {
namespace neon {
namespace {

constexpr int kLanes = 4;
using F32 = float32x4_t;
using I32 = int32x4_t;
using Mask = uint32x4_t;  // all ones or all zeros in a lane

BITPLANE_INLINE F32 load(const float* p) { return vld1q_f32(p); }
BITPLANE_INLINE F32 loadN(const float* p, int n) {
  float lanes[kLanes] = {0, 0, 0, 0};
  for (int i = 0; i < kLanes && i < n; i++) lanes[i] = p[i];
  return vld1q_f32(lanes);
}
BITPLANE_INLINE void store(float* p, F32 v) { vst1q_f32(p, v); }
BITPLANE_INLINE void storeN(float* p, F32 v, int n) {
  if (n >= kLanes) return store(p, v);
  float32x2_t pair = vget_low_f32(v);
  if (n & 2) {
    vst1_f32(p, pair);
    p += 2;
    pair = vget_high_f32(v);
  }
  if (n & 1) vst1_lane_f32(p, pair, 0);
}
BITPLANE_INLINE void storeIntN(int* p, I32 v, int n) {
  storeN(reinterpret_cast<float*>(p), vreinterpretq_f32_s32(v), n);
}
BITPLANE_INLINE I32 loadInt(const int32_t* p) { return vld1q_s32(p); }
BITPLANE_INLINE I32 loadI8(const int8_t* p) {
  int32_t four;
  std::memcpy(&four, p, kLanes);
  return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)))));
}
BITPLANE_INLINE I32 loadU8(const uint8_t* p) {
  uint32_t four;
  std::memcpy(&four, p, kLanes);
  return vreinterpretq_s32_u32(
      vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four))))));
}
BITPLANE_INLINE void storeBytesN(void* p, I32 v, int n) {
  const int16x4_t pairs = vmovn_s32(v);
  const int8x8_t narrow = vmovn_s16(vcombine_s16(pairs, pairs));
  const int32_t bytes = vget_lane_s32(vreinterpret_s32_s8(narrow), 0);
  if (n >= kLanes)
    std::memcpy(p, &bytes, kLanes);
  else
    std::memcpy(p, &bytes, static_cast<size_t>(n));
}
BITPLANE_INLINE F32 bipolar(unsigned bits) {
  const uint32x4_t lanes = {1, 2, 4, 8};
  return vbslq_f32(vtstq_u32(vdupq_n_u32(bits), lanes), vdupq_n_f32(-1.0f), vdupq_n_f32(1.0f));
}
BITPLANE_INLINE F32 set1(float f) { return vdupq_n_f32(f); }
BITPLANE_INLINE I32 set1Int(int i) { return vdupq_n_s32(i); }

BITPLANE_INLINE F32 add(F32 a, F32 b) { return vaddq_f32(a, b); }
BITPLANE_INLINE F32 sub(F32 a, F32 b) { return vsubq_f32(a, b); }
BITPLANE_INLINE F32 mul(F32 a, F32 b) { return vmulq_f32(a, b); }
BITPLANE_INLINE F32 div(F32 a, F32 b) { return vdivq_f32(a, b); }
BITPLANE_INLINE F32 sqrt(F32 a) { return vsqrtq_f32(a); }
BITPLANE_INLINE F32 floor(F32 a) { return vrndmq_f32(a); }
BITPLANE_INLINE F32 ceil(F32 a) { return vrndpq_f32(a); }
BITPLANE_INLINE F32 roundEven(F32 a) { return vrndnq_f32(a); }
BITPLANE_INLINE F32 fma(F32 a, F32 b, F32 c) { return vfmaq_f32(c, a, b); }

BITPLANE_INLINE Mask less(F32 a, F32 b) { return vcltq_f32(a, b); }
BITPLANE_INLINE Mask lessEqual(F32 a, F32 b) { return vcleq_f32(a, b); }
BITPLANE_INLINE Mask isNan(F32 a) { return vmvnq_u32(vceqq_f32(a, a)); }
BITPLANE_INLINE F32 select(Mask m, F32 yes, F32 no) { return vbslq_f32(m, yes, no); }
BITPLANE_INLINE I32 selectInt(Mask m, I32 yes, I32 no) { return vbslq_s32(m, yes, no); }
// Not fmin and fmax, which choose among NaN and zeros differently.
BITPLANE_INLINE F32 lesser(F32 a, F32 b) { return select(less(a, b), a, b); }
BITPLANE_INLINE F32 larger(F32 a, F32 b) { return select(less(b, a), a, b); }
// Four masks narrow to 16 bytes, whose weighted sums of eight neighbours are bytes of the word: for
// sixteen masks 20 operations, not 80.
template <int N>
BITPLANE_INLINE uint64_t maskWord(const Mask (&m)[N]) {
  static_assert(N == 4 || N == 16, "the signs of 16 or 64 channels");
  constexpr int kBytes = N / 4;
  const uint8x16_t weight = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t bytes[kBytes];
  BITPLANE_UNROLL
  for (int j = 0; j < kBytes; j++) {
    const uint16x8_t low =
        vuzp1q_u16(vreinterpretq_u16_u32(m[4 * j]), vreinterpretq_u16_u32(m[4 * j + 1]));
    const uint16x8_t high =
        vuzp1q_u16(vreinterpretq_u16_u32(m[4 * j + 2]), vreinterpretq_u16_u32(m[4 * j + 3]));
    bytes[j] = vandq_u8(vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high)), weight);
  }
  // Four masks stand in the word four times over.
  const uint8x16_t pairs = vpaddq_u8(vpaddq_u8(bytes[0], bytes[1 % kBytes]),
                                     vpaddq_u8(bytes[2 % kBytes], bytes[3 % kBytes]));
  const uint64_t word = vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(pairs, pairs)), 0);
  return N == 16 ? word : word & 0xffff;
}

BITPLANE_INLINE I32 bitsOf(F32 a) { return vreinterpretq_s32_f32(a); }
BITPLANE_INLINE F32 fromBits(I32 a) { return vreinterpretq_f32_s32(a); }
BITPLANE_INLINE I32 truncate(F32 a) { return vcvtq_s32_f32(a); }
BITPLANE_INLINE F32 toFloat(I32 a) { return vcvtq_f32_s32(a); }
BITPLANE_INLINE I32 addInt(I32 a, I32 b) { return vaddq_s32(a, b); }
BITPLANE_INLINE I32 subInt(I32 a, I32 b) { return vsubq_s32(a, b); }
BITPLANE_INLINE I32 andInt(I32 a, I32 b) { return vandq_s32(a, b); }
BITPLANE_INLINE I32 orInt(I32 a, I32 b) { return vorrq_s32(a, b); }
BITPLANE_INLINE I32 xorInt(I32 a, I32 b) { return veorq_s32(a, b); }
template <int S>
BITPLANE_INLINE I32 shiftLeft(I32 a) {
  return vshlq_n_s32(a, S);
}
template <int S>
BITPLANE_INLINE I32 shiftRight(I32 a) {
  return vshrq_n_s32(a, S);
}

}  // namespace
}  // namespace neon
}  // namespace bitplane
