// The input gradient of a convolution with strides: phase by phase (phases.h). Not here: stride 1,
// depthwise (input_gradient.cc).
#pragma once
#include <memory>

#include "kernels/input_gradient/phases.h"

namespace bitplane {
namespace input_gradient {

std::unique_ptr<Step> makeStrided(const Instruction& instruction, std::shared_ptr<Phases> phases,
                                  const ConvTiles& tiles, PackedWeights weights, const char* name,
                                  Isa isa);

}  // namespace input_gradient
}  // namespace bitplane
