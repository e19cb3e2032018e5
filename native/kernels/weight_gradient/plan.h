// How a weight gradient is cut. Pixels: boxes of images x rows x columns of dy, whose products are
// summed in registers; neighbouring rows of boxes are a strip, for which x is copied once; runs of
// strips are parts. The result: units, which are a group's output
// channels x its input channels or a piece of these; a unit into blocks of output channels as wide
// as a tile and blocks of input channels whose strip stays in L1; taps. Not here: arithmetic
// (generic.h), memory (weight_gradient.cc).
//
// x is [N,H,W,C], dy [N,OH,OW,O], the result [O,KH,KW,C/G].
#pragma once
#include <vector>

#include "kernels/conv/plan.h"
#include "kernels/sweep.h"
#include "kernels/weight_gradient/tile.h"

namespace bitplane {
namespace weight_gradient {

// Channels of dy, or of x.
struct Channels {
  int first, count;
};

struct Unit {
  std::vector<Channels> outs, ins;
  int outputs() const { return outs.back().first + outs.back().count - outs.front().first; }
  int inputs() const { return ins.back().first + ins.back().count - ins.front().first; }
};

// Elements of x that follow each other from a pixel's address on: a tap's channels, or, where these
// are few, those of all taps of a kernel row.
struct TapGroup {
  int ky, kx;
  int taps;      // 1, or all of a row
  Span columns;  // outputs that it is summed over
};

// [from, to) of images, rows and columns of dy.
struct PixelBox {
  Range images, rows, columns;
};

// One axis of what is copied of x: a copied line for every line that the taps of some outputs meet,
// or, where the kernel is one tap wide, for every output.
struct CopiedAxis {
  WindowAxis axis;
  bool byOutput;  // line u is that of output u, else line u of x
  bool bordered;  // lines outside of x are copied, as zeros

  // The line of x that copied line u holds.
  int source(int u) const { return byOutput ? axis.start(u) : u; }
  // The copied line of tap t of output o.
  int line(int o, int t) const { return byOutput ? o : axis.at(o, t); }
  int step() const { return byOutput ? 1 : axis.stride; }  // from output to output
  Span lines(Range outputs) const;
};

struct Plan {
  ConvShape shape;
  bool depthwise;  // lanes hold channels of both
  bool rowTaps;    // a kernel row's taps are one group
  CopiedAxis rows, columns;
  int lanes;
  std::vector<Unit> units;
  std::vector<TapGroup> taps;
  int imageBoxes, rowBoxes, columnBoxes;
  int rowStrips;

  int64_t strips() const { return int64_t{imageBoxes} * rowStrips * columnBoxes; }
  // A strip, and the numbers of its rows of boxes.
  PixelBox strip(int64_t number) const;
  Range boxesOf(int64_t strip) const;
  PixelBox box(const PixelBox& strip, int64_t number) const;
  int vectorsOf(const Channels& outs) const { return ceilDiv(outs.count, lanes); }
  int elementsOf(const TapGroup& group, const Channels& ins) const {
    return depthwise ? group.taps : group.taps * ins.count;
  }
  // Lanes of the copy of a block of x.
  int widthOf(const Channels& ins) const {
    return depthwise ? roundUp(ins.count, lanes) : ins.count;
  }
  // Floats of the sums of a unit; pixels and rows of the largest box; pixels of the largest copy of
  // x.
  int64_t sums(const Unit& unit) const;
  int64_t mostPixels() const;
  int64_t mostCopied() const;
  int64_t mostRows() const;
};

Plan planGradient(const ConvShape& shape, const Tiles& tiles, int parts, int threads);

}  // namespace weight_gradient
}  // namespace bitplane
