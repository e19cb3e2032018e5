// Weights of the integer convolution, packed: n bits each, and a start for the sums of every output
// channel. Baseline code. Not here: how a panel's bits lie (panel.h), where blocks and windows are
// cut (conv/plan.h).
//
// A block of output channels is, from its first byte on:
//
//   int32 start[vectors x lanes]      -zero' sum w of each channel (qconv.h); of rows the least sum
//   for each block of k of the plan: a panel, [step][vector][lane][element]
//
// Elements that fill a run up to whole steps are 0; bipolar ones, which have no 0, are set to it
// after unpacking. Of rows a step is one element: the index that its weights are (table.h).
#pragma once
#include <vector>

#include "kernels/qconv/qconv.h"
#include "kernels/qconv/table.h"

namespace bitplane {
namespace qconv {

struct Layout {
  ConvPlan plan;
  Dot dot;
  Numbers numbers;
  Table table;    // of rows
  Numbers panel;  // of a panel's elements: indices in a row, or the weights themselves
  std::vector<int64_t> blocks;  // bytes before each block
  int64_t bytes;

  int startBytes(const ConvChannels& block) const { return block.vectors * dot.lanes * 4; }
  int64_t elements(const ConvChannels& block, const ConvWindow& window) const {
    return int64_t{window.steps} * block.vectors * dot.lanes * dot.weights();
  }
};

Layout layoutOf(const ConvShape& shape, const Numbers& numbers, const Dot& dot, int threads);

// Writes every byte of block `part` of the packed form.
void packBlock(const Layout& layout, const WeightSource& source, int part, uint8_t* packed);

// Tells a layout from those of other variants, shapes and numbers: for BuildContext::packed.
struct LayoutKey {
  char text[192];
};
LayoutKey keyOf(const Layout& layout);

std::unique_ptr<WeightPacking> packingOf(Layout layout);

}  // namespace qconv
}  // namespace bitplane
