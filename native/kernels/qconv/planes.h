// Numbers of a few bits as bit planes, and weights packed as such. Baseline code. Not here: the
// loop (planes_tile.h), windows of x (planes_step.cc).
//
// With u = x - least, of planes a_i, and a weight w = sum over j of 2^j d_j, digits from -1 to 1,
//
//   sum (x - zero) w = sum over i, j of 2^(i + j) sum a_i d_j - (zero - least) sum w
//
// Passes count a_i d_j, and what they count too much, 1 for every digit of -1, depends on the
// weights alone. Both are in what an output channel's sum starts from. So the sign bit of two's
// complement costs no more than any other, bipolar weights are one digit, and ternary ones are too.
// Outside of x stands `zero`, in all of its planes.
//
// A block of output channels is, from its first byte on:
//
//   int32 start[lanes]
//   for each block of k of the plan: words of 64 weights, [digit][word][word of the digit][lane]
#pragma once
#include <vector>

#include "kernels/qconv/planes_tile.h"
#include "kernels/qconv/weights.h"

namespace bitplane {
namespace qconv {

struct Planes {
  int x;  // planes of x
  std::vector<Digit> digits;

  int passes() const { return x * static_cast<int>(digits.size()); }
  // Bits that a weight rests in.
  int bits() const;
  // Words of a block of k: the most that counters hold, where every pass counts every bit.
  int mostWords() const;
};

Planes planesOf(const Numbers& numbers);

// Every plane with every digit, those of the highest place first.
std::vector<PlanePass> passesOf(const Planes& planes);

// More are dearer than products on every instruction set.
constexpr int kMostPasses = 16;

// What the counting takes in vector operations, for 1024 multiply-adds, where a pass takes
// `operations`: windows that fill no word, sums, and the windows of x, which all outputs share.
double costOfPlanes(const ConvShape& shape, const Planes& planes, int lanes, int operations);

struct PlaneLayout {
  ConvPlan plan;  // its runs and windows are words of a window of which every bit is joined
  Numbers numbers;
  PlaneTiles tiles;
  Planes planes;
  std::vector<TapRun> taps;     // of a window, in elements
  std::vector<int64_t> blocks;  // bytes before each block
  int64_t bytes;

  int64_t words() const { return plan.windowSteps; }
  int64_t startBytes() const { return int64_t{tiles.lanes} * 4; }
  int64_t panelBytes(const ConvWindow& window) const {
    return int64_t{window.steps} * planes.bits() * tiles.lanes * 8;
  }
};

PlaneLayout planeLayoutOf(const ConvShape& shape, const Numbers& numbers, const PlaneTiles& tiles,
                          int threads);

// Writes block `part` of the packed form, which is 0.
void packPlanes(const PlaneLayout& layout, const WeightSource& source, int part, uint8_t* packed);

LayoutKey keyOf(const PlaneLayout& layout);

std::unique_ptr<Step> makePlanesStep(const char* name, const Instruction& instruction,
                                     const Problem& problem, PlaneLayout layout,
                                     PackedWeights weights, Isa isa);

}  // namespace qconv
}  // namespace bitplane
