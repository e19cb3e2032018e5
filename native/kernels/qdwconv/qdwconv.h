// Depthwise integer convolution, multiplier 1. With the letters and the promises of the integer
// convolution (qconv/qconv.h), G = O = C:
//
//   sum[n,oy,ox,c] = sum over ky, kx of
//     (x[n, oy*sh - pt + ky*dh, ox*sw - pl + kx*dw, c] - zero) * w[c,ky,kx]
//
// Lanes hold channels. A copy of the strip holds x - zero as 16-bit integers, 0 outside of x, and
// taps are taken two at a time: their rows of channels interleaved, one instruction multiplies and
// adds a pair into 32 bits. |x - zero| |w| <= 255 128, so a pair needs 17 bits, and K taps as many
// as qconv's K terms. An odd last tap is paired with weights of 0.
#pragma once
#include <memory>

#include "kernels/conv/plan.h"
#include "kernels/packing.h"
#include "kernels/qconv/numbers.h"
#include "kernels/qconv/tile.h"

namespace bitplane {
namespace qdwconv {

// What the inner loop sees: `count` pixels x `width` channels.
struct Part {
  const int16_t* const* pixels;  // the first tap of each pixel, channel 0
  int64_t channel;               // the first to compute
  int64_t count;
  const int64_t* offsets;  // [2 pairs] elements from a pixel's address to its taps
  int pairs;
  const int16_t* panel;  // weights, [2 pairs][width]
  int64_t width;         // channels, in whole vectors
  void* out;             // int32 or float, [pixel][ld]; whole vectors are written
  int64_t ld;
  bool floats;
};

struct Kernel {
  int lanes;  // channels of a row; `width` is a multiple of it
  void (*run)(const Part& part);
  void (*unpack)(const qconv::Rest& rest, uint8_t* panel);  // into 16 bits
};

std::unique_ptr<WeightPacking> packingFor(const ConvShape& shape, const qconv::Numbers& numbers,
                                          Isa isa);

}  // namespace qdwconv

std::unique_ptr<Step> make_qdwconv(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
