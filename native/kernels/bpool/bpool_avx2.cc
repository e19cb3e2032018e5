// Bit pooling, four words at a time. See window.h for the contract.
#include <immintrin.h>

#include "kernels/bpool/window.h"

namespace bitplane {
namespace bpool {
namespace avx2 {
namespace {

inline uint64_t one(const Window& w, int64_t i) {
  uint64_t all = ~uint64_t{0};
  for (int64_t r = 0; r < w.rows; ++r) {
    for (int64_t c = 0; c < w.columns; ++c) all &= w.x[r * w.rowStride + c * w.columnStride + i];
  }
  return all;
}

}  // namespace

void window(const Window& w) {
  int64_t i = 0;
  for (; i + 4 <= w.words; i += 4) {
    __m256i all = _mm256_set1_epi64x(-1);
    for (int64_t r = 0; r < w.rows; ++r) {
      for (int64_t c = 0; c < w.columns; ++c) {
        all = _mm256_and_si256(all, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w.x + r * w.rowStride + c * w.columnStride + i)));
      }
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(w.y + i), all);
  }
  for (; i < w.words; ++i) w.y[i] = one(w, i);
}

}  // namespace avx2
}  // namespace bpool
}  // namespace bitplane
