// A row of a binary operation, one value at a time: the oracle.
#include "kernels/binary/binary.h"

namespace bitplane {
namespace reference {

void binaryRow(const BinaryOp& op, const float* a, int aStep, const float* b, int bStep, float* y,
               int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float v = a[i * aStep];
    const float w = b[i * bStep];
    switch (op.op) {
      case EpilogueOp::add:
        y[i] = v + w;
        break;
      case EpilogueOp::sub:
        y[i] = v - w;
        break;
      case EpilogueOp::rsub:
        y[i] = w - v;
        break;
      case EpilogueOp::mul:
        y[i] = v * w;
        break;
      case EpilogueOp::div:
        y[i] = v / w;
        break;
      case EpilogueOp::rdiv:
        y[i] = w / v;
        break;
      case EpilogueOp::max:
        y[i] = w != w || v < w ? w : v;
        break;
      case EpilogueOp::min:
        y[i] = w != w || w < v ? w : v;
        break;
      case EpilogueOp::gate:
        y[i] = op.low <= w && w <= op.high ? v : 0.0f;
        break;
      default:
        y[i] = v < 0 ? v * w : v;
        break;  // prelu
    }
  }
}

}  // namespace reference
}  // namespace bitplane
