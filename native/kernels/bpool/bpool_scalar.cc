// Bit pooling, one 64-bit word at a time. See window.h for the contract.
#include "kernels/bpool/window.h"

namespace bitplane {
namespace bpool {
namespace scalar {
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
  for (; i < w.words; ++i) w.y[i] = one(w, i);
}

}  // namespace scalar
}  // namespace bpool
}  // namespace bitplane
