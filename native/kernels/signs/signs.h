// The signs of planes: y[n, p, c] = x[n, c, p] < 0, bits over channels (1 means -1; NaN and -0 give
// 0). A picture that comes channels first and is binarized first is read once. Not here: signs of
// maps whose channels are innermost already, which are a store of the epilogue.
#pragma once
#include "kernels/step.h"

namespace bitplane {

std::unique_ptr<Step> makeReferenceSigns(const Instruction& instruction);
std::unique_ptr<Step> make_signs(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
