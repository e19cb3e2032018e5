// Bit pooling, two words at a time. See window.h for the contract.
#include <arm_neon.h>

#include "kernels/bpool/window.h"

namespace bitplane {
namespace bpool {
namespace neon {
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
  for (; i + 2 <= w.words; i += 2) {
    uint64x2_t all = vdupq_n_u64(~uint64_t{0});
    for (int64_t r = 0; r < w.rows; ++r) {
      for (int64_t c = 0; c < w.columns; ++c) all = vandq_u64(all, vld1q_u64(w.x + r * w.rowStride + c * w.columnStride + i));
    }
    vst1q_u64(w.y + i, all);
  }
  for (; i < w.words; ++i) w.y[i] = one(w, i);
}

}  // namespace neon
}  // namespace bpool
}  // namespace bitplane
