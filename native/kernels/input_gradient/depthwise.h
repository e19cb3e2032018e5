// What the loop of a depthwise input gradient is given: plain data, shared by baseline and ISA
// code. Not here: shapes, threads, the epilogue (depthwise_step.cc).
//
//   out[p][c] = the sum from 0 on, rows then columns, of dy[output row][output column][c]
//               w[row tap][column tap][c] over what the input meets along each axis
#pragma once
#include <cstdint>

namespace bitplane {
namespace input_gradient {

// An output that has tap number `tap` at some input.
struct Meeting {
  int output, tap;
};

struct DepthwisePart {
  const float* dy;  // an image
  const float* weights;
  int64_t weightLd;  // floats from tap to tap
  int64_t rowPitch;  // floats from row to row of dy
  int channels, kw;
  const Meeting* rows;  // of the row of dx
  int rowCount;
  const Meeting* columns;
  const int* columnStart;  // of each column of dx among them
  int first, count;        // columns of dx
  int c0, cn;
  float* out;
  int64_t ld;  // a multiple of the lanes; whole vectors are written
};
using DepthwiseFn = void (*)(const DepthwisePart& part);

}  // namespace input_gradient
}  // namespace bitplane
