// The integer convolution by bit planes as a step: splits x into planes, puts the windows of a
// block of pixels together, bit by bit without gaps, and counts them. So channels need fill no
// word, and strides, dilations, groups and borders end here. Not here: packed weights (planes.cc),
// the choice of this way (qconv.cc).
#include "kernels/conv/strip.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/qconv/planes.h"
#include "kernels/qconv/step.h"

namespace bitplane {
namespace qconv {

namespace {

constexpr int kSplit = 64;  // elements that are split at once

// 64 bits of a string from bit `at` on; up to 9 bytes from the first one's are read.
inline uint64_t bitsFrom(const uint8_t* bits, int64_t at) {
  const uint8_t* byte = bits + at / 8;
  const int shift = static_cast<int>(at % 8);
  uint64_t word;
  std::memcpy(&word, byte, 8);
  return shift == 0 ? word : word >> shift | uint64_t{byte[8]} << (64 - shift);
}

// Puts runs of bits together, into words that are each written so many times.
class WindowWriter {
 public:
  WindowWriter(uint64_t* to, int copies) : to_(to), copies_(copies) {}
  // Of a word, 1 to 64 bits, with others behind them.
  void put(uint64_t bits, int count) {
    if (count < 64) bits &= (uint64_t{1} << count) - 1;
    word_ |= bits << filled_;
    filled_ += count;
    if (filled_ < 64) return;
    whole(word_);
    filled_ -= 64;
    word_ = filled_ == 0 ? 0 : bits >> (count - filled_);
  }
  void whole(uint64_t word) {
    to_[0] = word;
    to_[copies_ - 1] = word;
    to_ += copies_;
  }
  void end() {
    if (filled_ > 0) whole(word_);
  }

 private:
  uint64_t* to_;
  const int copies_;
  uint64_t word_ = 0;
  int filled_ = 0;
};

class PlanesStep final : public Step {
 public:
  PlanesStep(const char* name, const Instruction& instruction, const Problem& problem,
             PlaneLayout layout, PackedWeights weights, Isa isa)
      : name_(name),
        problem_(problem),
        layout_(std::move(layout)),
        passes_(passesOf(layout_.planes)),
        weights_(std::move(weights)),
        epilogue_(isa, decodeEpilogue(instruction), problem.shape.o,
                  int64_t{problem.shape.oh} * problem.shape.ow) {
    const ConvPlan& plan = layout_.plan;
    planeBytes_ = layout_.words() * layout_.tiles.copies * 8;
    pixelBytes_ = planeBytes_ * layout_.planes.x;
    const int64_t elements = int64_t{plan.stripImages} * plan.imagePitch;
    // A word more is read behind the last bit.
    pitch_ = ceilDiv<int64_t>(elements, kSplit) + 2;
    pointerBytes_ = roundUp(sizeof(uint8_t*) * plan.pixelBlock, kAlign);
    sumBytes_ = roundUp(static_cast<size_t>(plan.pixelBlock * plan.ld) * 4 + kSlack, kAlign);
    windowBytes_ = roundUp(static_cast<size_t>(plan.pixelBlock * pixelBytes_), kAlign);
    splitBytes_ = roundUp(static_cast<size_t>(pitch_ * layout_.planes.x) * 8, kAlign);
    copyBytes_ = plan.padded ? static_cast<size_t>(elements) + kSlack : 0;
  }

  int tasks() const override {
    return static_cast<int>(layout_.plan.strips.size()) * layout_.plan.chunkTasks;
  }
  const char* kernelName() const override { return name_; }
  size_t scratchBytes() const override {
    return pointerBytes_ + sumBytes_ + windowBytes_ + splitBytes_ + copyBytes_;
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const ConvPlan& plan = layout_.plan;
    const ConvStrip& strip = plan.strips[task / plan.chunkTasks];
    const ChunkRange chunks = chunksOf(plan, task);
    Memory memory;
    memory.pixels = static_cast<const uint8_t**>(scratch);
    memory.sums = reinterpret_cast<int32_t*>(static_cast<char*>(scratch) + pointerBytes_);
    memory.windows = reinterpret_cast<uint64_t*>(reinterpret_cast<char*>(memory.sums) + sumBytes_);
    memory.split =
        reinterpret_cast<uint64_t*>(reinterpret_cast<char*>(memory.windows) + windowBytes_);
    const uint8_t* x = buffers.get<const uint8_t>(problem_.x);
    memory.origin = x + stripOrigin(plan, strip);
    if (plan.padded) {
      uint8_t* copy = reinterpret_cast<uint8_t*>(memory.split) + splitBytes_;
      copyStrip(plan, strip, x, copy, static_cast<uint8_t>(problem_.numbers.zero),
                [](const uint8_t* from, int64_t count, uint8_t* to) {
                  std::memcpy(to, from, static_cast<size_t>(count));
                });
      memory.origin = copy;
    }
    splitStrip(strip, memory);
    eachPixelBlock(plan, strip, memory.origin, memory.pixels,
                   [&](const uint8_t* const*, int64_t first, int count) {
                     memory.shift = -1;
                     for (int c = chunks.first; c < chunks.end; c++)
                       runChunk(plan.chunks[c], first, count, buffers, memory);
                   });
  }

 private:
  struct Memory {
    const uint8_t** pixels;
    int32_t* sums;
    uint64_t* windows;      // [pixel][plane][word][copy]
    uint64_t* split;        // [plane][pitch]: bit e is of element e from `origin` on
    const uint8_t* origin;  // of the strip
    int64_t shift;          // of the group whose windows there are; -1 before the first
  };

  void splitStrip(const ConvStrip& strip, Memory& memory) const {
    const ConvPlan& plan = layout_.plan;
    const int64_t elements = strip.images > 1 ? strip.images * plan.imagePitch
                                              : plan.shape.rows().span(strip.rows) * plan.pitch;
    const int64_t groups = elements / kSplit, rest = elements % kSplit;
    const uint8_t flip = static_cast<uint8_t>(-problem_.numbers.xLeast());
    layout_.tiles.split(memory.origin, groups, flip, layout_.planes.x, memory.split, pitch_);
    if (rest == 0) return;
    uint8_t last[kSplit] = {};
    std::memcpy(last, memory.origin + groups * kSplit, static_cast<size_t>(rest));
    layout_.tiles.split(last, 1, flip, layout_.planes.x, memory.split + groups, pitch_);
  }

  void runChunk(const ConvChunk& chunk, int64_t first, int count, const Buffers& buffers,
                Memory& memory) const {
    const int64_t ld = layout_.plan.ld;
    const uint8_t* packed = weights_.at<uint8_t>(buffers);
    for (int k = 0; k < chunk.blocks; k++)
      runBlock(chunk.firstBlock + k, packed, chunk.c0, count, memory);
    if (problem_.y < 0) {
      float* values = reinterpret_cast<float*>(memory.sums);
      epilogue_.run(buffers, {values, ld, first, count, chunk.c0, chunk.cn});
      return;
    }
    storeSums(problem_, chunk, memory.sums, ld, first, count, buffers);
  }

  // One block of channels of `count` pixels. Blocks of a chunk run in order, so what lanes past the
  // last channel spill into the next block's columns is overwritten by it.
  void runBlock(int number, const uint8_t* packed, int c0, int count, Memory& memory) const {
    const ConvPlan& plan = layout_.plan;
    const PlaneTiles& tiles = layout_.tiles;
    const ConvChannels& block = plan.blocks[number];
    if (memory.shift != block.shift) {
      memory.shift = block.shift;
      joinWindows(count, memory);
    }
    const int tileCount = ceilDiv(count, tiles.pixels);
    const uint8_t* from = packed + layout_.blocks[number];
    PlaneTile tile = {};
    tile.pixelBytes = pixelBytes_;
    tile.planeBytes = planeBytes_;
    tile.passes = passes_.data();
    tile.passCount = static_cast<int>(passes_.size());
    tile.start = reinterpret_cast<const int32_t*>(from);
    tile.ld = plan.ld;
    from += layout_.startBytes();
    for (const ConvWindow& window : plan.windows) {
      tile.panel = from;
      tile.words = window.steps;
      tile.floats = problem_.y < 0 && &window == &plan.windows.back();
      const uint64_t* windows = memory.windows + int64_t{window.k} * tiles.copies;
      for (int t = 0, p = 0; t < tileCount; t++) {
        // Tiles of nearly equal size, as of products.
        const int size = (count + t) / tileCount;
        tile.windows = reinterpret_cast<const uint8_t*>(windows) + p * pixelBytes_;
        tile.out = memory.sums + p * plan.ld + (block.first - c0);
        tiles.run[size - 1](tile);
        p += size;
      }
      from += layout_.panelBytes(window);
      tile.start = nullptr;
    }
  }

  void joinWindows(int count, const Memory& memory) const {
    const ConvShape& s = layout_.plan.shape;
    const int copies = layout_.tiles.copies;
    uint64_t* to = memory.windows;
    // Then every tap is whole words, and begins one.
    const bool whole = s.c / s.g % 64 == 0;
    for (int p = 0; p < count; p++) {
      const int64_t at = memory.pixels[p] - memory.origin + memory.shift;
      for (int i = 0; i < layout_.planes.x; i++, to += planeBytes_ / 8) {
        const uint64_t* plane = memory.split + i * pitch_;
        WindowWriter writer(to, copies);
        for (const TapRun& tap : layout_.taps) {
          const int64_t first = at + tap.offset;
          if (whole) {
            for (int64_t k = 0; k < tap.length; k += 64) writer.whole(plane[(first + k) / 64]);
            continue;
          }
          const uint8_t* bits = reinterpret_cast<const uint8_t*>(plane);
          for (int64_t k = 0; k < tap.length; k += 64)
            writer.put(bitsFrom(bits, first + k),
                       static_cast<int>(std::min<int64_t>(tap.length - k, 64)));
        }
        writer.end();
      }
    }
  }

  const char* name_;
  Problem problem_;
  PlaneLayout layout_;
  std::vector<PlanePass> passes_;
  PackedWeights weights_;
  Epilogue epilogue_;
  int64_t pixelBytes_, planeBytes_, pitch_;
  size_t pointerBytes_, sumBytes_, windowBytes_, splitBytes_, copyBytes_;
};

}  // namespace

std::unique_ptr<Step> makePlanesStep(const char* name, const Instruction& instruction,
                                     const Problem& problem, PlaneLayout layout,
                                     PackedWeights weights, Isa isa) {
  return std::make_unique<PlanesStep>(name, instruction, problem, std::move(layout),
                                      std::move(weights), isa);
}

}  // namespace qconv
}  // namespace bitplane
