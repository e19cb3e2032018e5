// The convolution step: packs weights and walks the plan. Not here: the cuts (plan.cc), the walk
// itself (strip.h), the arithmetic (generic.h).
#include "kernels/conv/conv.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "kernels/conv/strip.h"
#include "kernels/epilogue/epilogue.h"

namespace bitplane {

#define BITPLANE_CONV(isa, name) \
  namespace isa { \
  void convTiles(ConvTiles* tiles); \
  }
#include "kernels/conv/variants.inc"
#undef BITPLANE_CONV

namespace {

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

// The most products of a block of k, whose sum is then added to those of the blocks before: the
// error of a sum of K grows with kSummands + K / kSummands, not with K. One number everywhere, so
// that no result depends on tiles, batch or threads. The weights of a block, 24 KiB for the widest
// tile (64 channels), are half of a 48 KiB L1, most of a 32 KiB one. Fewer products would not hide
// what adding the sums costs: with these a layer of 16 to 64 channels takes 2 to 4 % more than with
// one block.
constexpr int64_t kSummands = 96;

ConvCuts cutsFor(const ConvTiles& tiles) {
  ConvCuts cuts = {};
  cuts.lanes = tiles.lanes;
  cuts.vectors = tiles.vectors;
  cuts.step = 1;
  cuts.elementBytes = sizeof(float);
  cuts.summands = kSummands;
  cuts.sums = 48 * 64;  // a quarter of a 48 KiB L1
  cuts.stripBytes = 512 << 10;
  cuts.taskProducts = 1 << 18;
  return cuts;
}

struct PackConv {
  const ConvPlan* plan;
  int lanes;
  int weightBits;
  int64_t pitch;  // elements from a tap's channels to the next tap's
};

// w[O][K] becomes [channel block][K][vectors x lanes]; of channels that do not exist nothing is
// written.
void packBlock(const PackConv& h, const ConvChannels& block, const void* source, void* packed) {
  const ConvShape& s = h.plan->shape;
  const int taps = s.kh * s.kw, depth = s.c / s.g, perGroup = s.o / s.g;
  const int width = block.vectors * h.lanes;
  const int end = std::min({block.first + width, s.o, (block.first / perGroup + 1) * perGroup});
  float* out = static_cast<float*>(packed) + block.weights;
  for (int o = block.first; o < end; o++) {
    float* to = out + (o - block.first);
    for (int tap = 0; tap < taps; tap++) {
      const int64_t from = (int64_t{o} * taps + tap) * h.pitch;
      for (int c = 0; c < depth; c++, to += width) *to = weightAt(source, h.weightBits, from + c);
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

class ConvStep final : public Step {
 public:
  ConvStep(const Instruction& instruction, const ConvPlan& plan, const ConvTiles& tiles,
           PackedWeights weights, Isa isa)
      : plan_(plan),
        tiles_(tiles),
        weights_(std::move(weights)),
        x_(instruction.field(0)),
        epilogue_(isa, decodeEpilogue(instruction), plan.shape.o,
                  int64_t{plan.shape.oh} * plan.shape.ow) {
    pointerBytes_ = roundUp(sizeof(float*) * plan_.pixelBlock, kAlign);
    sumBytes_ = roundUp(static_cast<size_t>(plan_.pixelBlock * plan_.ld) * 4 + kSlack, kAlign);
  }

  int tasks() const override { return static_cast<int>(plan_.strips.size()) * plan_.chunkTasks; }
  const char* kernelName() const override { return tiles_.name; }
  size_t scratchBytes() const override {
    return pointerBytes_ + sumBytes_ +
           (plan_.padded ? static_cast<size_t>(plan_.stripImages * plan_.imagePitch) * 4 : 0);
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const ConvStrip& strip = plan_.strips[task / plan_.chunkTasks];
    const ChunkRange chunks = chunksOf(plan_, task);
    char* memory = static_cast<char*>(scratch);
    float* sums = reinterpret_cast<float*>(memory + pointerBytes_);
    const float* x = buffers.get<const float>(x_);
    const float* origin = x + stripOrigin(plan_, strip);
    if (plan_.padded) {
      float* copy = reinterpret_cast<float*>(memory + pointerBytes_ + sumBytes_);
      copyStrip(plan_, strip, x, copy, 0.0f, std::copy_n<const float*, int64_t, float*>);
      origin = copy;
    }
    const float* weights = weights_.at<float>(buffers);
    eachPixelBlock(plan_, strip, origin, reinterpret_cast<const float**>(memory),
                   [&](const float* const* pixels, int64_t first, int count) {
                     for (int c = chunks.first; c < chunks.end; c++) {
                       const ConvChunk& chunk = plan_.chunks[c];
                       for (int k = 0; k < chunk.blocks; k++)
                         runChannels(plan_.blocks[chunk.firstBlock + k], weights, chunk.c0, pixels,
                                     count, sums);
                       epilogue_.run(buffers, {sums, plan_.ld, first, count, chunk.c0, chunk.cn});
                     }
                   });
  }

 private:
  // One block of channels of `count` pixels. Blocks of a chunk run in order, so what a partial
  // vector spills into the next block's columns is overwritten by it.
  void runChannels(const ConvChannels& block, const float* packed, int c0,
                   const float* const* pointers, int count, float* sums) const {
    const ConvTile* tile = tiles_.run[block.vectors - 1];
    const int tileCount = ceilDiv(count, tiles_.pixels[block.vectors - 1]);
    const float* weights = packed + block.weights;
    const int64_t width = int64_t{block.vectors} * tiles_.lanes;
    for (const ConvWindow& window : plan_.windows) {
      const TapRun* runs = plan_.runs.data() + window.firstRun;
      for (int t = 0, p = 0; t < tileCount; t++) {
        // Tiles of nearly equal size: a last tile of one pixel would wait for each of its FMAs.
        const int size = (count + t) / tileCount;
        tile[size - 1](pointers + p, block.shift, runs, window.runs, weights + window.k * width,
                       sums + p * plan_.ld + (block.first - c0), plan_.ld, window.k > 0);
        p += size;
      }
    }
  }

  ConvPlan plan_;
  ConvTiles tiles_;
  PackedWeights weights_;
  int x_;
  Epilogue epilogue_;
  size_t pointerBytes_, sumBytes_;
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
