// The convolution step: packs weights. Not here: the cuts (plan.cc), the walk over them (walk.h),
// the arithmetic (generic.h).
#include "kernels/conv/conv.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "kernels/conv/walk.h"

namespace bitplane {

#define BITPLANE_CONV(isa, name) \
  namespace isa { \
  void convTiles(ConvTiles* tiles); \
  }
#include "kernels/conv/variants.inc"
#undef BITPLANE_CONV

ConvTiles tilesFor(Isa isa) {
  ConvTiles tiles = {};
  scalar::convTiles(&tiles);
#define BITPLANE_CONV(variant, text) \
  if (isa == Isa::variant || !tiles.name) { \
    variant::convTiles(&tiles); \
    tiles.name = text; \
  }
#include "kernels/conv/variants.inc"
#undef BITPLANE_CONV
  return tiles;
}

namespace {

// The most products of a block of k, whose sum is then added to those of the blocks before: the
// error of a sum of K grows with kSummands + K / kSummands, not with K. One number everywhere, so
// that no result depends on tiles, batch or threads. The weights of a block, 24 KiB for the widest
// tile (64 channels), are half of a 48 KiB L1, most of a 32 KiB one. Fewer products would not hide
// what adding the sums costs: with these a layer of 16 to 64 channels takes 2 to 4 % more than with
// one block.
constexpr int64_t kSummands = 96;

}  // namespace

ConvCuts cutsFor(const ConvTiles& tiles) {
  ConvCuts cuts = {};
  cuts.lanes = tiles.lanes;
  cuts.vectors = tiles.vectors;
  cuts.lastVectors = tiles.most;
  cuts.step = 1;
  cuts.elementBytes = sizeof(float);
  cuts.summands = kSummands;
  cuts.sums = 64 * 64;  // a third of a 48 KiB L1, and one block for a 7 x 7 map
  cuts.stripBytes = 512 << 10;
  cuts.taskProducts = 1 << 18;
  return cuts;
}

namespace {

struct PackConv {
  const ConvPlan* plan;
  int lanes;
  int weightBits;
  int64_t pitch;  // elements from a tap's channels to the next tap's
};

// Steps of K that all channels of a block write before the next ones: some 6 KiB of the packed
// form, which stay in L1. A channel writes a float of every line of them.
constexpr int kTogether = 64;

// w[O][K] becomes [channel block][K][vectors x lanes]; of channels that do not exist nothing is
// written.
void packBlock(const PackConv& h, const ConvChannels& block, const void* source, void* packed) {
  const ConvShape& s = h.plan->shape;
  const int taps = s.kh * s.kw, depth = s.c / s.g, perGroup = s.o / s.g;
  const int width = block.vectors * h.lanes;
  const int end = std::min({block.first + width, s.o, (block.first / perGroup + 1) * perGroup});
  float* out = static_cast<float*>(packed) + block.weights;
  for (int tap = 0; tap < taps; tap++) {
    for (int c = 0; c < depth; c += kTogether) {
      const int steps = std::min(kTogether, depth - c);
      for (int o = block.first; o < end; o++) {
        const int64_t from = (int64_t{o} * taps + tap) * h.pitch + c;
        float* to = out + (int64_t{tap} * depth + c) * width + (o - block.first);
        for (int i = 0; i < steps; i++, to += width) *to = weightAt(source, h.weightBits, from + i);
      }
    }
  }
}

// Into fresh memory, which is zero.
void packConv(const void* source, void* packed, const void* how) {
  const PackConv& h = *static_cast<const PackConv*>(how);
  for (const ConvChannels& block : h.plan->blocks) packBlock(h, block, source, packed);
}

class ConvPacking final : public WeightPacking {
 public:
  ConvPacking(ConvPlan plan, int lanes, int weightBits)
      : plan_(std::move(plan)),
        how_{&plan_, lanes, weightBits, tapPitch(weightBits, plan_.shape.c / plan_.shape.g)} {}
  size_t bytes() const override { return static_cast<size_t>(plan_.packed) * 4; }
  int parts() const override { return static_cast<int>(plan_.blocks.size()); }
  void pack(int part, const void* weights, void* packed) const override {
    const ConvChannels& block = plan_.blocks[part];
    const int64_t floats = int64_t{plan_.shape.window()} * block.vectors * how_.lanes;
    std::memset(static_cast<float*>(packed) + block.weights, 0, static_cast<size_t>(floats) * 4);
    packBlock(how_, block, weights, packed);
  }

 private:
  const ConvPlan plan_;
  const PackConv how_;
};

// Weights that lie as floats.
class ConvStep final : public ConvWalk {
 public:
  ConvStep(const Instruction& instruction, const ConvPlan& plan, const ConvTiles& tiles,
           PackedWeights weights, Isa isa)
      : ConvWalk(instruction, plan, tiles, isa), weights_(std::move(weights)) {}

 private:
  const float* panel(int block, int window, const Buffers& buffers, char*) const override {
    return weights_.at<float>(buffers) + floatsBefore(block, window);
  }

  PackedWeights weights_;
};

}  // namespace

ConvShape decodeConvShape(const Instruction& in) {
  return {in.field(3),  in.field(4),  in.field(5),  in.field(6),  in.field(7),  in.field(8),
          in.field(9),  in.field(10), in.field(11), in.field(12), in.field(13), in.field(14),
          in.field(15), in.field(16), in.field(17), in.field(18)};
}

std::unique_ptr<WeightPacking> convPacking(const ConvShape& shape, int weightBits, Isa isa,
                                           int threads) {
  if (isa == Isa::reference)
    return referencePacking(shape.o, shape.kh * shape.kw, shape.c / shape.g, weightBits);
  const ConvTiles tiles = tilesFor(isa);
  return std::make_unique<ConvPacking>(planConv(shape, cutsFor(tiles), threads), tiles.lanes,
                                       weightBits);
}

std::unique_ptr<Step> make_conv(const Instruction& instruction, BuildContext& context) {
  const ConvShape shape = decodeConvShape(instruction);
  const int weights = instruction.field(1);
  const int weightBits = instruction.field(2);
  if (context.isa() == Isa::reference) {
    const void* constant = context.constant(weights);
    if (constant == nullptr && !context.isPacked(weights)) return nullptr;
    return makeReferenceConv(instruction, shape, constant, weights, weightBits);
  }
  const ConvTiles tiles = tilesFor(context.isa());
  const ConvPlan plan = planConv(shape, cutsFor(tiles), context.threads());
  const PackConv how = {&plan, tiles.lanes, weightBits, shape.c / shape.g};
  char key[96];
  std::snprintf(key, sizeof key, "conv %dx%d o%d k%d g%d bits%d", tiles.lanes, tiles.vectors,
                shape.o, shape.window(), shape.g, weightBits);
  auto packed = PackedWeights::of(weights, key, static_cast<size_t>(plan.packed) * 4, packConv,
                                  &how, context);
  if (packed.empty()) return nullptr;
  return std::make_unique<ConvStep>(instruction, plan, tiles, std::move(packed), context.isa());
}

}  // namespace bitplane
