#pragma once
#include <memory>

#include "kernels/conv/plan.h"

namespace bitplane {
namespace weight_gradient {

// The whole gradient as the first part, and zeros as the others.
std::unique_ptr<Step> makeReference(const Instruction& instruction, const ConvShape& shape,
                                    bool isBits, int parts);

}  // namespace weight_gradient
}  // namespace bitplane
