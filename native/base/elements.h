// Where a kernel reads a map of floats: floats as they lie, or bytes that stand for
//
//   (x - zero) * scale       one subtraction, then one multiplication, both rounded to float32
//
// so that a map that is stored as integers is never in memory as floats. Plain data, shared by
// baseline and ISA code. Not here: how a vector of elements is read (simd/elements.h).
#pragma once
#include <cstdint>
#include <cstring>

namespace bitplane {

enum class ElementType : int32_t { f32, i8, u8 };

struct Elements {
  ElementType type;
  float zero, scale;  // of bytes

  // From fields of an instruction: the type, the zero point, the bits of the scale.
  static Elements of(int32_t type, int32_t zero, int32_t scaleBits) {
    Elements e = {static_cast<ElementType>(type), static_cast<float>(zero), 0};
    std::memcpy(&e.scale, &scaleBits, sizeof e.scale);
    return e;
  }
  bool known() const { return type >= ElementType::f32 && type <= ElementType::u8; }
  int64_t bytes(int64_t count) const { return type == ElementType::f32 ? count * 4 : count; }
  // Element i of x, for oracles.
  float at(const void* x, int64_t i) const {
    if (type == ElementType::f32) return static_cast<const float*>(x)[i];
    const int element = type == ElementType::i8 ? static_cast<const int8_t*>(x)[i]
                                                : static_cast<const uint8_t*>(x)[i];
    return (static_cast<float>(element) - zero) * scale;
  }
};

}  // namespace bitplane
