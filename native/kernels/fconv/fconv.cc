// The step of a convolution by fields of fused words: packs their codes and makes floats of them
// again. Not here: the walk (kernels/conv/walk.h), the loops (generic.h).
#include "kernels/fconv/fconv.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "kernels/conv/walk.h"

namespace bitplane {
namespace fconv {

#define BITPLANE_FCONV(isa, name) \
  namespace isa { \
  void expand(const Panel& panel, float* out, int32_t* more); \
  }
#include "kernels/fconv/variants.inc"
#undef BITPLANE_FCONV

namespace {

struct Variant {
  Isa isa;
  ExpandFn expand;
  const char* name;
};
constexpr Variant kVariants[] = {
#define BITPLANE_FCONV(isa, name) {Isa::isa, isa::expand, name},
#include "kernels/fconv/variants.inc"
#undef BITPLANE_FCONV
};

const Variant& variantFor(Isa isa) {
  for (const Variant& v : kVariants) {
    if (v.isa == isa) return v;
  }
  return kVariants[0];
}

// A task that computes several blocks of pixels makes floats of all its weights first, where these
// stay in an L2: the most floats that are ever in memory.
constexpr int64_t kWholeBytes = 256 << 10;

// Codes of `bits` bits, a panel for each block of channels and window of k after the other.
struct Layout {
  ConvPlan plan;
  int lanes;

  int width(int block) const { return plan.blocks[block].vectors * lanes; }
  int windows() const { return static_cast<int>(plan.windows.size()); }
  int64_t vectors(int block, int window) const {
    return int64_t{plan.windows[window].steps} * plan.blocks[block].vectors;
  }
  // Where the panels begin, in vectors of words, and where the last ends.
  std::vector<int64_t> starts(int bits) const {
    std::vector<int64_t> starts = {0};
    for (int b = 0; b < static_cast<int>(plan.blocks.size()); b++) {
      for (int w = 0; w < windows(); w++)
        starts.push_back(starts.back() + ceilDiv<int64_t>(vectors(b, w) * bits, 32));
    }
    return starts;
  }
  // The last panel is read in whole units.
  size_t bytes(int bits) const {
    return static_cast<size_t>((starts(bits).back() + bits) * lanes) * 4;
  }
  size_t valueBytes() const { return static_cast<size_t>(plan.packed + kUnit * lanes) * 4; }
};

Layout layoutOf(const ConvShape& shape, const ConvTiles& tiles, int threads) {
  ConvCuts cuts = cutsFor(tiles);
  cuts.sums = 192 * 64;  // so many pixels that making floats of their weights is a few percent
  return {planConv(shape, cuts, threads), tiles.lanes};
}

struct Packing {
  const Layout* layout;
  int bits;
};

// Calls put(vector, lane, weight) for every weight of a panel.
template <typename Put>
void eachWeight(const Layout& layout, int block, int window, Put put) {
  const ConvShape& s = layout.plan.shape;
  const ConvWindow& w = layout.plan.windows[window];
  const int64_t depth = s.window();
  const int perGroup = s.o / s.g, first = layout.plan.blocks[block].first;
  const int end = std::min({first + layout.width(block), s.o, (first / perGroup + 1) * perGroup});
  const int vectors = layout.plan.blocks[block].vectors;
  for (int64_t i = 0; i < w.steps; i++) {
    for (int o = first; o < end; o++)
      put(i * vectors + (o - first) / layout.lanes, (o - first) % layout.lanes,
          o * depth + w.k + i);
  }
}

// Into fresh memory, which is zero.
void packCodes(const void* source, void* packed, const void* how) {
  const Packing& h = *static_cast<const Packing*>(how);
  const Codes codes = {static_cast<const uint8_t*>(source), h.bits};
  const int lanes = h.layout->lanes, bits = h.bits;
  const std::vector<int64_t> starts = h.layout->starts(bits);
  const int windows = h.layout->windows();
  for (int b = 0; b < static_cast<int>(h.layout->plan.blocks.size()); b++) {
    for (int w = 0; w < windows; w++) {
      uint32_t* to = static_cast<uint32_t*>(packed) + starts[b * windows + w] * lanes;
      eachWeight(*h.layout, b, w, [&](int64_t vector, int lane, int64_t weight) {
        const int64_t from = vector * bits;
        const int shift = static_cast<int>(from % 32);
        const uint32_t code = codes.at(weight) << (32 - bits);
        uint32_t* word = to + from / 32 * lanes + lane;
        *word |= code >> shift;
        if (shift + bits > 32) word[lanes] |= code << (32 - shift);
      });
    }
  }
}

void packValues(const void* source, void* packed, const void* how) {
  const Layout& layout = *static_cast<const Packing*>(how)->layout;
  const float* from = static_cast<const float*>(source);
  float* to = static_cast<float*>(packed);
  for (int b = 0; b < static_cast<int>(layout.plan.blocks.size()); b++) {
    for (int w = 0; w < layout.windows(); w++) {
      eachWeight(layout, b, w, [&](int64_t vector, int lane, int64_t weight) {
        to[vector * layout.lanes + lane] = from[weight];
      });
      to += layout.vectors(b, w) * layout.lanes;
    }
  }
}

struct Packed {
  PackedWeights codes, values, noise;
};

class FieldStep final : public ConvWalk {
 public:
  FieldStep(const Instruction& instruction, Layout layout, const ConvTiles& tiles,
            const Weights& weights, Packed packed, const BuildContext& context)
      : ConvWalk(instruction, layout.plan, tiles, context.isa(), ownBytes(layout, weights)),
        layout_(std::move(layout)),
        w_(weights),
        packed_(std::move(packed)),
        starts_(layout_.starts(w_.bits)),
        noiseStarts_(w_.noise < 0 ? std::vector<int64_t>() : layout_.starts(w_.noiseBits)),
        isWhole_(isWhole(layout_)),
        floatRoom_(floatRoom(layout_)),
        variant_(variantFor(context.isa())) {}
  const char* kernelName() const override { return variant_.name; }
  size_t tableBytes() const override { return (starts_.size() + noiseStarts_.size()) * 8; }

 private:
  // Floats of the largest panel, in whole units.
  static int64_t most(const Layout& layout) {
    int64_t most = 0;
    for (int block = 0; block < static_cast<int>(layout.plan.blocks.size()); block++) {
      for (int window = 0; window < layout.windows(); window++)
        most = std::max(most, layout.vectors(block, window));
    }
    return roundUp<int64_t>(most, kUnit) * layout.lanes;
  }
  static bool isWhole(const Layout& layout) {
    const ConvPlan& plan = layout.plan;
    const int64_t strip = int64_t{plan.stripImages} * plan.stripRows * plan.shape.ow;
    return (plan.packed + kUnit * layout.lanes) * 4 <= kWholeBytes && strip > plan.pixelBlock;
  }
  // Floats of one panel, or of all that a task needs, whose last panel is written in whole units.
  static int64_t floatRoom(const Layout& layout) {
    return isWhole(layout) ? layout.plan.packed + kUnit * layout.lanes : most(layout);
  }
  static size_t ownBytes(const Layout& layout, const Weights& w) {
    const int64_t noise = w.noise < 0 ? 0 : most(layout);
    return static_cast<size_t>(floatRoom(layout) + noise) * 4 + kSlack;
  }

  void begin(ChunkRange chunks, const Buffers& buffers, char* own) const override {
    if (!isWhole_) return;
    const ConvChunk& last = plan_.chunks[chunks.end - 1];
    for (int b = plan_.chunks[chunks.first].firstBlock; b < last.firstBlock + last.blocks; b++) {
      for (int w = 0; w < layout_.windows(); w++)
        expand(b, w, buffers, own, reinterpret_cast<float*>(own) + floatsBefore(b, w));
    }
  }

  const float* panel(int block, int window, const Buffers& buffers, char* own) const override {
    float* floats = reinterpret_cast<float*>(own);
    if (isWhole_) return floats + floatsBefore(block, window);
    expand(block, window, buffers, own, floats);
    return floats;
  }

  Ahead next(int block, int window, const Buffers& buffers, int64_t calls) const override {
    const size_t after = static_cast<size_t>(block * layout_.windows() + window) + 1;
    if (isWhole_ || after + 1 >= starts_.size()) return Ahead();
    const int64_t pitch = int64_t{layout_.lanes} * 4;
    const int64_t bytes = (starts_[after + 1] - starts_[after]) * pitch;
    const char* words = packed_.codes.at<char>(buffers) + starts_[after] * pitch;
    return Ahead(words, bytes, bytes, 1, calls);
  }

  void expand(int block, int window, const Buffers& buffers, char* own, float* floats) const {
    const int number = block * layout_.windows() + window, lanes = layout_.lanes;
    Panel p = {};
    p.kind = w_.kind;
    p.bits = w_.bits;
    p.words = packed_.codes.at<int32_t>(buffers) + starts_[number] * lanes;
    p.count = layout_.vectors(block, window);
    p.vectors = plan_.blocks[block].vectors;
    if (w_.scales >= 0) p.scales = buffers.get<const float>(w_.scales) + plan_.blocks[block].first;
    p.pitch = plan_.shape.o;
    p.k = plan_.windows[window].k;
    p.row = w_.row;
    p.block = w_.block;
    if (w_.values >= 0) p.values = packed_.values.at<float>(buffers) + floatsBefore(block, window);
    if (w_.noise >= 0) {
      p.noise = packed_.noise.at<int32_t>(buffers) + noiseStarts_[number] * lanes;
      p.noiseBits = w_.noiseBits;
    }
    p.tasks = w_.tasks;
    variant_.expand(p, floats, reinterpret_cast<int32_t*>(own) + floatRoom_);
  }

  const Layout layout_;
  const Weights w_;
  const Packed packed_;
  const std::vector<int64_t> starts_, noiseStarts_;
  const bool isWhole_;
  const int64_t floatRoom_;
  const Variant& variant_;
};

// Bytes of so many codes; what a constant holds whose tail is padded.
size_t codeBytes(const ConvShape& s, int bits) {
  return ceilDiv<size_t>(static_cast<size_t>(s.o) * s.window() * bits, 8);
}

// Weights of valid fields, whose scales and values cover all of them.
bool isValid(const Weights& w, const ConvShape& s, const BuildContext& context) {
  const auto holds = [&](int buffer, size_t bytes) {
    return buffer >= 0 && context.bufferBytes(buffer) >= bytes;
  };
  if (!holds(w.buffer, codeBytes(s, w.bits > 32 ? 32 : w.bits))) return false;
  if (w.noise >= 0) {
    if (w.kind != Kind::floatField || w.noiseBits < kSignAndExponent) return false;
    if (w.bits + w.noiseBits - kSignAndExponent > 32) return false;
    if (!holds(w.noise, codeBytes(s, w.noiseBits))) return false;
  }
  const size_t weights = static_cast<size_t>(s.o) * s.window();
  const size_t blocks = static_cast<size_t>(ceilDiv(s.window(), w.row)) * ceilDiv(w.row, w.block);
  switch (w.kind) {
    case Kind::blockFloat:
      return w.bits >= 2 && w.bits <= 25 && holds(w.scales, blocks * s.o * 4);
    case Kind::floatField:
      return w.bits >= kSignAndExponent && w.bits <= 32;
    case Kind::mask:
      return w.bits == 1 && holds(w.values, weights * 4);
    case Kind::signedMask:
      return w.bits == 2 && holds(w.values, weights * 4);
    case Kind::owner:
      return w.bits >= 2 && w.bits <= 8 && w.tasks >= 1 && w.tasks < 1 << w.bits &&
             holds(w.values, weights * 4);
  }
  return false;
}

}  // namespace

uint32_t Codes::at(int64_t i) const {
  // At most 7 + 32 bits, of bytes that are there.
  const int64_t from = i * bits, last = (from + bits - 1) / 8;
  uint64_t window = 0;
  for (int64_t byte = from / 8; byte <= last; byte++)
    window |= uint64_t{bytes[byte]} << (byte - from / 8) * 8;
  return static_cast<uint32_t>((window >> from % 8) & ((uint64_t{1} << bits) - 1));
}

}  // namespace fconv

std::unique_ptr<Step> make_fconv(const Instruction& in, BuildContext& context) {
  const fconv::Weights weights = {in.field(1), in.field(2), static_cast<fconv::Kind>(in.field(3)),
                                  in.field(4), in.field(5), in.field(6),
                                  in.field(7), in.field(8), in.field(9),
                                  in.field(10)};
  const ConvShape shape = {in.field(11), in.field(12), in.field(13), in.field(14),
                           in.field(15), in.field(16), in.field(17), in.field(18),
                           in.field(19), in.field(20), in.field(21), in.field(22),
                           in.field(23), in.field(24), in.field(25), in.field(26)};
  if (!fconv::isValid(weights, shape, context)) return nullptr;
  if (context.isa() == Isa::reference) return fconv::referenceStep(in, shape, weights, context);
  const ConvTiles tiles = tilesFor(context.isa());
  fconv::Layout layout = fconv::layoutOf(shape, tiles, context.threads());
  char key[96];
  std::snprintf(key, sizeof key, "fconv %dx%d o%d k%d g%d", tiles.lanes, tiles.vectors, shape.o,
                shape.window(), shape.g);
  const auto packed = [&](int buffer, size_t bytes, int bits, BuildContext::Packer pack) {
    const fconv::Packing how = {&layout, bits};
    return PackedWeights::of(buffer, key, bytes, pack, &how, context);
  };
  fconv::Packed all;
  all.codes = packed(weights.buffer, layout.bytes(weights.bits), weights.bits, fconv::packCodes);
  if (all.codes.empty()) return nullptr;
  if (weights.values >= 0) {
    all.values = packed(weights.values, layout.valueBytes(), 32, fconv::packValues);
    if (all.values.empty()) return nullptr;
  }
  if (weights.noise >= 0) {
    const int bits = weights.noiseBits;
    all.noise = packed(weights.noise, layout.bytes(bits), bits, fconv::packCodes);
    if (all.noise.empty()) return nullptr;
  }
  return std::make_unique<fconv::FieldStep>(in, std::move(layout), tiles, weights, std::move(all),
                                            context);
}

}  // namespace bitplane
