// Boxes of up to six dimensions with element strides, for the steps that walk them: copy and
// binary. Baseline code only. Not here: what is done at an element.
#pragma once
#include <algorithm>
#include <utility>

#include "base/types.h"

namespace bitplane {

constexpr int kBoxDims = 6;

// A box with K strided operands. Dimension rank - 1 is the innermost.
template <int K>
struct Box {
  int rank = 0;
  int64_t size[kBoxDims] = {};
  int64_t stride[K][kBoxDims] = {};

  void push(int64_t n, const int64_t (&strides)[K]) {
    size[rank] = n;
    for (int k = 0; k < K; k++) stride[k][rank] = strides[k];
    rank++;
  }

  // Drops dimensions of size 1 and joins neighbours that every operand walks as one. A box of one
  // element keeps one dimension.
  Box joined() const {
    Box out;
    for (int d = 0; d < rank; d++) {
      if (size[d] == 1) continue;
      bool joins = out.rank > 0;
      for (int k = 0; k < K && joins; k++)
        joins = out.stride[k][out.rank - 1] == stride[k][d] * size[d];
      if (!joins) out.rank++;
      const int to = out.rank - 1;
      out.size[to] = joins ? out.size[to] * size[d] : size[d];
      for (int k = 0; k < K; k++) out.stride[k][to] = stride[k][d];
    }
    if (out.rank == 0) {
      out.rank = 1;
      out.size[0] = 1;
    }
    return out;
  }

  // Orders dimensions so that operand k's strides fall from the outermost to the innermost.
  void sortBy(int k) {
    for (int a = 1; a < rank; a++) {
      for (int b = a; b > 0 && stride[k][b - 1] < stride[k][b]; b--) {
        std::swap(size[b - 1], size[b]);
        for (int i = 0; i < K; i++) std::swap(stride[i][b - 1], stride[i][b]);
      }
    }
  }

  int64_t elements() const {
    int64_t n = 1;
    for (int d = 0; d < rank; d++) n *= size[d];
    return n;
  }

  // Offset of operand k where the first `dims` dimensions have the row-major index `index`.
  int64_t offset(int k, int dims, int64_t index) const {
    int64_t at = 0;
    for (int d = dims - 1; d >= 0; d--) {
      at += index % size[d] * stride[k][d];
      index /= size[d];
    }
    return at;
  }
};

// The elements [begin, end) of a box in row-major order, in pieces of its innermost rows of at most
// `most`: visit(first, count, at), where element first + i of operand k is at[k] + i stride.
template <int K, typename Visit>
void eachPiece(const Box<K>& box, int64_t begin, int64_t end, int64_t most, Visit visit) {
  const int outer = box.rank - 1;
  const int64_t row = box.size[outer];
  for (int64_t i = begin; i < end;) {
    const int64_t inside = i % row;
    const int64_t count = std::min({row - inside, end - i, most});
    int64_t at[K];
    for (int k = 0; k < K; k++)
      at[k] = box.offset(k, outer, i / row) + inside * box.stride[k][outer];
    visit(i, count, at);
    i += count;
  }
}

}  // namespace bitplane
