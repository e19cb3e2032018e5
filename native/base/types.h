// Plain vocabulary shared by every native file: integer names, alignment, rounding.
// Not here: anything that knows about instruction sets, threads or models.
#pragma once
#include <cstddef>
#include <cstdint>

namespace bitplane {

// Every tensor buffer starts on a cache line and may be read, never written, up to kSlack bytes
// past its end.
constexpr size_t kAlign = 64;
constexpr size_t kSlack = 64;

template <typename T>
constexpr T ceilDiv(T a, T b) {
  return (a + b - 1) / b;
}
template <typename T>
constexpr T roundUp(T a, T b) {
  return ceilDiv(a, b) * b;
}

// 64-bit words that hold `channels` sign bits of one pixel. Bit c mod 64 of word c / 64 is channel
// c; 1 means -1; tail bits are 0.
constexpr int bitWords(int channels) { return ceilDiv(channels, 64); }

}  // namespace bitplane
