// The inner loop of bit pooling: y[i] = AND over r < rows, c < columns of x[r * rowStride + c * columnStride + i], i < words.
// Strides in words; rows and columns are at least 1. Not here: padding (the caller hands over only what lies inside).
#pragma once
#include <cstdint>

namespace bitplane {
namespace bpool {

struct Window {
  const uint64_t* x;
  uint64_t* y;
  int64_t rows, columns, rowStride, columnStride, words;
};
using WindowFn = void (*)(const Window&);

}  // namespace bpool
}  // namespace bitplane
