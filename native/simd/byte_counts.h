// A popcount made of shifts and adds, for the scalar kernels.
#pragma once
#include <cstdint>

#include "simd/attributes.h"

namespace bitplane {
namespace {

// Words whose byteCounts may be added before a field, of at most 8 each, overflows.
constexpr int64_t kByteCountWords = 31;

// Bits of x counted in 8-bit fields.
BITPLANE_INLINE uint64_t byteCounts(uint64_t x) {
  x -= (x >> 1) & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
  return (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
}

// The eight fields of byte sums, added: pairs first, because eight fields of 248 overflow a byte.
BITPLANE_INLINE int32_t sumBytes(uint64_t x) {
  x = (x & 0x00ff00ff00ff00ffu) + ((x >> 8) & 0x00ff00ff00ff00ffu);
  return static_cast<int32_t>((x * 0x0001000100010001u) >> 48);
}

}  // namespace
}  // namespace bitplane
