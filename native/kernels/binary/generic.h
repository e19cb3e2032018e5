// A row of a binary operation over a SIMD vocabulary, which the including file has chosen.
#pragma once
#include "kernels/binary/binary.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

template <ChainOp Op>
BITPLANE_INLINE F32 apply(F32 a, F32 b) {
  switch (Op) {
    case ChainOp::add:
      return add(a, b);
    case ChainOp::sub:
      return sub(a, b);
    case ChainOp::rsub:
      return sub(b, a);
    case ChainOp::mul:
      return mul(a, b);
    case ChainOp::div:
      return div(a, b);
    case ChainOp::rdiv:
      return div(b, a);
    case ChainOp::max:
      return maximum(a, b);
    case ChainOp::min:
      return minimum(a, b);
    default:
      return select(less(a, set1(0.0f)), mul(a, b), a);  // prelu
  }
}

// A broadcast operand costs a load of one float each time, which no CPU here notices beside the
// other operand's.
template <ChainOp Op>
void binaryWith(const float* a, int aStep, const float* b, int bStep, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    store(y + i, apply<Op>(aStep ? load(a + i) : set1(*a), bStep ? load(b + i) : set1(*b)));
  }
  if (i < n) {
    const int left = static_cast<int>(n - i);
    storeN(y + i,
           apply<Op>(aStep ? loadN(a + i, left) : set1(*a), bStep ? loadN(b + i, left) : set1(*b)),
           left);
  }
}

}  // namespace

void binaryRow(ChainOp op, const float* a, int aStep, const float* b, int bStep, float* y,
               int64_t n) {
  switch (op) {
    case ChainOp::add:
      return binaryWith<ChainOp::add>(a, aStep, b, bStep, y, n);
    case ChainOp::sub:
      return binaryWith<ChainOp::sub>(a, aStep, b, bStep, y, n);
    case ChainOp::rsub:
      return binaryWith<ChainOp::rsub>(a, aStep, b, bStep, y, n);
    case ChainOp::mul:
      return binaryWith<ChainOp::mul>(a, aStep, b, bStep, y, n);
    case ChainOp::div:
      return binaryWith<ChainOp::div>(a, aStep, b, bStep, y, n);
    case ChainOp::rdiv:
      return binaryWith<ChainOp::rdiv>(a, aStep, b, bStep, y, n);
    case ChainOp::max:
      return binaryWith<ChainOp::max>(a, aStep, b, bStep, y, n);
    case ChainOp::min:
      return binaryWith<ChainOp::min>(a, aStep, b, bStep, y, n);
    default:
      return binaryWith<ChainOp::prelu>(a, aStep, b, bStep, y, n);
  }
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
