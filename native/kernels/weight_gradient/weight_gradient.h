// The gradient of a float convolution with respect to its weights:
//
//   dw[o,ky,kx,i] = sum over n,oy,ox with the tap inside x of dy[n,oy,ox,o]
//     x[n, oy sh - pt + ky dh, ox sw - pl + kx dw, g(o) C/g + i],  i < C/g
//
// x is f32 or bits (1 = -1); padding is no product at all.
//
// The pixels (n,oy,ox) are cut into boxes of about 256 (plan.h), and the boxes in order into
// `parts` parts; result part p is the sum over its boxes. Each box is summed in float32, one FMA a
// product, then the sums of the boxes are added in order. The cut depends on the shape alone: not
// on the instruction set, nor on threads, which share out parts and pieces of the result. So every
// ISA that has FMA gives the same bits, with one thread or many; scalar code rounds twice and
// differs. With K pixels in B boxes, |error of a part| <= (K/B + B) 2^-24 sum |x dy|; whoever adds
// the parts adds as many roundings.
#pragma once
#include <memory>

#include "kernels/conv/plan.h"

namespace bitplane {

std::unique_ptr<Step> make_weight_gradient(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
