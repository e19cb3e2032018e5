// The SIMD vocabulary for any CPU: 4 float lanes of the compiler's generic vectors, no intrinsics. The compiler spends whatever the
// platform's baseline has on them (SSE2 on x86-64), or plain registers. The names are explained in simd/avx512.h.
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
  for (int i = 0; i < kLanes && i < n; i++) p[i] = v[i];
}
BITPLANE_INLINE void storeIntN(int* p, I32 v, int n) {
  for (int i = 0; i < kLanes && i < n; i++) p[i] = v[i];
}
BITPLANE_INLINE F32 set1(float f) { return F32{f, f, f, f}; }
BITPLANE_INLINE I32 set1Int(int i) { return I32{i, i, i, i}; }

BITPLANE_INLINE F32 add(F32 a, F32 b) { return a + b; }
BITPLANE_INLINE F32 sub(F32 a, F32 b) { return a - b; }
BITPLANE_INLINE F32 mul(F32 a, F32 b) { return a * b; }
BITPLANE_INLINE F32 div(F32 a, F32 b) { return a / b; }
BITPLANE_INLINE F32 sqrt(F32 a) { return F32{std::sqrt(a[0]), std::sqrt(a[1]), std::sqrt(a[2]), std::sqrt(a[3])}; }
BITPLANE_INLINE F32 floor(F32 a) { return F32{std::floor(a[0]), std::floor(a[1]), std::floor(a[2]), std::floor(a[3])}; }
BITPLANE_INLINE F32 ceil(F32 a) { return F32{std::ceil(a[0]), std::ceil(a[1]), std::ceil(a[2]), std::ceil(a[3])}; }
// Half to even, because nothing here ever leaves the default rounding mode.
BITPLANE_INLINE F32 roundEven(F32 a) {
  return F32{std::nearbyint(a[0]), std::nearbyint(a[1]), std::nearbyint(a[2]), std::nearbyint(a[3])};
}
BITPLANE_INLINE F32 fma(F32 a, F32 b, F32 c) { return a * b + c; }

BITPLANE_INLINE Mask less(F32 a, F32 b) { return a < b; }
BITPLANE_INLINE Mask lessEqual(F32 a, F32 b) { return a <= b; }
BITPLANE_INLINE Mask isNan(F32 a) { return a != a; }
BITPLANE_INLINE I32 bitsOf(F32 a) { return reinterpret_cast<I32>(a); }
BITPLANE_INLINE F32 fromBits(I32 a) { return reinterpret_cast<F32>(a); }
BITPLANE_INLINE I32 selectInt(Mask m, I32 yes, I32 no) { return (m & yes) | (~m & no); }
BITPLANE_INLINE F32 select(Mask m, F32 yes, F32 no) { return fromBits(selectInt(m, bitsOf(yes), bitsOf(no))); }
BITPLANE_INLINE F32 lesser(F32 a, F32 b) { return select(less(a, b), a, b); }
BITPLANE_INLINE F32 larger(F32 a, F32 b) { return select(less(b, a), a, b); }
BITPLANE_INLINE unsigned maskBits(Mask m) {
  return static_cast<unsigned>((m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8));
}
// Lane i of mask j is bit j * kLanes + i.
template <int N>
BITPLANE_INLINE uint64_t maskWord(const Mask (&m)[N]) {
  uint64_t word = 0;
  BITPLANE_UNROLL
  for (int j = 0; j < N; j++) word |= static_cast<uint64_t>(maskBits(m[j])) << (j * kLanes);
  return word;
}

BITPLANE_INLINE I32 truncate(F32 a) {
  return I32{static_cast<int32_t>(a[0]), static_cast<int32_t>(a[1]), static_cast<int32_t>(a[2]), static_cast<int32_t>(a[3])};
}
BITPLANE_INLINE F32 toFloat(I32 a) {
  return F32{static_cast<float>(a[0]), static_cast<float>(a[1]), static_cast<float>(a[2]), static_cast<float>(a[3])};
}
BITPLANE_INLINE I32 addInt(I32 a, I32 b) { return (I32)((U32)a + (U32)b); }
BITPLANE_INLINE I32 subInt(I32 a, I32 b) { return (I32)((U32)a - (U32)b); }
BITPLANE_INLINE I32 andInt(I32 a, I32 b) { return a & b; }
BITPLANE_INLINE I32 orInt(I32 a, I32 b) { return a | b; }
BITPLANE_INLINE I32 xorInt(I32 a, I32 b) { return a ^ b; }
template <int S>
BITPLANE_INLINE I32 shiftLeft(I32 a) { return (I32)((U32)a << S); }
template <int S>
BITPLANE_INLINE I32 shiftRight(I32 a) { return a >> S; }

}  // namespace
}  // namespace scalar
}  // namespace bitplane
