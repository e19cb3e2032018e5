// The loop of pooling, compiled once for each instruction set: the rows of the windows first, into
// one line, then its columns. Compilers vectorize the first over the whole row, however few units a
// pixel has. The second reads a line that is in L1. The including file names its namespace
// BITPLANE_SIMD.
#pragma once
#include "kernels/bpool/row.h"

namespace bitplane {
namespace bpool {
namespace BITPLANE_SIMD {
namespace {

// The larger of two units: words of bits, where 1 is -1, or bytes.
uint64_t larger(uint64_t a, uint64_t b) { return a & b; }
template <typename T>
T larger(T a, T b) {
  return a < b ? b : a;
}

// line = maximum of the rows.
template <typename T>
void foldRows(const Row& r) {
  const T* __restrict a = static_cast<const T*>(r.x);
  const T* __restrict b = a + r.rowStride;
  T* __restrict line = static_cast<T*>(r.line);
  const int64_t n = r.lineUnits;
  for (int64_t i = 0; i < n; i++) line[i] = larger(a[i], b[i]);
  for (int64_t row = 2; row < r.rows; row++) {
    const T* __restrict next = a + row * r.rowStride;
    for (int64_t i = 0; i < n; i++) line[i] = larger(line[i], next[i]);
  }
}

// A pixel of the least number.
void putLeast(const Row& r, uint64_t* y) {
  for (int64_t i = 0; i < r.units - 1; i++) y[i] = ~uint64_t{0};
  y[r.units - 1] = r.lastWord;
}
void putLeast(const Row& r, int8_t* y) {
  for (int64_t i = 0; i < r.units; i++) y[i] = -128;
}
void putLeast(const Row& r, uint8_t* y) {
  for (int64_t i = 0; i < r.units; i++) y[i] = 0;
}

// Pixels of kUnits units, 0 for any number: one that is known becomes a few vectors in place of a
// loop.
template <int kUnits, typename T>
void foldColumns(const Row& r, const T* line) {
  const int64_t units = kUnits ? kUnits : r.units;
  T* __restrict y = static_cast<T*>(r.y);
  for (int64_t ox = 0; ox < r.pixels; ox++, y += units) {
    const Columns c = r.columns[ox];
    const T* __restrict tap = line + c.first;
    if (c.count == 2) {
      for (int64_t i = 0; i < units; i++) y[i] = larger(tap[i], tap[r.tapStride + i]);
    } else if (c.count > 0) {
      for (int64_t i = 0; i < units; i++) y[i] = tap[i];
      for (int t = 1; t < c.count; t++) {
        tap += r.tapStride;
        for (int64_t i = 0; i < units; i++) y[i] = larger(y[i], tap[i]);
      }
    } else {
      putLeast(r, y);
    }
  }
}

template <typename T>
const T* lineOf(const Row& r) {
  if (r.rows > 1) foldRows<T>(r);
  return static_cast<const T*>(r.rows > 1 ? r.line : r.x);
}

}  // namespace

void row_b1(const Row& r) {
  const uint64_t* line = lineOf<uint64_t>(r);
  switch (r.units) {
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

void row_i8(const Row& r) { foldColumns<0>(r, lineOf<int8_t>(r)); }
void row_u8(const Row& r) { foldColumns<0>(r, lineOf<uint8_t>(r)); }

}  // namespace BITPLANE_SIMD
}  // namespace bpool
}  // namespace bitplane
