// The loop of bit pooling, compiled once for each instruction set: the rows of the windows first,
// into one line, then its columns. Compilers vectorize the first over the whole row, however few
// words a pixel has. The second reads a line that is in L1. The including file names its namespace
// BITPLANE_SIMD.
#pragma once
#include "kernels/bpool/row.h"

namespace bitplane {
namespace bpool {
namespace BITPLANE_SIMD {
namespace {

// line = AND of the rows.
void foldRows(const Row& r) {
  const uint64_t* __restrict a = r.x;
  const uint64_t* __restrict b = r.x + r.rowStride;
  uint64_t* __restrict line = r.line;
  const int64_t n = r.lineWords;
  for (int64_t i = 0; i < n; i++) line[i] = a[i] & b[i];
  for (int64_t row = 2; row < r.rows; row++) {
    const uint64_t* __restrict next = r.x + row * r.rowStride;
    for (int64_t i = 0; i < n; i++) line[i] &= next[i];
  }
}

// Pixels of kWords words, 0 for any number: one that is known becomes a few vectors in place of a
// loop.
template <int kWords>
void foldColumns(const Row& r, const uint64_t* line) {
  const int64_t words = kWords ? kWords : r.words;
  uint64_t* __restrict y = r.y;
  for (int64_t ox = 0; ox < r.pixels; ox++, y += words) {
    const Columns c = r.columns[ox];
    const uint64_t* __restrict tap = line + c.first;
    if (c.count == 2) {
      for (int64_t i = 0; i < words; i++) y[i] = tap[i] & tap[r.tapStride + i];
    } else if (c.count > 0) {
      for (int64_t i = 0; i < words; i++) y[i] = tap[i];
      for (int t = 1; t < c.count; t++) {
        tap += r.tapStride;
        for (int64_t i = 0; i < words; i++) y[i] &= tap[i];
      }
    } else {
      for (int64_t i = 0; i < words - 1; i++) y[i] = ~uint64_t{0};
      y[words - 1] = r.lastWord;
    }
  }
}

}  // namespace

void row(const Row& r) {
  if (r.rows > 1) foldRows(r);
  const uint64_t* line = r.rows > 1 ? r.line : r.x;
  switch (r.words) {
    case 1:
      return foldColumns<1>(r, line);
    case 2:
      return foldColumns<2>(r, line);
    case 4:
      return foldColumns<4>(r, line);
    case 8:
      return foldColumns<8>(r, line);
    default:
      return foldColumns<0>(r, line);
  }
}

}  // namespace BITPLANE_SIMD
}  // namespace bpool
}  // namespace bitplane
