// How a binary convolution is cut into tasks and how its three outputs leave. See segmented_step.h.
//
// A task is a range of output pixels of one image (or all pixels of several, where maps are small)
// times a range of 64-channel blocks. It prepares the input rows its pixels need into private
// scratch (neighbouring tasks prepare shared rows twice: cheaper than a barrier), then walks the
// blocks with the pixels inside, so that one block's weights stay in L1. Pixels are split before
// blocks, since threads that write different words of one cache line would pass the line back and
// forth.
#include "kernels/bconv/segmented_step.h"

#include <algorithm>

#include "kernels/bconv/plan.h"
#include "kernels/bconv/weights.h"
#include "kernels/epilogue/epilogue.h"

namespace bitplane {
namespace bconv {
namespace {

// pixels of a float or int32 block: 32 * 64 * 4 = 8 KiB, a quarter of the smallest L1
constexpr int kBlockRows = 32;
constexpr int64_t kBlockStride = 128;  // 64 channels, and room for the lanes past a group's end
// so that a thread that wakes late takes less; more would load weights and prepare rows more often
constexpr int kTasksPerThread = 2;
constexpr int64_t kTilePixels = 4;  // of the variants' register tiles

class SegmentedStep : public Step {
 public:
  SegmentedStep(const char* name, Isa isa, const Kernel& kernel, Plan plan,
                const Instruction& instruction, BuildContext& context)
      : name_(name),
        kernel_(kernel),
        plan_(std::move(plan)),
        hasEpilogue_(instruction.epilogueLength > 0) {
    const Problem& p = plan_.problem;
    const auto* disk = static_cast<const uint8_t*>(context.constant(p.weights));
    weights_ = packedWeights(plan_, kernel, name, context);
    baseStride_ = baseStride(plan_);
    // Weights that a run computes bring the bases that depend on them along, behind themselves.
    basesWithWeights_ = disk == nullptr && p.padding == Padding::zero;
    if (!basesWithWeights_) base_ = bases(plan_, disk);
    if (p.thresholds >= 0) {
      const int32_t* constant = static_cast<const int32_t*>(context.constant(p.thresholds));
      natural_.assign(constant, constant + 2 * int64_t{p.o});
      if (!basesWithWeights_) thresholds_ = thresholdsFor(plan_, kernel, base_, constant);
    }
    if (hasEpilogue_) epilogue_ = Epilogue(isa, decodeEpilogue(instruction), p.o, p.pixels());
    cutTasks(context.threads());
  }

  int tasks() const override {
    return ceilDiv(plan_.problem.n, plan_.images) * pixelCuts_ * blockCuts_;
  }
  const char* kernelName() const override { return name_; }

  size_t tableBytes() const override {
    return plan_.pixels.size() * sizeof(Pixel) + base_.size() * sizeof(int32_t) +
           thresholds_.packed.size();
  }
  size_t scratchBytes() const override {
    return static_cast<size_t>(preparedBytes_ + kBlockRows * kBlockStride * 4 + kSlack);
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const Problem& p = plan_.problem;
    const int blockCut = task % blockCuts_, pixelCut = task / blockCuts_ % pixelCuts_;
    const int image = task / blockCuts_ / pixelCuts_ * plan_.images,
              images = std::min(plan_.images, p.n - image);
    const int blocks = bitWords(p.o);
    const int64_t first = pixelAt(pixelCut), end = pixelAt(pixelCut + 1);
    const int64_t inputWords = int64_t{p.h} * p.w * bitWords(p.c);
    const uint64_t* x = buffers.get<const uint64_t>(p.x) + image * inputWords;
    uint8_t* prepared = static_cast<uint8_t*>(scratch);
    PixelRange window{};
    window.image = image;
    window.first = first;
    window.count = (images - 1) * p.pixels() + end - first;
    window.input = prepare(plan_, kernel_, x, first, end - 1, prepared);
    for (int i = 1; i < images; ++i)
      prepare(plan_, kernel_, x + i * inputWords, first, end - 1, prepared + i * plan_.imageBytes);
    window.groupBytes = plan_.groupBytes(plan_.rowCount(first, end - 1));
    window.block = static_cast<uint8_t*>(scratch) + preparedBytes_;
    window.weights = weights_.at<uint8_t>(buffers);
    window.base = basesWithWeights_
                      ? reinterpret_cast<const int32_t*>(window.weights + basesAt(plan_))
                      : base_.data();
    const int from = blocks * blockCut / blockCuts_, to = blocks * (blockCut + 1) / blockCuts_;
    for (int block = from; block < to; ++block) {
      const bool whole = plan_.firstSpan[block + 1] - plan_.firstSpan[block] == 1;
      if (p.thresholds >= 0 && whole && !basesWithWeights_)
        runBits(window, block, buffers);
      else
        runBlocks(window, block, buffers);
    }
  }

 private:
  struct PixelRange {
    int image;
    int64_t first, count;  // output pixels
    const uint8_t* input;
    int64_t groupBytes;
    void* block;  // [kBlockRows][kBlockStride] int32 or float
    const uint8_t* weights;
    const int32_t* base;
  };

  // The first pixel of a cut: on a tile, so that only the last cut has an odd rest.
  int64_t pixelAt(int cut) const {
    const int64_t pixels = plan_.problem.pixels();
    return cut == pixelCuts_ ? pixels : pixels * cut / pixelCuts_ / kTilePixels * kTilePixels;
  }

  void cutTasks(int threads) {
    const Problem& p = plan_.problem;
    const int64_t pixels = p.pixels();
    const int64_t wanted = threads <= 1 ? 1
                                        : ceilDiv<int64_t>(int64_t{kTasksPerThread} * threads,
                                                           ceilDiv(p.n, plan_.images));
    // Cutting the outputs keeps a block's weights in L1 for all of a task's pixels, at the price of
    // preparing those for every cut; small maps are cut along the outputs alone.
    const int64_t alongOutputs =
        pixels < 2 * kLeastPixels * threads ? wanted : std::min<int64_t>(wanted, kTasksPerThread);
    blockCuts_ = static_cast<int>(std::min<int64_t>(bitWords(p.o), alongOutputs));
    int64_t cuts = 1;
    if (plan_.images == 1) {
      const int64_t fitting =
          (kPreparedBytes / (plan_.rowBytes * p.g) - (p.rows().reach() - 1)) / plan_.rowStride;
      const int64_t least = std::max<int64_t>(kLeastPixels, plan_.inPlace ? 0 : p.ow);
      cuts = std::min(ceilDiv<int64_t>(wanted, blockCuts_), std::max<int64_t>(1, pixels / least));
      if (!plan_.inPlace)
        cuts = std::max(cuts, ceilDiv<int64_t>(p.oh, std::max<int64_t>(2, fitting)));
    }
    pixelCuts_ = static_cast<int>(cuts);
    preparedBytes_ = 0;
    for (int64_t cut = 0; cut < cuts && !plan_.inPlace; ++cut) {
      const int rows =
          plan_.rowCount(pixelAt(static_cast<int>(cut)), pixelAt(static_cast<int>(cut) + 1) - 1);
      preparedBytes_ =
          std::max(preparedBytes_,
                   roundUp<int64_t>(plan_.images * p.g * plan_.groupBytes(rows) + kSlack, kAlign));
    }
  }

  Segment segmentOf(const OutputSpan& span, const PixelRange& window) const {
    Segment s{};
    s.weights = window.weights + span.weightBytes;
    s.input = window.input + span.group * window.groupBytes;
    s.pixels = plan_.pixels.data() + window.first;
    s.pixelCount = window.count;
    s.offsets = plan_.offsets.data();
    s.words = plan_.words();
    s.halves = plan_.pixelBits <= 32;
    s.lanes = span.lanes;
    s.base = window.base + span.first;
    s.baseStride = baseStride_;
    return s;
  }

  // Sign bits straight from the counters: one span fills the whole word.
  void runBits(const PixelRange& window, int block, const Buffers& buffers) const {
    const Problem& p = plan_.problem;
    Segment s = segmentOf(plan_.spans[plan_.firstSpan[block]], window);
    s.thresholds =
        thresholds_.packed.data() + int64_t{block} * plan_.classes() * kernel_.thresholdBytes;
    s.flip = thresholds_.flip[block];
    s.yStride = bitWords(p.o);
    s.y =
        buffers.get<uint64_t>(p.y) + (window.image * p.pixels() + window.first) * s.yStride + block;
    kernel_.bits(s);
  }

  // All other outputs go through a block in L1. Spans of several groups follow each other; the next
  // span overwrites what lanes past a span's end wrote, or nothing reads it.
  void runBlocks(const PixelRange& window, int block, const Buffers& buffers) const {
    const Problem& p = plan_.problem;
    const int c0 = 64 * block, cn = std::min(64, p.o - c0);
    for (int64_t done = 0; done < window.count; done += kBlockRows) {
      const int rows = static_cast<int>(std::min<int64_t>(kBlockRows, window.count - done));
      for (int i = plan_.firstSpan[block]; i < plan_.firstSpan[block + 1]; ++i) {
        const OutputSpan& span = plan_.spans[i];
        Segment s = segmentOf(span, window);
        s.pixels += done;
        s.pixelCount = rows;
        s.block = static_cast<int32_t*>(window.block) + (span.first - c0);
        s.blockStride = kBlockStride;
        hasEpilogue_ ? kernel_.floats(s) : kernel_.dots(s);
      }
      const int64_t pixel = window.image * p.pixels() + window.first + done;
      if (hasEpilogue_) {
        epilogue_.run(buffers,
                      {static_cast<float*>(window.block), kBlockStride, pixel, rows, c0, cn});
      } else if (p.thresholds >= 0) {
        signs(static_cast<const int32_t*>(window.block), rows, c0, cn,
              buffers.get<uint64_t>(p.y) + pixel * bitWords(p.o) + block);
      } else {
        int32_t* y = buffers.get<int32_t>(p.y) + pixel * p.o + c0;
        for (int r = 0; r < rows; ++r)
          std::memcpy(y + int64_t{r} * p.o, static_cast<int32_t*>(window.block) + r * kBlockStride,
                      cn * 4);
      }
    }
  }

  void signs(const int32_t* dots, int rows, int c0, int cn, uint64_t* y) const {
    const Problem& p = plan_.problem;
    for (int r = 0; r < rows; ++r) {
      uint64_t word = 0;
      for (int c = 0; c < cn; ++c) {
        const bool below = dots[r * kBlockStride + c] < natural_[c0 + c];
        word |= static_cast<uint64_t>(below != (natural_[p.o + c0 + c] != 0)) << c;
      }
      y[int64_t{r} * bitWords(p.o)] = word;
    }
  }

  const char* name_;
  const Kernel& kernel_;
  Plan plan_;
  PackedWeights weights_;
  bool basesWithWeights_;
  int64_t baseStride_;
  std::vector<int32_t> base_, natural_;
  Thresholds thresholds_;
  bool hasEpilogue_;
  Epilogue epilogue_;
  int pixelCuts_, blockCuts_;
  int64_t preparedBytes_;
};

}  // namespace

std::unique_ptr<Step> segmentedStep(const char* name, Isa isa, const Kernel& kernel,
                                    const Instruction& instruction, BuildContext& context) {
  const Problem problem = problemOf(instruction);
  if (problem.terms() > kernel.maxTerms) return nullptr;
  // A constant whose file can no longer be read has no bytes.
  if (context.constant(problem.weights) == nullptr && !context.isPacked(problem.weights))
    return nullptr;
  if (problem.thresholds >= 0 && context.constant(problem.thresholds) == nullptr) return nullptr;
  Plan plan = planFor(problem, kernel, context.threads());
  if (!plan.fits) return nullptr;
  if (context.isPacked(problem.weights) && packedWeights(plan, kernel, name, context).empty())
    return nullptr;
  return std::make_unique<SegmentedStep>(name, isa, kernel, std::move(plan), instruction, context);
}

std::unique_ptr<WeightPacking> segmentedPacking(const Kernel& kernel, const Problem& problem,
                                                int threads) {
  if (problem.terms() > kernel.maxTerms) return nullptr;
  Plan plan = planFor(problem, kernel, threads);
  return plan.fits ? weightPacking(std::move(plan), kernel) : nullptr;
}

}  // namespace bconv
}  // namespace bitplane
