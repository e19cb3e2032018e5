// See weights.h.
#include "kernels/qconv/weights.h"

#include <cstdio>
#include <cstring>

#include "kernels/qconv/panel.h"

namespace bitplane {
namespace qconv {

namespace {

class Packing final : public WeightPacking {
 public:
  explicit Packing(Layout layout) : layout_(std::move(layout)) {}
  size_t bytes() const override { return static_cast<size_t>(layout_.bytes); }
  int parts() const override { return static_cast<int>(layout_.blocks.size()); }
  void pack(int part, const void* weights, void* packed) const override {
    const WeightSource source = {static_cast<const uint8_t*>(weights), layout_.numbers.weightBits,
                                 layout_.numbers.weightKind, true};
    packBlock(layout_, source, part, static_cast<uint8_t*>(packed));
  }

 private:
  const Layout layout_;
};

}  // namespace

Layout layoutOf(const ConvShape& shape, const Numbers& numbers, const Dot& dot, int threads) {
  const int elementBytes = dot.operand == Operand::i16 ? 2 : 1;
  ConvCuts cuts = {};
  cuts.lanes = dot.lanes;
  cuts.vectors = dot.vectors;
  cuts.step = dot.step;
  cuts.elementBytes = elementBytes;
  const bool isTable = dot.operand == Operand::rows;
  cuts.copies = isTable || dot.operand == Operand::i16 || offsetOf(dot.operand, numbers) != 0;
  cuts.summands = dot.panelBytes / (dot.vectors * dot.lanes * dot.weights() * elementBytes);
  cuts.sums = 96 * 64;  // so many pixels that unpacking their weights is a few percent
  cuts.stripBytes = 192 << 10;
  cuts.taskProducts = 1 << 20;
  Layout layout = {planConv(shape, cuts, threads), dot, numbers, {}, numbers, {}, 0};
  if (isTable) {
    layout.table = tableOf(numbers, dot.step);
    layout.panel = numbersOf(0, 8, 4, static_cast<int>(WeightKind::natural), 0);
  }
  for (const ConvChannels& block : layout.plan.blocks) {
    layout.blocks.push_back(layout.bytes);
    layout.bytes += layout.startBytes(block);
    for (const ConvWindow& window : layout.plan.windows)
      layout.bytes += panelBytes(layout.panel, layout.elements(block, window));
    layout.bytes = roundUp<int64_t>(layout.bytes, kAlign);
  }
  return layout;
}

void packBlock(const Layout& layout, const WeightSource& source, int part, uint8_t* packed) {
  const ConvPlan& plan = layout.plan;
  const ConvShape& s = plan.shape;
  const ConvChannels& block = plan.blocks[part];
  const int lanes = block.vectors * layout.dot.lanes, step = layout.dot.step;
  const int perGroup = s.o / s.g, depth = s.c / s.g;
  const int channels =
      std::min({lanes, s.o - block.first, (block.first / perGroup + 1) * perGroup - block.first});
  const int64_t pitch = source.tapPitch(depth), taps = int64_t{s.kh} * s.kw;
  uint8_t* to = packed + layout.blocks[part];
  const int64_t end =
      part + 1 < static_cast<int>(layout.blocks.size()) ? layout.blocks[part + 1] : layout.bytes;
  std::memset(to, 0, static_cast<size_t>(end - layout.blocks[part]));
  const bool isTable = layout.dot.operand == Operand::rows;
  int32_t* start = reinterpret_cast<int32_t*>(to);
  to += layout.startBytes(block);

  // Element `done` of segment `segment` is weight `index` of a channel.
  size_t segment = 0;
  int done = 0;
  int64_t index = 0;
  for (const ConvWindow& window : plan.windows) {
    PanelWriter writer(layout.panel, to);
    for (int k = 0; k < window.steps; k++) {
      const int count = std::min(step, plan.segments[segment] - done);
      int64_t offsets[kMostStep];  // of the step's elements from a channel's first weight
      for (int e = 0; e < count; e++)
        offsets[e] = (index + e) / depth * pitch + (index + e) % depth;
      for (int lane = 0; lane < lanes; lane++) {
        const int64_t first = int64_t{block.first + lane} * taps * pitch;
        if (isTable) {
          // Lanes past the last channel are computed, and never read.
          const int64_t from = lane < channels ? first : int64_t{block.first} * taps * pitch;
          unsigned index = 0;
          for (int e = 0; e < step; e++)
            index |= fieldOf(layout.table, layout.numbers, source.at(from + offsets[e]))
                     << (e * layout.table.field);
          start[lane] += layout.table.least;
          writer.put(static_cast<int>(index));
          continue;
        }
        for (int e = 0; e < step; e++) {
          const int w = lane < channels && e < count ? source.at(first + offsets[e]) : 0;
          start[lane] += w;
          writer.put(w);
        }
      }
      done += count;
      index += count;
      if (done == plan.segments[segment]) done = 0, segment++;
    }
    writer.end();
    to += panelBytes(layout.panel, layout.elements(block, window));
  }
  if (isTable) return;
  const int64_t zero = layout.numbers.zero + offsetOf(layout.dot.operand, layout.numbers);
  for (int lane = 0; lane < lanes; lane++)
    start[lane] = static_cast<int32_t>(static_cast<uint32_t>(-zero * start[lane]));
}

LayoutKey keyOf(const Layout& layout) {
  const ConvShape& s = layout.plan.shape;
  const Numbers& n = layout.numbers;
  LayoutKey key;
  std::snprintf(key.text, sizeof key.text,
                "qconv %d %dx%d/%d %d o%d k%dx%dx%d g%d of %d: w%d %d x%d zero %d",
                static_cast<int>(layout.dot.operand), layout.dot.lanes, layout.dot.vectors,
                layout.dot.step, layout.dot.panelBytes, s.o, s.kh, s.kw, s.c, s.g,
                static_cast<int>(layout.plan.segments.size()), n.weightBits,
                static_cast<int>(n.weightKind), n.xSigned ? -n.xBits : n.xBits, n.zero);
  return key;
}

std::unique_ptr<WeightPacking> packingOf(Layout layout) {
  return std::make_unique<Packing>(std::move(layout));
}

}  // namespace qconv
}  // namespace bitplane
