// Convolution of floats by weights of few bits, x is 0 outside:
//
//   y[n,oy,ox,o] = epilogue(sum over ky,kx,ci of
//     x[n, oy sh - pt + ky dh, ox sw - pl + kx dw, g(o) C/G + ci] w[o,ky,kx,ci])
//   w[o,k] = (q[o,k] - zero[k / block, o]) * scale[k / block, o]      k = (ky KW + kx) C/G + ci
//
// q are integers of 1 to 8 bits, bits, or powers of two by codes of up to 5 bits. A few weights may
// be far from all others: their integers of 16 bits, times a scale of each output, are added to
// those floats. Weights rest in n bits each. They are made floats a panel at a time, by one
// subtraction and one multiplication, both rounded to float32, and summed as kernels/conv sums:
// every result has the bits of the convolution by those floats.
#pragma once
#include <memory>

#include "kernels/conv/conv.h"
#include "kernels/qconv/numbers.h"

namespace bitplane {
namespace wconv {

struct Weights {
  int buffer, bits;
  qconv::WeightKind kind;
  int scales;     // buffer of f32 [blocks][o], or -1: all 1
  int zeros;      // buffer of bytes [blocks][o], signed as the weights are, or -1: all 0
  int few;        // buffer of a table of few weights (kernels/qconv/few.h), or -1
  int fewScales;  // buffer of f32 [o]
  int block;      // products of a sum that have one scale
};

// The oracle: the convolution's, over floats made one at a time.
std::unique_ptr<Step> referenceStep(const Instruction& instruction, const ConvShape& shape,
                                    const Weights& weights, const BuildContext& context);

}  // namespace wconv

std::unique_ptr<Step> make_wconv(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
