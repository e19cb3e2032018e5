// What a convolution's inner loop is given: plain data, shared by the plan (baseline code) and the
// tiles (ISA code). Not here: shapes, padding, threads (plan.h), packing (conv.cc).
//
//   out[p][v] (+)= the sum from 0 on over k of x[pixel p][k] * w[k][v]
//   p < P pixels, v < V vectors of output channels, k runs over the kernel window
//
// Lanes hold output channels and activations are broadcast, so there are no horizontal sums. The
// window of a pixel is a few contiguous runs of floats, the same for every pixel; w is packed in
// the order in which the runs are read.
#pragma once
#include <cstdint>

#include "kernels/ahead.h"

namespace bitplane {

struct TapRun {
  int64_t offset;  // floats from the pixel's address
  int64_t length;
};

// `tiles` of them, whose pixels follow each other: a tile of few products takes no longer than a
// call. Beside each some of what is needed soon is asked for.
using ConvTile = void (*)(const float* const* pixels, int tiles, int64_t shift, const TapRun* runs,
                          int runCount, const float* weights, float* out, int64_t ld,
                          bool accumulate, AheadOf* ahead, Ahead* next);

constexpr int kMaxTileVectors = 4;
constexpr int kMaxTilePixels = 8;

struct ConvTiles {
  const char* name;
  int lanes;    // floats of a vector
  int vectors;  // of a full tile
  int most;     // of a tile that is a block's last
  // how many pixels a tile of v + 1 vectors takes at most
  int pixels[kMaxTileVectors];
  ConvTile run[kMaxTileVectors][kMaxTilePixels];  // [v - 1][p - 1]
};

}  // namespace bitplane
