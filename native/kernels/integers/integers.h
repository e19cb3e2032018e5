// y[i] = op(a[i], b[i]) over a box of int32; a stride of 0 broadcasts, y is contiguous. Everything
// wraps at 32 bits. Exact, so the same bits on every ISA: one variant, plain loops that a compiler
// vectorises.
#pragma once
#include "kernels/step.h"

namespace bitplane {

// In the order of KINDS in src/ops/integer-binary.ts.
enum class IntegerOp : int32_t {
  add,
  sub,
  mul,
  div,        // toward zero; 0 where b is 0
  mod,        // of the sign of b; 0 where b is 0
  remainder,  // of the sign of a; 0 where b is 0
  max,
  min,
  pow,  // 0 where b is below 0 and |a| is not 1
  bitAnd,
  bitOr,
  bitXor,
  equal,  // 1 or 0, as the rest
  less,
  lessOrEqual,
};
constexpr int32_t kIntegerOps = 15;

std::unique_ptr<Step> makeReferenceIntegers(const Instruction& instruction);
std::unique_ptr<Step> make_integers(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
