// Float convolution, x is 0 outside:
//
//   y[n,oy,ox,o] = epilogue(sum over ky,kx,ci of
//     x[n, oy sh - pt + ky dh, ox sw - pl + kx dw, g(o) C/G + ci] w[o,ky,kx,ci])
//
// The K = KH KW C/G products in the order ky, kx, ci are cut into B = ceil(K / 96) blocks, equal
// but for the last. Each block is summed in float32, then the sums of the blocks are. The cut does
// not depend on tile, batch or threads. |error| <= (K/B + B) 2^-24 sum |x w|. One FMA adds each
// product, so every ISA that has FMA gives the same bits; scalar code rounds twice and differs.
#pragma once
#include <memory>
#include <vector>

#include "kernels/conv/plan.h"
#include "kernels/packing.h"

namespace bitplane {

// The tiles of an instruction set, and what they ask of a plan.
ConvTiles tilesFor(Isa isa);
ConvCuts cutsFor(const ConvTiles& tiles);
ConvShape decodeConvShape(const Instruction& instruction);
// Weight i: f32, or a bit (1 = -1) in disk order.
inline float weightAt(const void* weights, int weightBits, int64_t i) {
  if (weightBits == 32) return static_cast<const float*>(weights)[i];
  return (static_cast<const uint8_t*>(weights)[i / 8] >> (i % 8)) & 1 ? -1.0f : 1.0f;
}
// From weights that a run computed: every tap's channels lie `pitch` elements from the next one's.
inline int64_t tapPitch(int weightBits, int channels) {
  return weightBits == 32 ? channels : 64 * int64_t{bitWords(channels)};
}
// `weights` is buffer `buffer` where that is no constant: then as referencePacking leaves it.
std::unique_ptr<Step> makeReferenceConv(const Instruction& instruction, const ConvShape& shape,
                                        const void* weights, int buffer, int weightBits);
// The same over floats that an oracle has made of weights in another form.
std::unique_ptr<Step> makeReferenceConvOver(const Instruction& instruction, const ConvShape& shape,
                                            std::vector<float> floats, const char* kernelName);
std::unique_ptr<WeightPacking> convPacking(const ConvShape& shape, int weightBits, Isa isa,
                                           int threads);
std::unique_ptr<WeightPacking> depthwisePacking(const ConvShape& shape, int weightBits, Isa isa);
// What the oracles read: floats as they are, bits without gaps.
std::unique_ptr<WeightPacking> referencePacking(int outputs, int taps, int channels,
                                                int weightBits);
std::unique_ptr<Step> make_conv(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
