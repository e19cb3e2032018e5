// A binary convolution run by one of the vector or scalar kernels: prepared activations, packed
// weights, independent tasks. Not here: choosing the kernel (bconv.cc), the oracle (reference.cc).
#pragma once
#include "kernels/bconv/bconv.h"
#include "kernels/bconv/kernel.h"

namespace bitplane {
namespace bconv {

// Null where the problem's K is more than the kernel's counters hold.
std::unique_ptr<Step> segmentedStep(const char* name, Isa isa, const Kernel& kernel,
                                    const Instruction& instruction, BuildContext& context);

// Its weights, where a run computes them. Null as above.
std::unique_ptr<WeightPacking> segmentedPacking(const Kernel& kernel, const Problem& problem,
                                                int threads);

}  // namespace bconv
}  // namespace bitplane
