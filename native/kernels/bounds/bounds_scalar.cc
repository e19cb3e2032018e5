// Register-only loops in plain C++: 64-bit words, and the compiler's generic vectors. See bounds.h.
#include "simd/scalar.h"

#include <cstring>

#include "kernels/bounds/loops.h"

namespace bitplane {
namespace bounds {
namespace scalar {
namespace {

constexpr int kAccumulators = 4;

template <typename T>
inline void opaque(T& value) {
  __asm__ volatile("" : "+r"(value));
}

// Nothing but xor, the shift-and-add popcount and the add, in whatever registers the compiler
// chooses, as in the kernel.
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
  using namespace bitplane::scalar;
  // of the 16 registers that x86-64 has: enough to hide the latency of a multiplication and an
  // addition
  constexpr int kSums = 12;
  F32 sums[kSums];
  BITPLANE_UNROLL
  for (int i = 0; i < kSums; ++i) sums[i] = set1(static_cast<float>(i));
  volatile float factor = 0.999f, term = 0.001f;
  const F32 a = set1(factor), b = set1(term);
  for (int64_t round = 0; round < rounds; ++round) {
    BITPLANE_UNROLL
    for (int i = 0; i < kSums; ++i) sums[i] = bitplane::scalar::fma(sums[i], a, b);
  }
  BITPLANE_UNROLL
  for (int i = 1; i < kSums; ++i) sums[0] = add(sums[0], sums[i]);
  std::memcpy(sink, &sums[0], sizeof sums[0]);
  return rounds * kSums * kLanes;
}

int64_t dots(int64_t rounds, void* sink) {
  constexpr int kSums = 8;
  uint32_t sums[kSums] = {}, x = 3, w[2] = {5, 7};
  for (int64_t round = 0; round < rounds; ++round) {
    opaque(x);
    BITPLANE_UNROLL
    for (int i = 0; i < kSums; ++i) {
      uint32_t product = x;
      opaque(product);
      sums[i] += product * w[i % 2];
      opaque(sums[i]);
    }
  }
  std::memcpy(sink, sums, sizeof sums);
  return rounds * kSums;
}

}  // namespace

const Loops loops = {popcount, fma, dots, dots};

}  // namespace scalar
}  // namespace bounds
}  // namespace bitplane
