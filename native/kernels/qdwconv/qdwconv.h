// Depthwise integer convolution, multiplier 1. With the letters and the promises of the integer
// convolution (qconv/qconv.h), G = O = C:
//
//   sum[n,oy,ox,c] = sum over ky, kx of
//     (x[n, oy*sh - pt + ky*dh, ox*sw - pl + kx*dw, c] - zero) * (w[c,ky,kx] - zeros[c])
//
// Lanes hold channels. A copy of the strip holds x - zero as 16-bit integers, 0 outside of x, and
// taps are taken two at a time: their rows of channels interleaved, one instruction multiplies and
// adds a pair into 32 bits. Zero points of weights are subtracted where these are unpacked, so that
// |x - zero| |w - zeros| <= 255 255: a pair needs 18 bits, and K taps as many as qconv's K terms.
// An odd last tap is paired with weights of 0.
#pragma once
#include <memory>

#include "kernels/conv/plan.h"
#include "kernels/packing.h"
#include "kernels/qconv/numbers.h"

namespace bitplane {
namespace qdwconv {

std::unique_ptr<WeightPacking> packingFor(const ConvShape& shape, const qconv::Numbers& numbers,
                                          Isa isa);

}  // namespace qdwconv

std::unique_ptr<Step> make_qdwconv(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
