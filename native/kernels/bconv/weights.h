// Packed weights, and the integers that depend on them: what each border class adds to a dot
// product and where its threshold lies. Not here: which thread uses them, or the tile.
#pragma once
#include "kernels/bconv/plan.h"

namespace bitplane {
namespace bconv {

// Weights for `kernel`, shared by every program of the session that asks for the same layout.
PackedWeights packedWeights(const Plan& plan, const Kernel& kernel, const char* name,
                            BuildContext& context);

// Where the bases of weights that a run computes lie, from the beginning of the packed form: behind
// the weights, where the border is literal zero; else they need no weights and are not there.
int64_t basesAt(const Plan& plan);
std::unique_ptr<WeightPacking> weightPacking(Plan plan, const Kernel& kernel);

// base[class][o], rows of baseStride: dot = base - 2 * popcount. With zero padding base is K less
// the weights of the outside taps, which the kernel counted against +1; otherwise base is K.
// `weights` is not read where the border is not zero.
int64_t baseStride(const Plan& plan);
std::vector<int32_t> bases(const Plan& plan, const uint8_t* weights);

// Thresholds on the popcount, per 64-channel block and class, in the kernel's form. dot < T is base
// - 2 * popcount < T, which is popcount > floor((base - T) / 2). Channels past o never pass.
// flip[block] holds the flips of its channels.
struct Thresholds {
  std::vector<uint8_t> packed;  // [block][class][thresholdBytes]
  std::vector<uint64_t> flip;
};
Thresholds thresholdsFor(const Plan& plan, const Kernel& kernel, const std::vector<int32_t>& base,
                         const int32_t* constant);

}  // namespace bconv
}  // namespace bitplane
