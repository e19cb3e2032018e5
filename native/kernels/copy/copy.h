// y[yoffset + sum i_d ystride_d] = x[xoffset + sum i_d xstride_d] over a box: elements of 4 bytes
// or of 1, moved as they are.
#pragma once
#include "kernels/step.h"

namespace bitplane {

std::unique_ptr<Step> makeReferenceCopy(const Instruction& instruction);
std::unique_ptr<Step> make_copy(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
