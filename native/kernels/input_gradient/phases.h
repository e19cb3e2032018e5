// The phases of an input gradient (input_gradient.h): which taps each class of rows and columns
// meets, and how their weights are packed. Not here: the walk (strided.cc).
#pragma once
#include <vector>

#include "kernels/conv/conv.h"

namespace bitplane {
namespace input_gradient {

// Inputs i with (i + before) mod stride = residue, i = stride * q + residue - before for a cell q,
// meet the tap t = taps[k].tap at output q - reach + taps[k].offset.
struct PhaseTap {
  int tap, offset;
};
struct AxisPhase {
  int residue;
  std::vector<PhaseTap> taps;  // by offset
};

struct AxisPhases {
  int reach;                      // outputs that a cell's window spans, less one
  int firstCell, cells;           // those that hold an input
  std::vector<AxisPhase> phases;  // those that meet a tap
};
// `axis` is the convolution's.
AxisPhases axisPhases(const WindowAxis& axis);

// The convolution's cuts, but for longer blocks of k.
ConvCuts gradientCuts(const ConvTiles& tiles);

struct Phase {
  const AxisPhase *rows, *columns;
  ConvCutRuns cut;
  int64_t weights;  // floats before it in the packed form
};

// Packed weights: [phase][block of channels][k][vectors x lanes], k = row tap, column tap, channel.
struct Phases {
  ConvShape shape;  // the instruction's
  ConvPlan cover;   // a stride 1 convolution with a pixel for each cell: strips, chunks and blocks
  int lanes;
  AxisPhases rows, columns;
  std::vector<Phase> phases;
  std::vector<int64_t> lanesBefore;  // of each block

  Phases(const ConvShape& shape, const ConvTiles& tiles, int threads);
  Phases(const Phases&) = delete;
  int64_t floats() const;
  int width(int block) const { return cover.blocks[block].vectors * lanes; }
  int64_t floatsBefore(const Phase& phase, int block) const {
    return phase.weights + phase.cut.steps * lanesBefore[block];
  }
  // `pitch`: elements from a tap's channels to the next one's.
  void packBlock(const Phase& phase, int block, const void* weights, int weightBits, int64_t pitch,
                 float* packed) const;
};

}  // namespace input_gradient
}  // namespace bitplane
