// The integer convolution step: turns x into what the tiles multiply, walks the plan, unpacks
// weights. Not here: the choice of a variant (qconv.cc), the walk itself (conv/strip.h).
#pragma once
#include "kernels/qconv/weights.h"

namespace bitplane {
namespace qconv {

std::unique_ptr<Step> makeStep(const char* name, const Instruction& instruction,
                               const Problem& problem, Layout layout, PackedWeights weights,
                               const std::vector<int>& zeros, const uint32_t* few, Isa isa);

}  // namespace qconv
}  // namespace bitplane
