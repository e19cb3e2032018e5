// A row of a binary operation over a SIMD vocabulary, which the including file has chosen.
#pragma once
#include "kernels/binary/binary.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

template <EpilogueOp Op>
BITPLANE_INLINE F32 apply(F32 a, F32 b, F32 low, F32 high) {
  switch (Op) {
    case EpilogueOp::add:
      return add(a, b);
    case EpilogueOp::sub:
      return sub(a, b);
    case EpilogueOp::rsub:
      return sub(b, a);
    case EpilogueOp::mul:
      return mul(a, b);
    case EpilogueOp::div:
      return div(a, b);
    case EpilogueOp::rdiv:
      return div(b, a);
    case EpilogueOp::max:
      return maximum(a, b);
    case EpilogueOp::min:
      return minimum(a, b);
    case EpilogueOp::gate:
      return gated(b, low, high, a);
    default:
      return select(less(a, set1(0.0f)), mul(a, b), a);  // prelu
  }
}

// A broadcast operand costs a load of one float each time, which no CPU here notices beside the
// other operand's.
template <EpilogueOp Op>
void binaryWith(const BinaryOp& op, const float* a, int aStep, const float* b, int bStep, float* y,
                int64_t n) {
  const F32 low = set1(op.low), high = set1(op.high);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    store(y + i,
          apply<Op>(aStep ? load(a + i) : set1(*a), bStep ? load(b + i) : set1(*b), low, high));
  }
  if (i < n) {
    const int left = static_cast<int>(n - i);
    storeN(y + i,
           apply<Op>(aStep ? loadN(a + i, left) : set1(*a), bStep ? loadN(b + i, left) : set1(*b),
                     low, high),
           left);
  }
}

}  // namespace

void binaryRow(const BinaryOp& op, const float* a, int aStep, const float* b, int bStep, float* y,
               int64_t n) {
  switch (op.op) {
    case EpilogueOp::add:
      return binaryWith<EpilogueOp::add>(op, a, aStep, b, bStep, y, n);
    case EpilogueOp::sub:
      return binaryWith<EpilogueOp::sub>(op, a, aStep, b, bStep, y, n);
    case EpilogueOp::rsub:
      return binaryWith<EpilogueOp::rsub>(op, a, aStep, b, bStep, y, n);
    case EpilogueOp::mul:
      return binaryWith<EpilogueOp::mul>(op, a, aStep, b, bStep, y, n);
    case EpilogueOp::div:
      return binaryWith<EpilogueOp::div>(op, a, aStep, b, bStep, y, n);
    case EpilogueOp::rdiv:
      return binaryWith<EpilogueOp::rdiv>(op, a, aStep, b, bStep, y, n);
    case EpilogueOp::max:
      return binaryWith<EpilogueOp::max>(op, a, aStep, b, bStep, y, n);
    case EpilogueOp::min:
      return binaryWith<EpilogueOp::min>(op, a, aStep, b, bStep, y, n);
    case EpilogueOp::gate:
      return binaryWith<EpilogueOp::gate>(op, a, aStep, b, bStep, y, n);
    default:
      return binaryWith<EpilogueOp::prelu>(op, a, aStep, b, bStep, y, n);
  }
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
