// See walk.h. Scratch is: what the step asks for itself, addresses of pixels, sums, the copied
// strip.
#include "kernels/conv/walk.h"

#include <algorithm>

namespace bitplane {

namespace {

// Maps of fewer bytes are in L2 or a short way behind it, so that asking for them costs more than
// it saves: up to a tenth where a sum has few products. Of 1.8 MB it did, of 2.4 MB no longer.
constexpr int64_t kFarBytes = 2 << 20;

}  // namespace

ConvWalk::ConvWalk(const Instruction& instruction, const ConvPlan& plan, const ConvTiles& tiles,
                   Isa isa, size_t ownBytes)
    : plan_(plan),
      tiles_(tiles),
      x_(instruction.field(0)),
      epilogue_(isa, decodeEpilogue(instruction), plan.shape.o,
                int64_t{plan.shape.oh} * plan.shape.ow),
      ownBytes_(roundUp(ownBytes, kAlign)),
      pointerBytes_(roundUp(sizeof(float*) * plan.pixelBlock, kAlign)),
      sumBytes_(roundUp(static_cast<size_t>(plan.pixelBlock * plan.ld) * 4 + kSlack, kAlign)),
      isFar_(plan.shape.pixels() * plan.shape.o * 4 > kFarBytes) {}

size_t ConvWalk::scratchBytes() const {
  return ownBytes_ + pointerBytes_ + sumBytes_ +
         (plan_.padded ? static_cast<size_t>(plan_.stripImages * plan_.imagePitch) * 4 : 0);
}

void ConvWalk::run(int task, const Buffers& buffers, void* scratch) const {
  const ConvStrip& strip = plan_.strips[task / plan_.chunkTasks];
  const ChunkRange chunks = chunksOf(plan_, task);
  char* own = static_cast<char*>(scratch);
  char* memory = own + ownBytes_;
  float* sums = reinterpret_cast<float*>(memory + pointerBytes_);
  const float* x = buffers.get<const float>(x_);
  const float* origin = x + stripOrigin(plan_, strip);
  if (plan_.padded) {
    float* copy = reinterpret_cast<float*>(memory + pointerBytes_ + sumBytes_);
    copyStrip(plan_, strip, x, copy, 0.0f, std::copy_n<const float*, int64_t, float*>);
    origin = copy;
  }
  begin(chunks, buffers, own);
  eachPixelBlock(plan_, strip, origin, reinterpret_cast<const float**>(memory),
                 [&](const float* const* pixels, int64_t first, int count) {
                   for (int c = chunks.first; c < chunks.end; c++) {
                     const ConvChunk& chunk = plan_.chunks[c];
                     AheadOf ahead = isFar_ ? aheadOf(chunk, first, count, buffers) : AheadOf();
                     for (int k = 0; k < chunk.blocks; k++)
                       runChannels(chunk.firstBlock + k, chunk.c0, pixels, count, sums, buffers,
                                   own, ahead);
                     epilogue_.run(buffers, {sums, plan_.ld, first, count, chunk.c0, chunk.cn});
                   }
                 });
}

AheadOf ConvWalk::aheadOf(const ConvChunk& chunk, int64_t first, int count,
                          const Buffers& buffers) const {
  int64_t tiles = 0;
  for (int k = 0; k < chunk.blocks; k++)
    tiles += tilesOf(tiles_, plan_.blocks[chunk.firstBlock + k], count);
  return epilogue_.ahead(buffers, first, count, chunk.c0, chunk.cn,
                         tiles * static_cast<int64_t>(plan_.windows.size()));
}

void ConvWalk::runChannels(int number, int c0, const float* const* pointers, int count, float* sums,
                           const Buffers& buffers, char* own, AheadOf& ahead) const {
  const ConvChannels& block = plan_.blocks[number];
  for (int w = 0; w < static_cast<int>(plan_.windows.size()); w++) {
    const ConvWindow& window = plan_.windows[w];
    float* out = sums + (block.first - c0);
    if (few(number, w, pointers, count, out, buffers, own)) continue;
    multiplyWindow(tiles_, block, plan_.runs.data() + window.firstRun, window,
                   panel(number, w, buffers, own), pointers, count, out, plan_.ld, ahead,
                   next(number, w, buffers, tilesOf(tiles_, block, count)));
  }
}

}  // namespace bitplane
