// The step over a sliding window, for depthwise convolution and pooling: cuts the output into
// blocks, folds each, applies the epilogue. Not here: the loop (generic.h), weights
// (kernels/dwconv).
#pragma once
#include <memory>

#include "kernels/packing.h"
#include "kernels/step.h"
#include "kernels/window/window.h"

namespace bitplane {

struct WindowStepOptions {
  Fold fold;
  int images;
  Window window;
  int divisor;            // as in WindowPart
  PackedWeights weights;  // as in WindowPart
  int64_t weightLd;
  Elements elements;  // as in WindowPart
};

std::unique_ptr<Step> makeWindowStep(const Instruction& instruction,
                                     const WindowStepOptions& options, BuildContext& context);

}  // namespace bitplane
