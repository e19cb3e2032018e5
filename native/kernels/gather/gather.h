// Elements along an axis at places that a run computes, of 4 bytes or 1, moved as they are:
//
//   one list     y[o, j, i] = x[o, indices[j], i]
//   one each     y[o, j, i] = x[o, indices[o, j, i], i]
//
// x is [outer, k, inner], y [outer, count, inner]. An index below 0 counts from the end; one that
// is outside of the axis takes the nearest element in it. Plain memory, one variant.
#pragma once
#include "kernels/step.h"

namespace bitplane {

std::unique_ptr<Step> make_gather(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
