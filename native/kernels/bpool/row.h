// The inner loop of pooling: one row of output pixels, whose units are words of bits or bytes. Not
// here: which rows and columns of a window lie inside the map (bpool.cc works that out when it is
// built).
#pragma once
#include <cstdint>

namespace bitplane {
namespace bpool {

// The taps of an output pixel that lie inside the map.
struct Columns {
  int32_t first;  // unit of the map's row where the first one begins
  int32_t count;  // 0 for a window of padding alone
};

// y[ox * units + i] = maximum over r < rows, t < columns[ox].count of x[r * rowStride +
// columns[ox].first + t * tapStride + i], i < units. A pixel whose window holds nothing but padding
// is the least number: of bits all ones, and `lastWord` in its last word. Strides in units.
struct Row {
  const void* x;            // the first row that the windows see
  int64_t rows, rowStride;  // 1 or more rows
  const Columns* columns;
  int64_t tapStride;
  int64_t pixels;  // of the output
  int64_t units;   // of a pixel
  uint64_t lastWord;
  void* line;  // scratch of lineUnits, which is a whole row of x
  int64_t lineUnits;
  void* y;
};
using RowFn = void (*)(const Row&);

}  // namespace bpool
}  // namespace bitplane
