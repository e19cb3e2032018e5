// Bit planes counted in plain C++ for any CPU: 64-bit words, four output channels at a time, a
// popcount made of shifts and adds. Not here: any instruction set.
#include <cstring>

#include "kernels/qconv/planes_tile.h"
#include "simd/attributes.h"
#include "simd/byte_counts.h"

namespace bitplane {
namespace qconv {
namespace scalar {
namespace {

constexpr int kLanes = 4;

template <Digit kind>
inline uint64_t meet(uint64_t x, const uint64_t* w) {
  if constexpr (kind == Digit::natural) return x & w[0];
  if constexpr (kind == Digit::negative) return ~x & w[0];
  if constexpr (kind == Digit::bipolar) return x ^ w[0];
  return (x ^ w[0]) & w[kLanes];
}

template <Digit kind>
void walk(const uint64_t* w, const uint64_t* x, int64_t words, uint32_t (&counts)[kLanes]) {
  for (int64_t done = 0; done < words; done += kByteCountWords) {
    const int64_t end = words - done < kByteCountWords ? words : done + kByteCountWords;
    uint64_t fields[kLanes] = {};
    for (int64_t k = done; k < end; k++, w += wordsOf(kind) * kLanes) {
      BITPLANE_UNROLL
      for (int lane = 0; lane < kLanes; lane++)
        fields[lane] += byteCounts(meet<kind>(x[k], w + lane));
    }
    for (int lane = 0; lane < kLanes; lane++)
      counts[lane] += static_cast<uint32_t>(sumBytes(fields[lane]));
  }
}

void planeTile(const PlaneTile& t) {
  uint32_t counts[kLanes] = {};
  for (int i = 0; i < t.passCount; i++) {
    const PlanePass& pass = t.passes[i];
    for (int lane = 0; lane < kLanes; lane++) counts[lane] <<= pass.doublings;
    const uint64_t* x = reinterpret_cast<const uint64_t*>(t.windows + pass.plane * t.planeBytes);
    const uint64_t* w = reinterpret_cast<const uint64_t*>(t.panel) + pass.digit * t.words * kLanes;
    withDigit(pass.kind, [&](auto kind) { walk<kind>(w, x, t.words, counts); });
  }
  int32_t* to = static_cast<int32_t*>(t.out);
  const int32_t* from = t.start ? t.start : to;
  for (int lane = 0; lane < kLanes; lane++) {
    const int32_t sum = static_cast<int32_t>(static_cast<uint32_t>(from[lane]) + counts[lane]);
    const float value = static_cast<float>(sum);
    if (t.floats)
      std::memcpy(to + lane, &value, 4);
    else
      to[lane] = sum;
  }
}

void split(const uint8_t* x, int64_t groups, uint8_t flip, int planes, uint64_t* to,
           int64_t pitch) {
  constexpr uint64_t kOnes = 0x0101010101010101u;
  for (int64_t g = 0; g < groups; g++, x += 64) {
    for (int plane = 0; plane < planes; plane++) {
      uint64_t word = 0;
      for (int e = 0; e < 64; e += 8) {
        uint64_t eight;
        std::memcpy(&eight, x + e, 8);
        // Bit k of byte 7 of the product is byte k.
        const uint64_t bits = ((eight ^ flip * kOnes) >> plane & kOnes) * 0x0102040810204080u;
        word |= (bits >> 56) << e;
      }
      to[plane * pitch + g] = word;
    }
  }
}

}  // namespace

extern const PlaneTiles planes;
constexpr PlaneTiles planes = {kLanes, 1, 1, split, {planeTile}};

}  // namespace scalar
}  // namespace qconv
}  // namespace bitplane
