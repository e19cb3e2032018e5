// Weights of the integer convolution, packed: n bits each, and a start for the sums of every output
// channel. Baseline code. Not here: unpacking (unpack.h), where blocks and windows are cut
// (conv/plan.h).
//
// A block of output channels is, from its first byte on:
//
//   int32 start[vectors x lanes]      -zero' sum w of each channel (qconv.h)
//   for each block of k of the plan: a panel, [step][vector][lane][element]
//
// A panel of 8-bit weights is its bytes. Of n < 8 bits it is units of 256 elements, the last one
// filled up with elements that are 0. A unit has 8 parts of 32 elements; element e of part j is the
// number v = w + bias (or (w + 1) / 2 of bipolar weights), whose bits lie in pieces of 32 bytes:
//
//   lowest 4 bits, where n has 4:  piece j / 2 of four, byte e, from bit 4 (j mod 2) on
//   next 2 bits, where n has 2:    piece j / 4 of two, byte e, from bit 2 (j mod 4) on
//   next bit, where n is odd:      one piece, byte e, bit j
//
// so that a piece is unpacked with a shift and a mask, wherever it lies. Elements that fill a run up
// to whole steps are 0; bipolar ones, which have no 0, are set to it after unpacking.
#pragma once
#include <vector>

#include "kernels/qconv/qconv.h"

namespace bitplane {
namespace qconv {

struct Layout {
  ConvPlan plan;
  Dot dot;
  Numbers numbers;
  std::vector<int64_t> blocks;  // bytes before each block
  int64_t bytes;

  int startBytes(const ConvChannels& block) const { return block.vectors * dot.lanes * 4; }
  int64_t elements(const ConvChannels& block, const ConvWindow& window) const {
    return int64_t{window.steps} * block.vectors * dot.lanes * dot.step;
  }
  static int64_t unitsOf(int64_t elements) { return ceilDiv<int64_t>(elements, 256); }
  int64_t panelBytes(const ConvChannels& block, const ConvWindow& window) const {
    const int64_t count = elements(block, window);
    return numbers.weightBits == 8 ? count : unitsOf(count) * 32 * numbers.weightBits;
  }
  // What an element of a panel is when it is unpacked: its bits less the bias.
  int bias() const {
    if (numbers.weightKind == WeightKind::natural) return 0;
    return numbers.weightKind == WeightKind::bipolar ? 1 : 1 << (numbers.weightBits - 1);
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
