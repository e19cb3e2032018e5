// The walk of a convolution of floats over its plan: strips, blocks of pixels, chunks of channels,
// blocks of k. Not here: where the weights of a block lie (conv.cc, kernels/wconv), the cuts
// (plan.h), the arithmetic (generic.h).
#pragma once
#include "kernels/conv/plan.h"
#include "kernels/conv/strip.h"
#include "kernels/epilogue/epilogue.h"

namespace bitplane {

// Adds the products of one window to `out`, sums [pixel][ld] of a block of channels: `count` pixels
// in tiles of nearly equal size, because a last tile of one pixel would wait for each of its FMAs.
// Beside each tile some of what is needed soon is asked for.
inline void multiplyWindow(const ConvTiles& tiles, const ConvChannels& block, const TapRun* runs,
                           const ConvWindow& window, const float* weights,
                           const float* const* pixels, int count, float* out, int64_t ld,
                           AheadOf& ahead, Ahead next = Ahead()) {
  const ConvTile* tile = tiles.run[block.vectors - 1];
  const int tileCount = ceilDiv(count, tiles.pixels[block.vectors - 1]);
  const int size = count / tileCount, larger = count % tileCount, first = tileCount - larger;
  const auto run = [&](int number, int pixel, int each) {
    if (number == 0) return;
    tile[each - 1](pixels + pixel, number, block.shift, runs, window.runs, weights,
                   out + pixel * ld, ld, window.k > 0, &ahead, &next);
  };
  run(first, 0, size);
  run(larger, first * size, size + 1);
}

// How many tiles that is.
inline int64_t tilesOf(const ConvTiles& tiles, const ConvChannels& block, int count) {
  return ceilDiv(count, tiles.pixels[block.vectors - 1]);
}

class ConvWalk : public Step {
 public:
  int tasks() const override { return static_cast<int>(plan_.strips.size()) * plan_.chunkTasks; }
  const char* kernelName() const override { return tiles_.name; }
  size_t scratchBytes() const override;
  void run(int task, const Buffers& buffers, void* scratch) const override;

 protected:
  // `ownBytes` of scratch are for `begin` and `panel`.
  ConvWalk(const Instruction& instruction, const ConvPlan& plan, const ConvTiles& tiles, Isa isa,
           size_t ownBytes = 0);

  // Before a task that computes these chunks.
  virtual void begin(ChunkRange, const Buffers&, char*) const {}
  // The weights of window `window` of block `block`, [k][vectors x lanes]; good until the next
  // call.
  virtual const float* panel(int block, int window, const Buffers& buffers, char* own) const = 0;

  // What the panel after this one is made of, where it has to be made, over so many calls of
  // `fetch`: a panel is made at once, and would wait for each line of memory.
  virtual Ahead next(int, int, const Buffers&, int64_t) const { return Ahead(); }

  // A few pixels times a window of a block, as a tile does it, where a step has a faster way.
  virtual bool few(int, int, const float* const*, int, float*, const Buffers&, char*) const {
    return false;
  }

  // Floats of all windows before this one, where blocks and windows follow each other.
  int64_t floatsBefore(int block, int window) const {
    const ConvChannels& b = plan_.blocks[block];
    return b.weights + int64_t{plan_.windows[window].k} * b.vectors * tiles_.lanes;
  }

  const ConvPlan plan_;
  const ConvTiles tiles_;

 private:
  // One block of channels of `count` pixels. Blocks of a chunk run in order, so what a partial
  // vector spills into the next block's columns is overwritten by it.
  void runChannels(int number, int c0, const float* const* pointers, int count, float* sums,
                   const Buffers& buffers, char* own, AheadOf& ahead) const;

  // What the epilogue of a block of pixels reads and writes, asked for while it is computed.
  AheadOf aheadOf(const ConvChunk& chunk, int64_t first, int count, const Buffers& buffers) const;

  int x_;
  Epilogue epilogue_;
  size_t ownBytes_, pointerBytes_, sumBytes_;
  bool isFar_;
};

}  // namespace bitplane
