// y[i] = op(a[i], b[i]) over a box, f32; a stride of 0 broadcasts. op is an epilogue operation from
// add to prelu or gate, with v = a, kPow: float(pow(double(a), double(b))), or
// kRemainder: fmod(a, b), which is exact. y is contiguous.
// Each result is one IEEE operation, the same bits on every ISA.
#pragma once
#include "kernels/epilogue/epilogue.h"

namespace bitplane {

// An operation with the immediates that a gate has.
struct BinaryOp {
  EpilogueOp op;
  float low, high;
};

// y[i] = op(a[i * aStep], b[i * bStep]) for i < n; steps are 0 or 1.
using BinaryFn = void (*)(const BinaryOp& op, const float* a, int aStep, const float* b, int bStep,
                          float* y, int64_t n);

std::unique_ptr<Step> make_binary(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
