#pragma once
#include <memory>

#include "kernels/conv/conv.h"

namespace bitplane {
namespace input_gradient {

// `weights` is buffer `buffer` where that is no constant: then as referencePacking leaves it.
std::unique_ptr<Step> makeReference(const Instruction& instruction, const ConvShape& shape,
                                    const void* weights, int buffer, int weightBits);

}  // namespace input_gradient
}  // namespace bitplane
