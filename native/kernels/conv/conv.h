// Float convolution: y[n,oy,ox,o] = epilogue(sum over ky,kx,ci of x[n, oy sh - pt + ky dh, ox sw -
// pl + kx dw, g(o) C/G + ci] w[o,ky,kx,ci]), where x is 0 outside. K = KH KW C/G products in the
// order ky, kx, ci are cut into B = ceil(K / 96) blocks, equal but for the last. A block is summed
// in float32, then the blocks are, whatever the tile, the batch and the threads: |error| <= (K/B +
// B) 2^-24 sum |x w|. Each product is added by one FMA, so every ISA that has FMA gives the same
// bits; scalar code rounds twice and differs.
#pragma once
#include <memory>

#include "kernels/conv/plan.h"

namespace bitplane {

ConvShape decodeConvShape(const Instruction& instruction);
// Weight i of a constant: f32, or a bit (1 = -1) in disk order.
inline float weightAt(const void* weights, int weightBits, int64_t i) {
  if (weightBits == 32) return static_cast<const float*>(weights)[i];
  return (static_cast<const uint8_t*>(weights)[i / 8] >> (i % 8)) & 1 ? -1.0f : 1.0f;
}
std::unique_ptr<Step> makeReferenceConv(const Instruction& instruction, const ConvShape& shape,
                                        const void* weights, int weightBits);
std::unique_ptr<Step> make_conv(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
