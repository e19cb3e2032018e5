// y[outer][inner] = mean, sum, maximum or minimum over k of x[outer][k][inner], f32. x is of
// floats, or of bytes that stand for (x - zero) * scale (base/elements.h). The order of additions
// is fixed (simd/fold.h), so the bits are the same on every ISA, and those of bytes are the bits of
// the floats that they stand for. Maximum and minimum ignore NaN; over NaN alone they give -inf and
// +inf.
#pragma once
#include "base/elements.h"
#include "kernels/step.h"

namespace bitplane {

enum class ReduceKind : int32_t { mean, sum, maximum, minimum };

struct ReducePart {
  const void* x;  // [k][inner], from the first of `columns` on
  float* y;
  int64_t k, inner;
  int64_t columns;
  Elements elements;  // of x
};
// The sum, maximum or minimum of columns, or of the row if inner is 1; a mean is a sum divided by
// k.
using ReduceFn = void (*)(ReduceKind kind, const ReducePart& part);

std::unique_ptr<Step> make_reduce(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
