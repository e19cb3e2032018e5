// Elements of a map as vectors of floats, over a SIMD vocabulary that the including file has
// chosen: T is float, int8_t or uint8_t. Bytes are (x - zero) * scale, as base/elements.h says;
// nothing is fused, so the bits are the same on every ISA.
#pragma once
#include <cstdint>

#include "base/elements.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

template <typename T>
struct Reader {
  F32 zero, scale;
  float oneZero, oneScale;
  BITPLANE_INLINE explicit Reader(const Elements& e)
      : zero(set1(e.zero)), scale(set1(e.scale)), oneZero(e.zero), oneScale(e.scale) {}
  BITPLANE_INLINE F32 vector(const int8_t* p) const {
    return mul(sub(toFloat(loadI8(p)), zero), scale);
  }
  BITPLANE_INLINE F32 vector(const uint8_t* p) const {
    return mul(sub(toFloat(loadU8(p)), zero), scale);
  }
  BITPLANE_INLINE float one(const T* p) const {
    return (static_cast<float>(*p) - oneZero) * oneScale;
  }
};

template <>
struct Reader<float> {
  BITPLANE_INLINE explicit Reader(const Elements&) {}
  BITPLANE_INLINE F32 vector(const float* p) const { return load(p); }
  BITPLANE_INLINE float one(const float* p) const { return *p; }
};

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
