// y[r][c] = exp(x[r][c] - m) / sum over c of exp(x[r][c] - m), m = the row's maximum. exp is
// simd/math.h's and the order of additions is simd/fold.h's, so the bits are the same on every ISA.
#pragma once
#include "kernels/step.h"

namespace bitplane {

using SoftmaxFn = void (*)(const float* x, float* y, int64_t c);  // one row; y may be x

std::unique_ptr<Step> make_softmax(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
