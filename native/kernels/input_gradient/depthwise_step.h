// The input gradient of a depthwise convolution. Not here: the loop (generic.h).
#pragma once
#include <memory>

#include "kernels/conv/conv.h"
#include "kernels/input_gradient/depthwise.h"

namespace bitplane {
namespace input_gradient {

std::unique_ptr<Step> makeDepthwise(const Instruction& instruction, const ConvShape& shape,
                                    DepthwiseFn run, const char* name, BuildContext& context);

}  // namespace input_gradient
}  // namespace bitplane
