// The reduction over a SIMD vocabulary, which the including file has chosen: lanes hold columns; a
// single column is folded as a row.
#pragma once
#include "kernels/reduce/reduce.h"
#include "simd/fold.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

template <typename Op, int V, typename T>
BITPLANE_INLINE void reduceVectors(const Reader<T>& reader, const ReducePart& p, int64_t c,
                                   bool mean) {
  F32 v[V];
  foldColumns<Op, V>(reader, static_cast<const T*>(p.x) + c, p.k, p.inner, v);
  const F32 count = set1(static_cast<float>(p.k));
  BITPLANE_UNROLL
  for (int i = 0; i < V; i++) {
    const F32 r = mean ? div(v[i], count) : v[i];
    const int64_t left = p.columns - c - i * kLanes;
    if (left >= kLanes)
      store(p.y + c + i * kLanes, r);
    else
      storeN(p.y + c + i * kLanes, r, static_cast<int>(left));
  }
}

template <typename Op, typename T>
void reduceElements(const ReducePart& p, bool mean) {
  const Reader<T> reader(p.elements);
  if (p.inner == 1) {
    const float v = foldRow<Op>(reader, static_cast<const T*>(p.x), p.k);
    *p.y = mean ? v / static_cast<float>(p.k) : v;
    return;
  }
  int64_t c = 0;
  for (; c + 4 * kLanes <= p.columns; c += 4 * kLanes) reduceVectors<Op, 4>(reader, p, c, mean);
  for (; c < p.columns; c += kLanes) reduceVectors<Op, 1>(reader, p, c, mean);
}

template <typename Op>
void reduceWith(const ReducePart& p, bool mean) {
  switch (p.elements.type) {
    case ElementType::f32:
      return reduceElements<Op, float>(p, mean);
    case ElementType::i8:
      return reduceElements<Op, int8_t>(p, mean);
    case ElementType::u8:
      return reduceElements<Op, uint8_t>(p, mean);
  }
}

}  // namespace

void reduce(ReduceKind kind, const ReducePart& part) {
  switch (kind) {
    case ReduceKind::mean:
      return reduceWith<Sum>(part, true);
    case ReduceKind::sum:
      return reduceWith<Sum>(part, false);
    case ReduceKind::maximum:
      return reduceWith<Maximum>(part, false);
    case ReduceKind::minimum:
      return reduceWith<Minimum>(part, false);
  }
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
