// How a convolution is cut: strips of output rows x chunks of output channels are tasks; a task is
// cut into blocks of pixels that stay in cache, a chunk into blocks of channels as wide as a tile,
// the kernel window into blocks of k whose weights stay in L1. For floats and for integers, which
// differ in ConvCuts. Not here: arithmetic (tile.h), memory (strip.h).
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

// What a kernel asks of the cuts.
struct ConvCuts {
  int lanes, vectors;  // output channels of a vector, vectors of a full tile
  int lastVectors;     // what is left is one tile if it has so many at most; 0: `vectors`
  // Elements of x that a tile multiplies at once: every run of the window is filled up to whole
  // steps, with weights that are 0.
  int step;
  int64_t elementBytes;  // of x as tiles read it
  bool copies;           // x is copied even where it has no border
  int64_t summands;      // steps of a block of k, at most
  int64_t sums;          // of a block of sums, about: pixels x channels
  int64_t stripBytes;    // a copied strip, at most: part of an L2
  int64_t taskProducts;  // about 4 us of work, well above the price of handing out a task
};

struct ConvChannels {  // a tile's worth of output channels
  int first;           // channel
  int vectors;
  int64_t shift;    // elements from a pixel's address to its group's first input channel
  int64_t weights;  // weights before it in the packed form
};

struct ConvChunk {  // channels that are finished, and given to the epilogue, together
  int c0, cn;
  int firstBlock, blocks;
};

struct ConvWindow {  // a block of k
  int firstRun, runs;
  int k;      // its first step
  int steps;  // of its runs together
};

// output rows [oy, oy + rows) of images [image, image + images); all rows if there are several
// images
struct ConvStrip {
  int image, images, oy, rows;
};

struct ConvPlan {
  ConvShape shape;
  bool padded;          // the strip is copied with its border, else it is read where it lies
  int64_t pitch;        // elements from input row to input row
  int64_t imagePitch;   // elements from image to image
  int stripRows;        // input rows that an image's part of a strip spans
  int stripImages;      // at most
  int pixelBlock;       // pixels that run through all channels together
  int64_t ld;           // sums from pixel to pixel in the block of sums
  int64_t packed;       // packed weights
  int64_t windowSteps;  // steps of the whole window
  // Elements of the window that follow each other, in the order ky, kx, c: runs before they are
  // filled up and cut.
  std::vector<int> segments;
  std::vector<ConvChannels> blocks;
  std::vector<ConvChunk> chunks;
  std::vector<TapRun> runs;
  std::vector<ConvWindow> windows;
  std::vector<ConvStrip> strips;
  int chunkTasks;  // pieces into which the chunks are cut
};

// Runs of floats that follow each other, joined where one ends at the next: what a tile reads of a
// window.
void joinRun(std::vector<TapRun>& joined, TapRun run);
// Such runs in steps, cut where a block of k is full.
struct ConvCutRuns {
  std::vector<TapRun> runs;
  std::vector<ConvWindow> windows;
  int64_t steps;
};
ConvCutRuns cutRuns(const std::vector<TapRun>& joined, const ConvCuts& cuts);

ConvPlan planConv(const ConvShape& shape, const ConvCuts& cuts, int threads);

}  // namespace bitplane
