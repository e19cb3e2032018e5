// See planes.h.
#include "kernels/qconv/planes.h"

#include <cstdio>

namespace bitplane {
namespace qconv {

namespace {

// Of a block of k: the weights of 8 outputs of 2 bits fill a third of a 32 KiB L1, and the windows
// of 4 pixels as much.
constexpr int kPanelBytes = 12 << 10;
// Of the windows of a block of pixels, about: part of an L2.
constexpr int64_t kWindowBytes = 96 << 10;
constexpr int kLeastPixels = 8;

int digitOf(const Planes& planes, size_t j, int weight) {
  const Digit kind = planes.digits[j];
  if (kind == Digit::bipolar || kind == Digit::ternary) return weight;
  const int bit = weight >> j & 1;
  return kind == Digit::negative ? -bit : bit;
}

// Bit `word` of a digit, 1 or 0.
uint64_t bitOf(Digit kind, int word, int digit) {
  const bool sign = kind == Digit::bipolar || (kind == Digit::ternary && word == 0);
  return sign ? digit < 0 : digit != 0;
}

}  // namespace

int Planes::bits() const {
  int bits = 0;
  for (const Digit digit : digits) bits += wordsOf(digit);
  return bits;
}

int Planes::mostWords() const {
  return kCounts / kCountsOfWord / (((1 << x) - 1) * ((1 << digits.size()) - 1));
}

Planes planesOf(const Numbers& n) {
  Planes planes = {n.xBits, {}};
  if (n.weightKind == WeightKind::bipolar) {
    planes.digits = {Digit::bipolar};
  } else if (n.weightLeast == -1 && n.weightMost == 1) {
    planes.digits = {Digit::ternary};
  } else {
    int bits = 0;
    while (n.weightMost >> bits > 0 || n.weightLeast >> bits < -1) bits++;
    planes.digits.assign(static_cast<size_t>(bits), Digit::natural);
    if (n.weightLeast < 0) planes.digits.push_back(Digit::negative);
    if (planes.digits.empty()) planes.digits = {Digit::natural};
  }
  return planes;
}

std::vector<PlanePass> passesOf(const Planes& planes) {
  std::vector<PlanePass> passes;
  const int digits = static_cast<int>(planes.digits.size());
  for (int place = planes.x + digits - 2; place >= 0; place--) {
    for (int i = 0, doublings = 1; i < planes.x; i++) {
      const int j = place - i;
      if (j < 0 || j >= digits) continue;
      passes.push_back({i, j, planes.digits[j], doublings});
      doublings = 0;
    }
  }
  return passes;
}

double costOfPlanes(const ConvShape& shape, const Planes& planes, int lanes, int operations) {
  // A sum of a tile begins and ends with about 2 operations. A word of a plane of a window takes
  // about 12: elements are split into planes, and words put together.
  const double kSum = 2, kWindowWord = 12;
  const int words = ceilDiv(shape.window(), 64), channels = shape.o / shape.g;
  const double ternary = planes.digits[0] == Digit::ternary ? 4.0 / 3 : 1;
  const double word = operations * 64 / 1024.0 * ternary;
  const double sum = (words * planes.passes() * word + kSum) * roundUp(channels, lanes) / channels;
  const double window = kWindowWord * words * planes.x / channels;
  return (sum + window) * 1024 / shape.window();
}

PlaneLayout planeLayoutOf(const ConvShape& shape, const Numbers& numbers, const PlaneTiles& tiles,
                          int threads) {
  PlaneLayout layout = {{}, numbers, tiles, planesOf(numbers), {}, {}, 0};
  const Planes& planes = layout.planes;
  ConvCuts cuts = {};
  cuts.lanes = tiles.lanes;
  cuts.vectors = 1;
  cuts.step = 64;
  cuts.elementBytes = 1;
  cuts.summands =
      std::min(planes.mostWords(), std::max(kPanelBytes / (tiles.lanes * 8 * planes.bits()), 1));
  cuts.sums = 96 * 64;
  cuts.stripBytes = 192 << 10;
  cuts.taskProducts = 1 << 20;
  ConvPlan& plan = layout.plan = planConv(shape, cuts, threads);
  for (int ky = 0; ky < shape.kh; ky++) {
    for (int kx = 0; kx < shape.kw; kx++)
      joinRun(layout.taps,
              {ky * shape.dh * plan.pitch + int64_t{kx} * shape.dw * shape.c, shape.c / shape.g});
  }
  // Tiles read windows that are put together, not runs of x.
  ConvCutRuns cut = cutRuns({{0, shape.window()}}, cuts);
  plan.windowSteps = cut.steps;
  plan.runs = std::move(cut.runs);
  plan.windows = std::move(cut.windows);
  const int64_t pixelBytes = layout.words() * planes.x * tiles.copies * 8;
  const int64_t most = std::max<int64_t>(kWindowBytes / pixelBytes, kLeastPixels);
  plan.pixelBlock = static_cast<int>(std::min<int64_t>(plan.pixelBlock, most));
  for (size_t i = 0; i < plan.blocks.size(); i++) {
    layout.blocks.push_back(layout.bytes);
    layout.bytes += layout.startBytes();
    for (const ConvWindow& window : plan.windows) layout.bytes += layout.panelBytes(window);
  }
  return layout;
}

void packPlanes(const PlaneLayout& layout, const WeightSource& source, int part, uint8_t* packed) {
  const ConvPlan& plan = layout.plan;
  const ConvShape& s = plan.shape;
  const Planes& planes = layout.planes;
  const int lanes = layout.tiles.lanes, first = plan.blocks[part].first, perGroup = s.o / s.g;
  const int channels = std::min({lanes, s.o - first, (first / perGroup + 1) * perGroup - first});
  uint8_t* to = packed + layout.blocks[part];
  int32_t* start = reinterpret_cast<int32_t*>(to);
  uint64_t* panel = reinterpret_cast<uint64_t*>(to + layout.startBytes());
  const int64_t zero = layout.numbers.zero - layout.numbers.xLeast();
  const int64_t planeSum = (1 << planes.x) - 1;

  for (const ConvWindow& window : plan.windows) {
    const int64_t from = int64_t{window.k} * 64;
    const int64_t end = std::min<int64_t>(from + int64_t{window.steps} * 64, s.window());
    for (int lane = 0; lane < channels; lane++) {
      uint32_t sum = 0;
      for (int64_t k = from; k < end; k++) {
        const int w = source.at(int64_t{first + lane} * s.window() + k);
        sum -= static_cast<uint32_t>(zero * w);
        uint64_t* digitWords = panel + lane;
        for (size_t j = 0; j < planes.digits.size(); j++) {
          const Digit kind = planes.digits[j];
          const int digit = digitOf(planes, j, w), words = wordsOf(kind);
          uint64_t* word = digitWords + (k - from) / 64 * words * lanes;
          for (int i = 0; i < words; i++) word[i * lanes] |= bitOf(kind, i, digit) << (k % 64);
          if (digit < 0) sum -= static_cast<uint32_t>(planeSum << j);
          digitWords += int64_t{window.steps} * words * lanes;
        }
      }
      start[lane] = static_cast<int32_t>(static_cast<uint32_t>(start[lane]) + sum);
    }
    panel += layout.panelBytes(window) / 8;
  }
}

LayoutKey keyOf(const PlaneLayout& layout) {
  const ConvShape& s = layout.plan.shape;
  const Numbers& n = layout.numbers;
  LayoutKey key;
  std::snprintf(key.text, sizeof key.text,
                "qconv planes %d of %d o%d k%dx%dx%d g%d: w%d %d to %d x%d zero %d",
                layout.tiles.lanes, static_cast<int>(layout.plan.windows.size()), s.o, s.kh, s.kw,
                s.c, s.g, static_cast<int>(n.weightKind), n.weightLeast, n.weightMost,
                n.xSigned ? -n.xBits : n.xBits, n.zero);
  return key;
}

}  // namespace qconv
}  // namespace bitplane
