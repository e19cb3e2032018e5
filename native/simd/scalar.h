// The SIMD vocabulary for any CPU: 4 float lanes of the compiler's generic vectors, no intrinsics.
// The compiler maps them to the platform's baseline (SSE2 on x86-64), or to plain registers. The
// names are explained in simd/avx512.h.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "simd/attributes.h"

#define BITPLANE_SIMD scalar

namespace bitplane {
namespace scalar {
namespace {

constexpr int kLanes = 4;
using F32 = float __attribute__((vector_size(16)));
using I32 = int32_t __attribute__((vector_size(16)));
using U32 = uint32_t __attribute__((vector_size(16)));  // integers wrap around
using Mask = I32;                                       // -1 or 0 in a lane

BITPLANE_INLINE F32 load(const float* p) {
  F32 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
BITPLANE_INLINE F32 loadN(const float* p, int n) {
  F32 v = {0, 0, 0, 0};
  for (int i = 0; i < kLanes && i < n; i++) v[i] = p[i];
  return v;
}
BITPLANE_INLINE void store(float* p, F32 v) { std::memcpy(p, &v, sizeof v); }
BITPLANE_INLINE void storeN(float* p, F32 v, int n) {
  if (n >= kLanes) return store(p, v);
  if (n & 2) {
    std::memcpy(p, &v, 8);
    p += 2;
    v[0] = v[2];
  }
  if (n & 1) std::memcpy(p, &v, 4);
}
BITPLANE_INLINE void storeIntN(int* p, I32 v, int n) {
  storeN(reinterpret_cast<float*>(p), reinterpret_cast<F32>(v), n);
}
BITPLANE_INLINE I32 loadInt(const int32_t* p) {
  I32 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
BITPLANE_INLINE I32 loadI8(const int8_t* p) { return I32{p[0], p[1], p[2], p[3]}; }
BITPLANE_INLINE I32 loadU8(const uint8_t* p) { return I32{p[0], p[1], p[2], p[3]}; }
BITPLANE_INLINE void storeBytesN(void* p, I32 v, int n) {
  uint8_t* bytes = static_cast<uint8_t*>(p);
  for (int i = 0; i < kLanes && i < n; i++) bytes[i] = static_cast<uint8_t>(v[i]);
}
BITPLANE_INLINE F32 bipolar(unsigned bits) {
  const I32 own = I32{1, 2, 4, 8} & static_cast<int>(bits);
  return reinterpret_cast<F32>(((own != I32{0, 0, 0, 0}) & INT32_MIN) |
                               reinterpret_cast<I32>(F32{1, 1, 1, 1}));
}
BITPLANE_INLINE F32 set1(float f) { return F32{f, f, f, f}; }
BITPLANE_INLINE I32 set1Int(int i) { return I32{i, i, i, i}; }

BITPLANE_INLINE F32 add(F32 a, F32 b) { return a + b; }
BITPLANE_INLINE F32 sub(F32 a, F32 b) { return a - b; }
BITPLANE_INLINE F32 mul(F32 a, F32 b) { return a * b; }
BITPLANE_INLINE F32 div(F32 a, F32 b) { return a / b; }
BITPLANE_INLINE F32 sqrt(F32 a) {
  return F32{std::sqrt(a[0]), std::sqrt(a[1]), std::sqrt(a[2]), std::sqrt(a[3])};
}
BITPLANE_INLINE F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }

BITPLANE_INLINE Mask less(F32 a, F32 b) { return a < b; }
BITPLANE_INLINE Mask lessEqual(F32 a, F32 b) { return a <= b; }
BITPLANE_INLINE Mask isNan(F32 a) { return a != a; }
BITPLANE_INLINE I32 bitsOf(F32 a) { return reinterpret_cast<I32>(a); }
BITPLANE_INLINE F32 fromBits(I32 a) { return reinterpret_cast<F32>(a); }
BITPLANE_INLINE I32 selectInt(Mask m, I32 yes, I32 no) { return (m & yes) | (~m & no); }
BITPLANE_INLINE F32 select(Mask m, F32 yes, F32 no) {
  return fromBits(selectInt(m, bitsOf(yes), bitsOf(no)));
}
BITPLANE_INLINE F32 lesser(F32 a, F32 b) { return select(less(a, b), a, b); }
BITPLANE_INLINE F32 larger(F32 a, F32 b) { return select(less(b, a), a, b); }

BITPLANE_INLINE F32 withSign(F32 a, F32 sign) {
  return fromBits(bitsOf(a) | (bitsOf(sign) & set1Int(INT32_MIN)));
}
// Adding 2^23 leaves no room for a fraction, so the CPU rounds half to even. Larger values and NaN
// stay as they are. Zeros keep their signs.
BITPLANE_INLINE F32 roundEven(F32 a) {
  const F32 size = fromBits(bitsOf(a) & set1Int(INT32_MAX)), shift = set1(8388608.0f);
  return select(size < shift, withSign((size + shift) - shift, a), a);
}
BITPLANE_INLINE F32 floor(F32 a) {
  const F32 even = roundEven(a);
  return withSign(even - select(a < even, set1(1.0f), set1(0.0f)), a);
}
BITPLANE_INLINE F32 ceil(F32 a) {
  const F32 even = roundEven(a);
  return withSign(even + select(even < a, set1(1.0f), set1(0.0f)), a);
}

// Lane i of mask j is bit j * kLanes + i. Eight masks are gathered in one vector first, whose lane
// i holds every fourth bit.
template <int N>
BITPLANE_INLINE uint64_t maskWord(const Mask (&m)[N]) {
  constexpr int kGathered = 32 / kLanes;
  U32 bits[(N + kGathered - 1) / kGathered] = {};
  BITPLANE_UNROLL
  for (int j = 0; j < N; j++)
    bits[j / kGathered] |= (U32)m[j] & (U32{1, 2, 4, 8} << (j % kGathered * kLanes));
  uint64_t word = 0;
  for (int j = 0; j < N; j += kGathered) {
    const U32 b = bits[j / kGathered];
    word |= static_cast<uint64_t>(b[0] | b[1] | b[2] | b[3]) << (j * kLanes);
  }
  return word;
}

BITPLANE_INLINE I32 truncate(F32 a) { return __builtin_convertvector(a, I32); }
BITPLANE_INLINE F32 toFloat(I32 a) { return __builtin_convertvector(a, F32); }
BITPLANE_INLINE I32 addInt(I32 a, I32 b) { return (I32)((U32)a + (U32)b); }
BITPLANE_INLINE I32 subInt(I32 a, I32 b) { return (I32)((U32)a - (U32)b); }
BITPLANE_INLINE I32 andInt(I32 a, I32 b) { return a & b; }
BITPLANE_INLINE I32 orInt(I32 a, I32 b) { return a | b; }
BITPLANE_INLINE I32 xorInt(I32 a, I32 b) { return a ^ b; }
template <int S>
BITPLANE_INLINE I32 shiftLeft(I32 a) {
  return (I32)((U32)a << S);
}
template <int S>
BITPLANE_INLINE I32 shiftRight(I32 a) {
  return a >> S;
}

}  // namespace
}  // namespace scalar
}  // namespace bitplane
