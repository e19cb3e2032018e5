// The oracle of the binary convolution as a step. Not here: anything that the fast variants use.
#pragma once
#include "kernels/bconv/bconv.h"

namespace bitplane {
namespace bconv {

std::unique_ptr<Step> referenceStep(const Instruction& instruction, BuildContext& context);
// Bits without gaps, which the oracle reads.
std::unique_ptr<WeightPacking> referencePacking(const Problem& problem);

}  // namespace bconv
}  // namespace bitplane
