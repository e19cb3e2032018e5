// What the weight gradient's inner loops are given: plain data, shared by baseline and ISA code.
// Not here: shapes, threads (plan.h), which pixels (weight_gradient.cc).
//
//   out[e][v] (+)= the sum from 0 on over pixels of x[pixel][e] * dy[pixel][v]
//   e < P elements of x (channels of one tap, taps of one kernel row), v < V vectors of outputs
//
// Lanes hold output channels and elements of x are broadcast. With 2 vectors and 6 elements (AVX2)
// a pixel costs 8 loads and 12 FMAs, so that FMAs are the bound. Where each output has one channel
// (depthwise) lanes hold channels of both.
#pragma once
#include <cstdint>

namespace bitplane {
namespace weight_gradient {

// The pixels of dy and of x at which a row begins.
struct Row {
  int64_t dy, x;
};

struct Pixels {
  const Row* rows;
  int rowCount, columns;
  int64_t dyPitch, xPitch;  // floats of a pixel
  int64_t xStep;            // floats of x from column to column
};

// `elementStep`: floats from element to element of x; 1 where they are broadcast.
using TileFn = void (*)(const float* dy, const float* x, const Pixels& pixels, int64_t elementStep,
                        float* out, bool accumulate);

constexpr int kMostVectors = 4;
constexpr int kMostElements = 8;

// Copies `width` floats of each of `count` pixels, or of as many bits as floats; whole vectors are
// written, up to kSlack bytes past the last pixel.
using CopyFn = void (*)(const float* from, int64_t fromStep, int count, int width, float* to,
                        int64_t toStep);
using ExpandFn = void (*)(const uint64_t* from, int64_t fromStep, int words, int count, int first,
                          int width, float* to, int64_t toStep);

struct Tiles {
  const char* name;
  int lanes;
  int vectors;                 // of a full tile
  int elements[kMostVectors];  // how many elements a tile of v + 1 vectors takes at most
  TileFn run[kMostVectors][kMostElements];       // [v - 1][p - 1]
  TileFn channels[kMostVectors][kMostElements];  // the same, lanes hold channels of both
  CopyFn copy;
  ExpandFn expand;
};

}  // namespace weight_gradient
}  // namespace bitplane
