// A matrix of floats, or of whatever fills 4 bytes, turned in memory. Baseline code: the compiler's
// generic vectors. Not here: which axes those are (copy, epilogue).
#pragma once
#include <algorithm>
#include <cstring>

#include "base/types.h"

namespace bitplane {

// y[a * ys + b] = x[a + b * xs] for 4 x 4 elements.
inline void transpose4x4(const int32_t* x, int64_t xs, int32_t* y, int64_t ys) {
  using Four = int32_t __attribute__((vector_size(16)));
  Four r[4];
  for (int b = 0; b < 4; b++) std::memcpy(&r[b], x + b * xs, sizeof r[b]);
#if defined(__clang__)
#define BITPLANE_SHUFFLE(p, q, i, j, k, l) __builtin_shufflevector(p, q, i, j, k, l)
#else
#define BITPLANE_SHUFFLE(p, q, i, j, k, l) __builtin_shuffle(p, q, Four{i, j, k, l})
#endif
  const Four low01 = BITPLANE_SHUFFLE(r[0], r[1], 0, 4, 1, 5);
  const Four high01 = BITPLANE_SHUFFLE(r[0], r[1], 2, 6, 3, 7);
  const Four low23 = BITPLANE_SHUFFLE(r[2], r[3], 0, 4, 1, 5);
  const Four high23 = BITPLANE_SHUFFLE(r[2], r[3], 2, 6, 3, 7);
  const Four turned[4] = {
      BITPLANE_SHUFFLE(low01, low23, 0, 1, 4, 5), BITPLANE_SHUFFLE(low01, low23, 2, 3, 6, 7),
      BITPLANE_SHUFFLE(high01, high23, 0, 1, 4, 5), BITPLANE_SHUFFLE(high01, high23, 2, 3, 6, 7)};
#undef BITPLANE_SHUFFLE
  for (int a = 0; a < 4; a++) std::memcpy(y + a * ys, &turned[a], sizeof turned[a]);
}

// y[a * ys + b] = x[a + b * xs] for a < countA, b < countB. In tiles of 16 x 16, so that every
// cache line of either side is used whole while it is near.
inline void transposeWords(const int32_t* x, int64_t xs, int32_t* y, int64_t ys, int64_t countA,
                           int64_t countB) {
  constexpr int64_t kTile = 16;
  for (int64_t a0 = 0; a0 < countA; a0 += kTile) {
    const int64_t a1 = std::min(countA, a0 + kTile);
    for (int64_t b0 = 0; b0 < countB; b0 += kTile) {
      const int64_t b1 = std::min(countB, b0 + kTile);
      int64_t a = a0;
      for (; a + 4 <= a1; a += 4) {
        int64_t b = b0;
        for (; b + 4 <= b1; b += 4) transpose4x4(x + a + b * xs, xs, y + a * ys + b, ys);
        for (; b < b1; b++) {
          for (int64_t i = a; i < a + 4; i++) y[i * ys + b] = x[i + b * xs];
        }
      }
      for (; a < a1; a++) {
        for (int64_t b = b0; b < b1; b++) y[a * ys + b] = x[a + b * xs];
      }
    }
  }
}

}  // namespace bitplane
