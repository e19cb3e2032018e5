// y = float(f(double(x))), f a function of C's library: within half a unit in the last place, and
// a few hundred times slower than a step of an epilogue. One variant; two libraries may round a
// double differently, which hardly ever shows in a float.
#pragma once
#include "kernels/step.h"

namespace bitplane {

// In the order of FUNCTIONS in src/ops/functions.ts.
using Function = double (*)(double);

std::unique_ptr<Step> make_functions(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
