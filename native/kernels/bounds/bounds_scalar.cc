// Register-only loops in plain C++. See bounds.h.
#include <cstring>

#include "kernels/bounds/loops.h"

namespace bitplane {
namespace bounds {
namespace scalar {
namespace {

constexpr int kAccumulators = 4;

template <typename T>
inline void opaque(T& value) { __asm__ volatile("" : "+r"(value)); }

// Nothing but xor, the shift-and-add popcount and the add, in whatever registers the compiler chooses, as in the kernel.
int64_t popcount(int64_t rounds, void* sink) {
  uint64_t fields[kAccumulators] = {}, w[kAccumulators] = {1, 3, 5, 7};
  for (int64_t round = 0; round < rounds; ++round) {
    uint64_t x = 0x0123456789abcdefu;
    opaque(x);
    for (int i = 0; i < kAccumulators; ++i) {
      uint64_t bits = x ^ w[i];
      bits -= (bits >> 1) & 0x5555555555555555u;
      bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
      fields[i] += (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    }
  }
  std::memcpy(sink, fields, sizeof fields);
  return rounds * kAccumulators * 64;
}

int64_t fma(int64_t rounds, void* sink) {
  float sums[kAccumulators] = {0, 1, 2, 3};
  volatile float factor = 0.999f;
  const float a = factor;
  for (int64_t round = 0; round < rounds; ++round) {
    for (int i = 0; i < kAccumulators; ++i) sums[i] = sums[i] * a + 0.001f;
  }
  std::memcpy(sink, sums, sizeof sums);
  return rounds * kAccumulators;
}

}  // namespace

const Loops loops = {popcount, fma};

}  // namespace scalar
}  // namespace bounds
}  // namespace bitplane
