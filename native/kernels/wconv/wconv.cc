// The step of a convolution by weights of few bits: packs them and makes floats of them again. Not
// here: the walk (kernels/conv/walk.h), the loops (generic.h).
#include "kernels/wconv/wconv.h"

#include <algorithm>
#include <cstdio>

#include "kernels/conv/walk.h"
#include "kernels/qconv/few.h"
#include "kernels/qconv/panel.h"
#include "kernels/wconv/expand.h"

namespace bitplane {
namespace wconv {

#define BITPLANE_WCONV(isa, name) \
  namespace isa { \
  void expand(const Panel& panel, uint8_t* bytes, float* out); \
  void pixel(const Panel& panel, uint8_t* bytes, const Pixel& pixel); \
  }
#include "kernels/wconv/variants.inc"
#undef BITPLANE_WCONV

namespace {

struct Variant {
  Isa isa;
  ExpandFn expand;
  PixelFn pixel;
  const char* name;
};
constexpr Variant kVariants[] = {
#define BITPLANE_WCONV(isa, name) {Isa::isa, isa::expand, isa::pixel, name},
#include "kernels/wconv/variants.inc"
#undef BITPLANE_WCONV
};

const Variant& variantFor(Isa isa) {
  for (const Variant& v : kVariants) {
    if (v.isa == isa) return v;
  }
  return kVariants[0];
}

// A task that computes several blocks of pixels makes floats of all its weights first, where these
// stay in an L2.
constexpr int64_t kWholeBytes = 256 << 10;
// So many pixels take less time one by one, with weights that stay in registers, than floats of the
// weights take to be written and read back.
constexpr int kFewPixels = 4;

// All weights of a layer are one panel, in the order in which the convolution's floats would lie: a
// block of channels after the other.
struct Layout {
  ConvPlan plan;
  int lanes;
  qconv::Numbers numbers;
  int64_t bytes;

  int width(int block) const { return plan.blocks[block].vectors * lanes; }
  int64_t elements(int block, int window) const {
    return int64_t{plan.windows[window].steps} * width(block);
  }
  int windows() const { return static_cast<int>(plan.windows.size()); }
};

Layout layoutOf(const ConvShape& shape, const Weights& w, const ConvTiles& tiles, int threads) {
  ConvCuts cuts = cutsFor(tiles);
  cuts.sums = 96 * 64;  // so many pixels that making floats of their weights is a few percent
  qconv::Numbers numbers = {};
  numbers.weightBits = w.bits;
  numbers.weightKind = w.kind;
  Layout layout = {planConv(shape, cuts, threads), tiles.lanes, numbers, 0};
  layout.bytes = qconv::panelBytes(numbers, layout.plan.packed);
  return layout;
}

void pack(const void* source, void* packed, const void* how) {
  const Layout& layout = *static_cast<const Layout*>(how);
  const ConvShape& s = layout.plan.shape;
  const qconv::WeightSource weights = {static_cast<const uint8_t*>(source),
                                       layout.numbers.weightBits, layout.numbers.weightKind, false};
  const int64_t depth = s.window();
  const int perGroup = s.o / s.g;
  qconv::PanelWriter writer(layout.numbers, static_cast<uint8_t*>(packed));
  for (int b = 0; b < static_cast<int>(layout.plan.blocks.size()); b++) {
    const int first = layout.plan.blocks[b].first, width = layout.width(b);
    const int end = std::min({first + width, s.o, (first / perGroup + 1) * perGroup});
    for (int64_t k = 0; k < depth; k++) {
      for (int o = first; o < first + width; o++)
        writer.put(o < end ? weights.at(o * depth + k) : 0);
    }
  }
  writer.end();
}

class WeightOnlyStep final : public ConvWalk {
 public:
  WeightOnlyStep(const Instruction& instruction, Layout layout, const ConvTiles& tiles,
                 const Weights& weights, PackedWeights packed, const BuildContext& context)
      : ConvWalk(instruction, layout.plan, tiles, context.isa(), ownBytes(layout)),
        layout_(std::move(layout)),
        w_(weights),
        packed_(std::move(packed)),
        isWhole_(isWhole(layout_)),
        byteRoom_(byteRoom(layout_)),
        variant_(variantFor(context.isa())) {}
  const char* kernelName() const override { return variant_.name; }

 private:
  // Elements of the largest window.
  static int64_t most(const Layout& layout) {
    int64_t most = 0;
    for (int block = 0; block < static_cast<int>(layout.plan.blocks.size()); block++) {
      for (int window = 0; window < layout.windows(); window++)
        most = std::max(most, layout.elements(block, window));
    }
    return most;
  }
  // Bytes of a window, whose first and last unit others share; then floats: of one window, or of
  // all that a task needs.
  static int64_t byteRoom(const Layout& layout) {
    return qconv::paddedElements(most(layout)) + qconv::paddedElements(1) + kAlign;
  }
  static int64_t floatRoom(const Layout& layout) {
    return isWhole(layout) ? layout.plan.packed : most(layout);
  }
  static bool isWhole(const Layout& layout) {
    const ConvPlan& plan = layout.plan;
    const int64_t strip = int64_t{plan.stripImages} * plan.stripRows * plan.shape.ow;
    return plan.packed * 4 <= kWholeBytes && strip > plan.pixelBlock;
  }
  static size_t ownBytes(const Layout& layout) {
    return static_cast<size_t>(byteRoom(layout) + floatRoom(layout) * 4) + kSlack;
  }

  void begin(ChunkRange chunks, const Buffers& buffers, char* own) const override {
    if (!isWhole_) return;
    const ConvChunk& last = plan_.chunks[chunks.end - 1];
    for (int b = plan_.chunks[chunks.first].firstBlock; b < last.firstBlock + last.blocks; b++) {
      for (int w = 0; w < layout_.windows(); w++)
        expand(b, w, buffers, own, floatsOf(own) + floatsBefore(b, w));
    }
  }

  const float* panel(int block, int window, const Buffers& buffers, char* own) const override {
    float* floats = floatsOf(own);
    if (isWhole_) return floats + floatsBefore(block, window);
    expand(block, window, buffers, own, floats);
    return floats;
  }

  bool few(int block, int window, const float* const* pixels, int count, float* out,
           const Buffers& buffers, char* own) const override {
    if (count > kFewPixels || isWhole_ || w_.few >= 0 || isWide()) return false;
    const ConvWindow& w = plan_.windows[window];
    const Panel panel = panelOf(block, window, buffers);
    for (int i = 0; i < count; i++) {
      const Pixel pixel = {pixels[i] + plan_.blocks[block].shift, plan_.runs.data() + w.firstRun,
                           w.runs, out + i * plan_.ld, w.k > 0};
      variant_.pixel(panel, reinterpret_cast<uint8_t*>(own), pixel);
    }
    return true;
  }

  float* floatsOf(char* own) const { return reinterpret_cast<float*>(own + byteRoom_); }

  void expand(int block, int window, const Buffers& buffers, char* own, float* floats) const {
    Panel p = panelOf(block, window, buffers);
    const float* scales = p.scales;
    if (isWide()) p.scales = nullptr;
    variant_.expand(p, reinterpret_cast<uint8_t*>(own), floats);
    if (isWide()) readPowers(p, scales, layout_.width(block), floats);
    if (w_.few >= 0) addFew(block, window, buffers, floats);
  }

  // Codes that no byte holds the powers of: their floats are still codes.
  bool isWide() const {
    return w_.kind == qconv::WeightKind::power && w_.bits > qconv::kMostPowerBits;
  }

  static void readPowers(const Panel& p, const float* scales, int width, float* floats) {
    for (int64_t i = 0; i < p.steps; i++, floats += width) {
      const float* own = scales == nullptr ? nullptr : scales + (p.k + i) / p.block * p.pitch;
      for (int lane = 0; lane < width; lane++) {
        const float power = static_cast<float>(qconv::powerOf(static_cast<int>(floats[lane])));
        floats[lane] = own == nullptr ? power : power * own[lane];
      }
    }
  }

  void addFew(int block, int window, const Buffers& buffers, float* floats) const {
    const ConvShape& s = plan_.shape;
    const uint32_t* starts = buffers.get<const uint32_t>(w_.few);
    const uint32_t* entries = starts + s.o + 1;
    const float* scales = buffers.get<const float>(w_.fewScales);
    const int k = plan_.windows[window].k, end = k + plan_.windows[window].steps;
    const int first = plan_.blocks[block].first, width = layout_.width(block);
    const int perGroup = s.o / s.g;
    const int last = std::min({first + width, s.o, (first / perGroup + 1) * perGroup});
    for (int o = first; o < last; o++) {
      const uint32_t* to = entries + starts[o + 1];
      const uint32_t* at =
          std::lower_bound(entries + starts[o], to, k,
                           [](uint32_t entry, int least) { return qconv::kOfFew(entry) < least; });
      for (; at < to && qconv::kOfFew(*at) < end; at++) {
        float& weight = floats[int64_t{qconv::kOfFew(*at) - k} * width + (o - first)];
        weight += static_cast<float>(qconv::numberOfFew(*at)) * scales[o];
      }
    }
  }

  Panel panelOf(int block, int window, const Buffers& buffers) const {
    const ConvChannels& channels = plan_.blocks[block];
    const uint8_t* from = packed_.at<uint8_t>(buffers);
    const int64_t first = floatsBefore(block, window);
    const int64_t unit = w_.bits == 8 ? first : first / 256 * 256;
    Panel p = {};
    p.rest = qconv::restOf(layout_.numbers, from + unit * w_.bits / 8,
                           first - unit + layout_.elements(block, window));
    p.first = first - unit;
    p.natural = w_.kind == qconv::WeightKind::natural;
    p.vectors = channels.vectors;
    p.k = plan_.windows[window].k;
    p.steps = plan_.windows[window].steps;
    if (w_.scales >= 0) p.scales = buffers.get<const float>(w_.scales) + channels.first;
    if (w_.zeros >= 0) p.zeros = buffers.get<const uint8_t>(w_.zeros) + channels.first;
    p.pitch = plan_.shape.o;
    p.block = w_.block;
    return p;
  }

  const Layout layout_;
  const Weights w_;
  const PackedWeights packed_;
  const bool isWhole_;
  const int64_t byteRoom_;
  const Variant& variant_;
};

// Whether the few weights are those of the layer.
bool hasFew(const Weights& w, const ConvShape& s, const BuildContext& context) {
  if (w.few < 0) return true;
  if (w.fewScales < 0 || context.bufferBytes(w.fewScales) < static_cast<size_t>(s.o) * 4)
    return false;
  return qconv::isFew(context.constant(w.few), context.bufferBytes(w.few), s.o, s.window());
}

// Weights of valid fields, whose scales and zero points cover all of them.
bool isValid(const Weights& w, const ConvShape& s, const BuildContext& context) {
  const bool bipolar = w.kind == qconv::WeightKind::bipolar;
  const bool powers = w.kind == qconv::WeightKind::power;
  if (w.kind < qconv::WeightKind::integer || w.kind > qconv::WeightKind::power) return false;
  if (w.bits < 1 || w.bits > (bipolar ? 1 : powers ? 5 : 8)) return false;
  if (powers && w.zeros >= 0) return false;
  const auto holds = [&](int buffer, size_t bytes) { return context.bufferBytes(buffer) >= bytes; };
  const size_t numbers = static_cast<size_t>(ceilDiv(s.window(), w.block)) * s.o;
  const size_t bits = static_cast<size_t>(s.o) * s.window() * w.bits;
  if (!holds(w.buffer, ceilDiv<size_t>(bits, 8)) || !hasFew(w, s, context)) return false;
  return (w.scales < 0 || holds(w.scales, numbers * 4)) && (w.zeros < 0 || holds(w.zeros, numbers));
}

}  // namespace
}  // namespace wconv

std::unique_ptr<Step> make_wconv(const Instruction& in, BuildContext& context) {
  const wconv::Weights weights = {
      in.field(1), in.field(2), static_cast<qconv::WeightKind>(in.field(3)),
      in.field(4), in.field(5), in.field(6),
      in.field(7), in.field(8)};
  const ConvShape shape = {in.field(9),  in.field(10), in.field(11), in.field(12),
                           in.field(13), in.field(14), in.field(15), in.field(16),
                           in.field(17), in.field(18), in.field(19), in.field(20),
                           in.field(21), in.field(22), in.field(23), in.field(24)};
  if (!wconv::isValid(weights, shape, context)) return nullptr;
  if (context.isa() == Isa::reference) return wconv::referenceStep(in, shape, weights, context);
  const ConvTiles tiles = tilesFor(context.isa());
  wconv::Layout layout = wconv::layoutOf(shape, weights, tiles, context.threads());
  char key[96];
  std::snprintf(key, sizeof key, "wconv %dx%d o%d k%d g%d bits%d kind%d", tiles.lanes,
                tiles.vectors, shape.o, shape.window(), shape.g, weights.bits,
                static_cast<int>(weights.kind));
  auto packed = PackedWeights::of(weights.buffer, key, static_cast<size_t>(layout.bytes),
                                  wconv::pack, &layout, context);
  if (packed.empty()) return nullptr;
  return std::make_unique<wconv::WeightOnlyStep>(in, std::move(layout), tiles, weights,
                                                 std::move(packed), context);
}

}  // namespace bitplane
