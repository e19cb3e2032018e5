// Convolution of floats by weights that are fields of fused words, x is 0 outside:
//
//   y[n,oy,ox,o] = epilogue(sum over ky,kx,ci of
//     x[n, oy sh - pt + ky dh, ox sw - pl + kx dw, g(o) C/G + ci] w[o,ky,kx,ci])
//
// A store holds the weights of several tasks (docs/store.md). Those of one task are codes of W
// bits, a sign S above a payload P of W - 1 bits:
//
//   blockFloat  w = (-1)^S P scale[r(k), o]     P < 2^24, scale a power of two: exact
//   floatField  w = the float32 of sign S whose next W - 1 bits are P, and the others 0
//   mask        w = values[o,k] where S is 1, else 0; W is 1
//   signedMask  w = (-1)^P values[o,k] where S is 1, else 0; W is 2
//   owner       w = values[o,k] where S and P, as one number, are 1 to `tasks`, else 0; W is 2 to 8
//
// k = (ky KW + kx) C/G + ci; every `row` of products begins a block, and so do `block` of them:
// r(k) = floor(k / row) ceil(row / block) + floor((k mod row) / block). `noise` stands below the
// bits of a floatField: the payload but for its exponent, 8 bits, of the codes of another task.
//
// Weights rest as codes. They are made floats a panel at a time, and summed as kernels/conv sums:
// every result has the bits of the convolution by those floats.
#pragma once
#include <memory>

#include "kernels/conv/conv.h"
#include "kernels/fconv/expand.h"

namespace bitplane {
namespace fconv {

constexpr int kSignAndExponent = 9;

struct Weights {
  int buffer, bits;
  Kind kind;
  int scales;            // buffer of f32 [blocks][o], or -1
  int values;            // buffer of f32 in disk order, or -1
  int noise, noiseBits;  // buffer of codes, or -1, and the bits of each
  int row, block;
  int tasks;  // whose weights are taken, of owner
};

// Codes of so many bits in disk order: code i is bits [i W, (i + 1) W).
struct Codes {
  const uint8_t* bytes;
  int bits;
  uint32_t at(int64_t i) const;
};

// The oracle: the convolution's, over floats made one at a time.
std::unique_ptr<Step> referenceStep(const Instruction& instruction, const ConvShape& shape,
                                    const Weights& weights, const BuildContext& context);

}  // namespace fconv

std::unique_ptr<Step> make_fconv(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
