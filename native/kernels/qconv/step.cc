// See step.h.
#include "kernels/qconv/step.h"

#include <algorithm>

#include "kernels/conv/strip.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/qconv/few.h"
#include "kernels/qconv/panel.h"

namespace bitplane {
namespace qconv {

namespace {

// Elements in a step that a run of the window ends with, where it does not fill the step.
struct Tail {
  int step, elements;  // the step's number within its window
};

class QconvStep final : public Step {
 public:
  QconvStep(const char* name, const Instruction& instruction, const Problem& problem, Layout layout,
            PackedWeights weights, const std::vector<int>& zeros, const uint32_t* few, Isa isa)
      : name_(name),
        problem_(problem),
        layout_(std::move(layout)),
        weights_(std::move(weights)),
        elementBytes_(layout_.dot.operand == Operand::i16 ? 2 : 1),
        offset_(offsetOf(layout_.dot.operand, layout_.numbers)),
        epilogue_(isa, decodeEpilogue(instruction), problem.shape.o,
                  int64_t{problem.shape.oh} * problem.shape.ow) {
    ConvPlan& plan = layout_.plan;
    // Tiles count bytes.
    for (TapRun& run : plan.runs) run.offset *= elementBytes_;
    pointerBytes_ = roundUp(sizeof(uint8_t*) * plan.pixelBlock, kAlign);
    sumBytes_ = roundUp(static_cast<size_t>(plan.pixelBlock * plan.ld) * 4 + kSlack, kAlign);
    const bool unpacks = layout_.panel.weightBits < 8 || layout_.dot.operand == Operand::i16;
    int64_t elements = 0;
    for (const ConvChannels& block : plan.blocks) {
      for (const ConvWindow& window : plan.windows)
        elements = std::max(elements, paddedElements(layout_.elements(block, window)));
    }
    panelBytes_ = unpacks ? static_cast<size_t>(elements) * elementBytes_ : 0;
    const Numbers& numbers = layout_.numbers;
    if (layout_.dot.operand == Operand::rows) {
      flush_ = layout_.table.flush();
      table_ = entriesOf(layout_.table, numbers);
      const uint32_t mask = (1u << layout_.table.bits) - 1;
      code_ = {mask, static_cast<uint32_t>(-numbers.zero) & mask, layout_.table.bits};
    } else {
      flush_ = pairsWithinInt16(numbers, numbers.xLeast() + offset_, numbers.xMost() + offset_);
    }
    if (layout_.panel.weightKind == WeightKind::bipolar) findTails();
    if (!zeros.empty()) placeZeros(zeros);
    if (problem_.few >= 0) placeFew(few);
  }

  int tasks() const override {
    return static_cast<int>(layout_.plan.strips.size()) * layout_.plan.chunkTasks;
  }
  const char* kernelName() const override { return name_; }
  size_t tableBytes() const override {
    return table_.size() + offsets_.size() * sizeof(int64_t) + fewOutputs_.size() * sizeof(int);
  }
  size_t scratchBytes() const override {
    const ConvPlan& plan = layout_.plan;
    return pointerBytes_ + sumBytes_ + windowBytes_ + fewBytes_ + panelBytes_ +
           (plan.padded
                ? static_cast<size_t>(plan.stripImages * plan.imagePitch * elementBytes_) + kSlack
                : 0);
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const ConvPlan& plan = layout_.plan;
    const ConvStrip& strip = plan.strips[task / plan.chunkTasks];
    const ChunkRange chunks = chunksOf(plan, task);
    Memory memory;
    memory.pixels = static_cast<const uint8_t**>(scratch);
    memory.sums = reinterpret_cast<int32_t*>(static_cast<char*>(scratch) + pointerBytes_);
    memory.windows = reinterpret_cast<uint32_t*>(reinterpret_cast<char*>(memory.sums) + sumBytes_);
    memory.few = reinterpret_cast<float*>(reinterpret_cast<char*>(memory.windows) + windowBytes_);
    memory.panel = reinterpret_cast<uint8_t*>(memory.few) + fewBytes_;
    const uint8_t* x = buffers.get<const uint8_t>(problem_.x);
    if (elementBytes_ == 2) {
      uint16_t* copy = reinterpret_cast<uint16_t*>(memory.panel + panelBytes_);
      prepareWide(strip, x, reinterpret_cast<int16_t*>(copy));
      runStrip(strip, chunks, reinterpret_cast<const uint16_t*>(copy), buffers, memory);
    } else if (plan.padded) {
      uint8_t* copy = memory.panel + panelBytes_;
      prepareBytes(strip, x, copy);
      runStrip(strip, chunks, const_cast<const uint8_t*>(copy), buffers, memory);
    } else {
      runStrip(strip, chunks, x + stripOrigin(plan, strip), buffers, memory);
    }
  }

 private:
  struct Memory {
    const uint8_t** pixels;
    int32_t* sums;
    uint32_t* windows;  // sum (x - zero) over the window of each pixel of a block, of one group
    int64_t summed;     // where that group's channels begin; -1 before the first
    float* few;         // sums of the few weights of a pixel, of a chunk's channels
    uint8_t* panel;
  };

  void prepareWide(const ConvStrip& strip, const uint8_t* x, int16_t* copy) const {
    const int16_t zero = static_cast<int16_t>(problem_.numbers.zero);
    if (problem_.numbers.xSigned) {
      copyStrip(layout_.plan, strip, reinterpret_cast<const int8_t*>(x), copy, zero,
                [](const int8_t* from, int64_t count, int16_t* to) {
                  for (int64_t i = 0; i < count; i++) to[i] = from[i];
                });
    } else {
      copyStrip(layout_.plan, strip, x, copy, zero,
                [](const uint8_t* from, int64_t count, int16_t* to) {
                  for (int64_t i = 0; i < count; i++) to[i] = from[i];
                });
    }
  }

  void prepareBytes(const ConvStrip& strip, const uint8_t* x, uint8_t* copy) const {
    if (layout_.dot.operand == Operand::rows) {
      // The row of what counts as 0 is the first.
      copyStrip(layout_.plan, strip, x, copy, uint8_t{0},
                [this](const uint8_t* from, int64_t count, uint8_t* to) {
                  layout_.dot.prepare(code_, from, count, to);
                });
      return;
    }
    const uint8_t offset = static_cast<uint8_t>(offset_);
    const uint8_t border = static_cast<uint8_t>(problem_.numbers.zero + offset_);
    copyStrip(layout_.plan, strip, x, copy, border,
              [offset](const uint8_t* from, int64_t count, uint8_t* to) {
                if (offset == 0) {
                  std::memcpy(to, from, static_cast<size_t>(count));
                  return;
                }
                for (int64_t i = 0; i < count; i++) to[i] = static_cast<uint8_t>(from[i] + offset);
              });
  }

  template <typename T>
  void runStrip(const ConvStrip& strip, ChunkRange chunks, const T* origin, const Buffers& buffers,
                Memory& memory) const {
    const ConvPlan& plan = layout_.plan;
    eachPixelBlock(plan, strip, origin, reinterpret_cast<const T**>(memory.pixels),
                   [&](const T* const*, int64_t first, int count) {
                     memory.summed = -1;
                     for (int c = chunks.first; c < chunks.end; c++)
                       runChunk(plan.chunks[c], first, count, buffers, memory);
                   });
  }

  void runChunk(const ConvChunk& chunk, int64_t first, int count, const Buffers& buffers,
                Memory& memory) const {
    const int64_t ld = layout_.plan.ld;
    for (int k = 0; k < chunk.blocks; k++)
      runBlock(chunk.firstBlock + k, weights_.at<uint8_t>(buffers), chunk.c0, count, memory);
    if (problem_.y < 0) {
      float* values = reinterpret_cast<float*>(memory.sums);
      if (problem_.few >= 0) {
        withElement(layout_.dot.operand,
                    [&](auto zero) { addFew<decltype(zero)>(chunk, count, buffers, memory); });
      }
      epilogue_.run(buffers, {values, ld, first, count, chunk.c0, chunk.cn});
      return;
    }
    storeSums(problem_, chunk, memory.sums, ld, first, count, buffers);
  }

  // One block of channels of `count` pixels. Blocks of a chunk run in order, so what a partial
  // vector spills into the next block's columns is overwritten by it.
  void runBlock(int number, const uint8_t* packed, int c0, int count, Memory& memory) const {
    const ConvPlan& plan = layout_.plan;
    const Dot& dot = layout_.dot;
    const ConvChannels& block = plan.blocks[number];
    const TileFn* run = dot.run[block.vectors - 1];
    const int tiles = ceilDiv(count, dot.pixels[block.vectors - 1]);
    const uint8_t* from = packed + layout_.blocks[number];
    Tile tile = {};
    tile.start = reinterpret_cast<const int32_t*>(from);
    tile.shift = block.shift * elementBytes_;
    tile.ld = plan.ld;
    tile.flush = flush_;
    tile.table = table_.data();
    if (!zeros_.empty()) {
      startSums(number, tile.start, c0, count, memory);
      tile.start = nullptr;
    }
    from += layout_.startBytes(block);
    for (size_t w = 0; w < plan.windows.size(); w++) {
      const ConvWindow& window = plan.windows[w];
      tile.runs = plan.runs.data() + window.firstRun;
      tile.runCount = window.runs;
      tile.floats = problem_.y < 0 && w + 1 == plan.windows.size();
      if (count == 1 && streams(block, w)) {
        tile.pixels = memory.pixels;
        tile.out = memory.sums + (block.first - c0);
        const int64_t elements = layout_.elements(block, window);
        dot.stream[layout_.panel.weightBits - 1](tile, restOf(layout_.panel, from, elements));
        from += panelBytes(layout_.panel, elements);
        tile.start = nullptr;
        continue;
      }
      tile.panel = panelOf(block, w, from, memory.panel);
      from += panelBytes(layout_.panel, layout_.elements(block, window));
      for (int t = 0, p = 0; t < tiles; t++) {
        // Tiles of nearly equal size: a last tile of one pixel would wait for each of its sums.
        const int size = (count + t) / tiles;
        tile.pixels = memory.pixels + p;
        tile.out = memory.sums + p * plan.ld + (block.first - c0);
        run[size - 1](tile);
        p += size;
      }
      tile.start = nullptr;
    }
  }

  // Writes what the sums of a block start from: start - zeros sum (x - zero), modulo 2^32.
  void startSums(int number, const int32_t* start, int c0, int count, Memory& memory) const {
    const ConvPlan& plan = layout_.plan;
    const ConvChannels& block = plan.blocks[number];
    if (memory.summed != block.shift) {
      memory.summed = block.shift;
      withElement(layout_.dot.operand,
                  [&](auto zero) { sumWindows<decltype(zero)>(block.shift, count, memory); });
    }
    const int lanes = block.vectors * layout_.dot.lanes;
    const uint32_t* zeros = zeros_.data() + zerosBefore_[number];
    for (int p = 0; p < count; p++) {
      int32_t* to = memory.sums + p * plan.ld + (block.first - c0);
      for (int lane = 0; lane < lanes; lane++)
        to[lane] = static_cast<int32_t>(static_cast<uint32_t>(start[lane]) -
                                        zeros[lane] * memory.windows[p]);
    }
  }

  // T is an element of x as tiles read it.
  template <typename T>
  void sumWindows(int64_t shift, int count, Memory& memory) const {
    const uint32_t zero = static_cast<uint32_t>(problem_.numbers.zero + offset_);
    const uint32_t zeros = zero * static_cast<uint32_t>(problem_.shape.window());
    for (int p = 0; p < count; p++) {
      const T* pixel = reinterpret_cast<const T*>(memory.pixels[p]) + shift;
      uint32_t sum = 0;
      for (const TapRun& run : window_) {
        for (int64_t i = 0; i < run.length; i++)
          sum += static_cast<uint32_t>(pixel[run.offset + i]);
      }
      memory.windows[p] = sum - zeros;
    }
  }

  // value = float(sum) * scale + float(sum of the few) * scale of the few. T as in sumWindows.
  template <typename T>
  void addFew(const ConvChunk& chunk, int count, const Buffers& buffers,
              const Memory& memory) const {
    const ConvShape& s = problem_.shape;
    const uint32_t* starts = buffers.get<const uint32_t>(problem_.few);
    const uint32_t* entries = starts + s.o + 1;
    const float* scales = buffers.get<const float>(problem_.scales) + chunk.c0;
    const float* fewScales = scales + s.o;
    const int zero = problem_.numbers.zero + offset_;
    const int perGroup = s.o / s.g, depth = s.c / s.g;
    const auto outputFrom = [this](int o) {
      return std::lower_bound(fewOutputs_.begin(), fewOutputs_.end(), o);
    };
    const auto first = outputFrom(chunk.c0), last = outputFrom(chunk.c0 + chunk.cn);
    float* __restrict few = memory.few;
    std::fill_n(few, chunk.cn, 0.0f);
    for (int p = 0; p < count; p++) {
      float* __restrict values = reinterpret_cast<float*>(memory.sums) + p * layout_.plan.ld;
      const T* pixel = reinterpret_cast<const T*>(memory.pixels[p]);
      for (auto output = first; output != last; ++output) {
        const int o = *output;
        const T* from = pixel + int64_t{o / perGroup} * depth;
        int32_t sum = 0;
        for (uint32_t i = starts[o]; i < starts[o + 1]; i++)
          sum += (from[offsets_[kOfFew(entries[i])]] - zero) * numberOfFew(entries[i]);
        few[o - chunk.c0] = static_cast<float>(sum);
      }
      for (int c = 0; c < chunk.cn; c++) {
        const float own = values[c] * scales[c];
        values[c] = own + few[c] * fewScales[c];
      }
    }
  }

  void placeFew(const uint32_t* starts) {
    const ConvPlan& plan = layout_.plan;
    const ConvShape& s = plan.shape;
    fewBytes_ = roundUp(static_cast<size_t>(plan.ld) * 4, kAlign);
    for (int o = 0; o < s.o; o++)
      if (starts[o] < starts[o + 1]) fewOutputs_.push_back(o);
    for (int ky = 0; ky < s.kh; ky++) {
      for (int kx = 0; kx < s.kw; kx++) {
        for (int c = 0; c < s.c / s.g; c++)
          offsets_.push_back(ky * s.dh * plan.pitch + int64_t{kx} * s.dw * s.c + c);
      }
    }
  }

  // Zero points as starts lie; and the window in elements, which plan.runs fill up to whole steps.
  void placeZeros(const std::vector<int>& zeros) {
    const ConvPlan& plan = layout_.plan;
    const ConvShape& s = plan.shape;
    const int perGroup = s.o / s.g;
    for (const ConvChannels& block : plan.blocks) {
      zerosBefore_.push_back(zeros_.size());
      const int end = std::min(s.o, (block.first / perGroup + 1) * perGroup);
      for (int o = block.first; o < block.first + block.vectors * layout_.dot.lanes; o++)
        zeros_.push_back(o < end ? static_cast<uint32_t>(zeros[o]) : 0);
    }
    for (int ky = 0; ky < s.kh; ky++) {
      for (int kx = 0; kx < s.kw; kx++)
        joinRun(window_, {ky * s.dh * plan.pitch + int64_t{kx} * s.dw * s.c, s.c / s.g});
    }
    windowBytes_ = roundUp(sizeof(uint32_t) * plan.pixelBlock, kAlign);
  }

  // Whether one pixel can be multiplied with window w as it lies. Elements that fill a unit are 0,
  // unless they are bipolar. Codes of powers are read into a panel.
  bool streams(const ConvChannels& block, size_t w) const {
    const ConvWindow& window = layout_.plan.windows[w];
    const Dot& dot = layout_.dot;
    if (dot.stream[layout_.panel.weightBits - 1] == nullptr) return false;
    if (block.vectors != dot.vectors || window.runs != 1) return false;
    if (layout_.panel.weightKind == WeightKind::power) return false;
    if (layout_.panel.weightKind != WeightKind::bipolar) return true;
    return tails_[w].empty() && layout_.elements(block, window) % 256 == 0;
  }

  const uint8_t* panelOf(const ConvChannels& block, size_t w, const uint8_t* packed,
                         uint8_t* panel) const {
    if (panelBytes_ == 0) return packed;
    const int64_t elements = layout_.elements(block, layout_.plan.windows[w]);
    layout_.dot.unpack(restOf(layout_.panel, packed, elements), panel);
    if (layout_.panel.weightKind == WeightKind::bipolar) {
      const int lanes = block.vectors * layout_.dot.lanes, step = layout_.dot.step;
      for (const Tail& tail : tails_[w]) {
        uint8_t* at = panel + int64_t{tail.step} * lanes * step + tail.elements;
        for (int lane = 0; lane < lanes; lane++, at += step)
          std::memset(at, 0, static_cast<size_t>(step - tail.elements));
      }
    }
    return panel;
  }

  void findTails() {
    const ConvPlan& plan = layout_.plan;
    const int step = layout_.dot.step;
    tails_.resize(plan.windows.size());
    size_t w = 0;
    int64_t steps = 0;
    for (const int segment : plan.segments) {
      steps += ceilDiv(segment, step);
      if (segment % step == 0) continue;
      const int64_t last = steps - 1;
      while (last >= plan.windows[w].k + plan.windows[w].steps) w++;
      tails_[w].push_back({static_cast<int>(last - plan.windows[w].k), segment % step});
    }
  }

  const char* name_;
  Problem problem_;
  Layout layout_;
  PackedWeights weights_;
  int elementBytes_, offset_;
  Epilogue epilogue_;
  size_t pointerBytes_, sumBytes_, panelBytes_;
  int64_t flush_;
  std::vector<uint8_t> table_;  // of rows
  RowCode code_ = {};
  std::vector<std::vector<Tail>> tails_;  // by window
  // Of weights with zero points.
  std::vector<uint32_t> zeros_;      // [block][lane]
  std::vector<size_t> zerosBefore_;  // each block
  std::vector<TapRun> window_;
  size_t windowBytes_ = 0;
  std::vector<int64_t> offsets_;  // of few weights: from a pixel to product k
  std::vector<int> fewOutputs_;   // channels that have few weights, ascending
  size_t fewBytes_ = 0;
};

}  // namespace

std::unique_ptr<Step> makeStep(const char* name, const Instruction& instruction,
                               const Problem& problem, Layout layout, PackedWeights weights,
                               const std::vector<int>& zeros, const uint32_t* few, Isa isa) {
  return std::make_unique<QconvStep>(name, instruction, problem, std::move(layout),
                                     std::move(weights), zeros, few, isa);
}

}  // namespace qconv
}  // namespace bitplane
