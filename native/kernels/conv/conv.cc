// The convolution step: packs weights, copies padded strips, and walks the plan. Not here: the cuts
// (plan.cc), the arithmetic (generic.h).
#include "kernels/conv/conv.h"

#include <algorithm>
#include <cstdio>

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

struct PackConv {
  const ConvPlan* plan;
  int lanes;
  int weightBits;
};

// w[O][K] becomes [channel block][K][vectors x lanes]; channels that do not exist keep the zeros of
// the fresh memory.
void packConv(const void* source, void* packed, const void* how) {
  const PackConv& h = *static_cast<const PackConv*>(how);
  const ConvShape& s = h.plan->shape;
  const int64_t window = s.window();
  const int perGroup = s.o / s.g;
  for (const ConvChannels& block : h.plan->blocks) {
    const int width = block.vectors * h.lanes;
    const int end = std::min({block.first + width, s.o, (block.first / perGroup + 1) * perGroup});
    float* out = static_cast<float*>(packed) + block.weights;
    for (int o = block.first; o < end; o++) {
      for (int64_t k = 0; k < window; k++)
        out[k * width + (o - block.first)] = weightAt(source, h.weightBits, o * window + k);
    }
  }
}

class ConvStep final : public Step {
 public:
  ConvStep(const Instruction& instruction, const ConvPlan& plan, const ConvTiles& tiles,
           std::shared_ptr<const void> weights, Isa isa)
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
    const ConvShape& s = plan_.shape;
    const ConvStrip& strip = plan_.strips[task / plan_.chunkTasks];
    const int64_t part = task % plan_.chunkTasks;
    const int64_t chunks = static_cast<int64_t>(plan_.chunks.size());
    const int firstChunk = static_cast<int>(chunks * part / plan_.chunkTasks);
    const int endChunk = static_cast<int>(chunks * (part + 1) / plan_.chunkTasks);

    char* memory = static_cast<char*>(scratch);
    const float** pointers = reinterpret_cast<const float**>(memory);
    float* sums = reinterpret_cast<float*>(memory + pointerBytes_);
    const float* origin = buffers.get<const float>(x_) +
                          (strip.image * plan_.imagePitch + int64_t{strip.oy} * s.sh * plan_.pitch);
    if (plan_.padded) {
      float* copy = reinterpret_cast<float*>(memory + pointerBytes_ + sumBytes_);
      copyPadded(strip, buffers.get<const float>(x_), copy);
      origin = copy;
    }

    const int64_t firstPixel = (int64_t{strip.image} * s.oh + strip.oy) * s.ow;
    const int64_t total = int64_t{strip.rows} * s.ow * strip.images;
    const int64_t blocks = ceilDiv<int64_t>(total, plan_.pixelBlock);
    const int64_t step = int64_t{s.sw} * s.c;
    const int64_t rowStep = s.sh * plan_.pitch - s.ow * step;
    const int64_t imageStep = plan_.imagePitch - int64_t{strip.rows} * s.sh * plan_.pitch;
    const float* at = origin;
    int x = 0, y = 0;
    for (int64_t b = 0; b < blocks; b++) {
      const int64_t first = total * b / blocks;
      const int count = static_cast<int>(total * (b + 1) / blocks - first);
      for (int i = 0; i < count; i++) {
        pointers[i] = at;
        at += step;
        if (++x == s.ow) {
          x = 0;
          at += rowStep;
          if (++y == strip.rows) y = 0, at += imageStep;
        }
      }
      for (int c = firstChunk; c < endChunk; c++) {
        const ConvChunk& chunk = plan_.chunks[c];
        for (int k = 0; k < chunk.blocks; k++)
          runChannels(plan_.blocks[chunk.firstBlock + k], chunk.c0, pointers, count, sums);
        epilogue_.run(buffers, {sums, plan_.ld, firstPixel + first, count, chunk.c0, chunk.cn});
      }
    }
  }

 private:
  // One block of channels of `count` pixels. Blocks of a chunk run in order, so what a partial
  // vector spills into the next block's columns is overwritten by it.
  void runChannels(const ConvChannels& block, int c0, const float* const* pointers, int count,
                   float* sums) const {
    const ConvTile* tile = tiles_.run[block.vectors - 1];
    const int tileCount = ceilDiv(count, tiles_.pixels[block.vectors - 1]);
    const float* weights = static_cast<const float*>(weights_.get()) + block.weights;
    const int64_t width = int64_t{block.vectors} * tiles_.lanes;
    for (const ConvWindow& window : plan_.windows) {
      const Run* runs = plan_.runs.data() + window.firstRun;
      for (int t = 0, p = 0; t < tileCount; t++) {
        // Tiles of nearly equal size: a last tile of one pixel would wait for each of its FMAs.
        const int size = (count + t) / tileCount;
        tile[size - 1](pointers + p, block.shift, runs, window.runs, weights + window.k * width,
                       sums + p * plan_.ld + (block.first - c0), plan_.ld, window.k > 0);
        p += size;
      }
    }
  }

  void copyPadded(const ConvStrip& strip, const float* x, float* copy) const {
    const ConvShape& s = plan_.shape;
    const int width = static_cast<int>(plan_.pitch / s.c);
    // Column i of the copy is column i - pl of the picture.
    const Span inside = WindowAxis{s.w, width, 1, 1, 1, s.pl}.interior();
    const int rows = s.rows().span(strip.rows), top = s.rows().start(strip.oy);
    for (int i = 0; i < strip.images; i++) {
      for (int r = 0; r < rows; r++) {
        float* out = copy + i * plan_.imagePitch + r * plan_.pitch;
        const int y = top + r;
        if (y < 0 || y >= s.h) {
          std::fill(out, out + plan_.pitch, 0.0f);
          continue;
        }
        const float* in = x + (int64_t{strip.image + i} * s.h + y) * s.w * s.c;
        const int64_t before = int64_t{inside.from} * s.c, count = int64_t{inside.count()} * s.c;
        std::fill(out, out + before, 0.0f);
        std::copy_n(in + (before - int64_t{s.pl} * s.c), count, out + before);
        std::fill(out + before + count, out + plan_.pitch, 0.0f);
      }
    }
  }

  ConvPlan plan_;
  ConvTiles tiles_;
  std::shared_ptr<const void> weights_;
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

std::unique_ptr<Step> make_conv(const Instruction& instruction, BuildContext& context) {
  const ConvShape shape = decodeConvShape(instruction);
  const int weights = instruction.field(1);
  const int weightBits = instruction.field(2);
  if (context.isa() == Isa::reference)
    return makeReferenceConv(instruction, shape, context.constant(weights), weightBits);
  const ConvTiles tiles = tilesFor(context.isa());
  const ConvPlan plan = planConv(shape, tiles, context.threads());
  const PackConv how = {&plan, tiles.lanes, weightBits};
  char key[96];
  std::snprintf(key, sizeof key, "conv %dx%d o%d k%d g%d bits%d", tiles.lanes, tiles.vectors,
                shape.o, shape.window(), shape.g, weightBits);
  auto packed = context.packed(weights, key, static_cast<size_t>(plan.packed) * 4, packConv, &how);
  if (packed == nullptr) return nullptr;
  return std::make_unique<ConvStep>(instruction, plan, tiles, std::move(packed), context.isa());
}

}  // namespace bitplane
