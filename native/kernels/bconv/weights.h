// Packed weights, and the integers that depend on them: what each border class adds to a dot
// product and where its threshold lies. Not here: which thread uses them, or the tile.
#pragma once
#include "kernels/bconv/plan.h"

namespace bitplane {
namespace bconv {

// Weights for `kernel`, shared by every program of the session that asks for the same layout.
std::shared_ptr<const void> packedWeights(const Plan& plan, const Kernel& kernel, const char* name,
                                          BuildContext& context);

// base[class][o], rows of `stride`: dot = base - 2 * popcount. With zero padding base is K less the
// weights of the outside taps, which the kernel counted against +1; otherwise base is K.
std::vector<int32_t> bases(const Plan& plan, const uint8_t* weights, int64_t stride);

// Thresholds on the popcount, per 64-channel block and class, in the kernel's form. dot < T is base
// - 2 * popcount < T, which is popcount > floor((base - T) / 2). Channels past o never pass.
// flip[block] holds the flips of its channels.
struct Thresholds {
  std::vector<uint8_t> packed;  // [block][class][thresholdBytes]
  std::vector<uint64_t> flip;
};
Thresholds thresholdsFor(const Plan& plan, const Kernel& kernel, const std::vector<int32_t>& base,
                         int64_t stride, const int32_t* constant);

}  // namespace bconv
}  // namespace bitplane
