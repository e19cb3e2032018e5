// How a convolution is cut: strips of output rows x chunks of output channels are tasks; a task is
// cut into blocks of pixels that stay in cache, a chunk into blocks of channels as wide as a tile,
// the kernel window into blocks of k whose weights stay in L1. Not here: arithmetic (tile.h),
// memory (conv.cc).
//
// x is [N,H,W,C], y [N,OH,OW,O]; w is [O,KH,KW,C/G].
#pragma once
#include <vector>

#include "kernels/conv/tile.h"
#include "kernels/geometry.h"
#include "kernels/step.h"

namespace bitplane {

struct ConvShape {
  int n, h, w, c, oh, ow, o, kh, kw, sh, sw, dh, dw, pt, pl, g;
  int window() const { return kh * kw * (c / g); }  // products in a sum
  int64_t pixels() const { return int64_t{n} * oh * ow; }
  WindowAxis rows() const { return {h, oh, kh, sh, dh, pt}; }
  WindowAxis columns() const { return {w, ow, kw, sw, dw, pl}; }
};

struct ConvChannels {  // a tile's worth of output channels
  int first;           // channel
  int vectors;
  int64_t shift;    // floats from a pixel's address to its group's first input channel
  int64_t weights;  // floats into the packed weights
};

struct ConvChunk {  // channels that are finished, and given to the epilogue, together
  int c0, cn;
  int firstBlock, blocks;
};

struct ConvWindow {  // a block of k
  int firstRun, runs;
  int k;  // its first k
};

// output rows [oy, oy + rows) of images [image, image + images); all rows if there are several
// images
struct ConvStrip {
  int image, images, oy, rows;
};

struct ConvPlan {
  ConvShape shape;
  bool padded;         // the strip is copied with its border, else it is read where it lies
  int64_t pitch;       // floats from input row to input row
  int64_t imagePitch;  // floats from image to image
  int stripRows;       // input rows that an image's part of a strip spans
  int stripImages;     // at most
  int pixelBlock;      // pixels that run through all channels together
  int64_t ld;          // floats from pixel to pixel in the block of sums
  int64_t packed;      // floats of packed weights
  std::vector<ConvChannels> blocks;
  std::vector<ConvChunk> chunks;
  std::vector<TapRun> runs;
  std::vector<ConvWindow> windows;
  std::vector<ConvStrip> strips;
  int chunkTasks;  // pieces into which the chunks are cut
};

ConvPlan planConv(const ConvShape& shape, const ConvTiles& tiles, int threads);

}  // namespace bitplane
