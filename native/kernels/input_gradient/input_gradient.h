// The gradient of a float convolution with respect to its input, dx [n,oh,ow,o] from dy [n,h,w,c]
// and the convolution's weights w [c,kh,kw,o/g]:
//
//   dx[n,i,j,o] = epilogue(sum over oy,ky with oy sh - pt + ky dh = i, ox,kx with
//     ox sw - pl + kx dw = j, ci < c/g of dy[n,oy,ox,g(o) c/g + ci] w[g(o) c/g + ci,ky,kx,o mod
//     o/g])
//
// The letters are those of this instruction: h w c are the convolution's output, oh ow o its input.
//
// Stride 1: a convolution of dy with the kernel turned by 180 degrees, so it is that convolution's
// step over weights that are packed so. Other strides: inputs i with the same (i + pt) mod sh meet
// the same taps, ky dh mod sh = (i + pt) mod sh, and lie one row of dy apart; so each class of rows
// and columns (a phase) is a convolution of stride 1 of its own, and no zero is multiplied. One
// channel a group (depthwise): lanes hold channels, a table says which taps each row and column
// meets.
//
// The products of a phase are cut into blocks as conv.h says, with the same bound on the error: K
// products in B = ceil(K / 144) blocks, |error| <= (K/B + B) 2^-24 sum |dy w|. Nothing depends on
// batch or threads. Every ISA that has FMA gives the same bits.
#pragma once
#include <memory>

#include "kernels/conv/conv.h"

namespace bitplane {

bool isDepthwiseGradient(const ConvShape& shape);
std::unique_ptr<WeightPacking> inputGradientPacking(const ConvShape& shape, int weightBits, Isa isa,
                                                    int threads);
std::unique_ptr<Step> make_input_gradient(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
