// Depthwise integer convolution: reads the instruction, packs weights, copies strips and walks
// them. Not here: arithmetic (generic.h).
#include "kernels/qdwconv/qdwconv.h"

#include <cstdio>
#include <cstring>

#include "kernels/conv/strip.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/qconv/panel.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qdwconv/tile.h"

namespace bitplane {
namespace qdwconv {

#define BITPLANE_QDWCONV(name, isa) \
  namespace isa { \
  extern const Kernel kernel; \
  }
#include "kernels/qdwconv/variants.inc"
#undef BITPLANE_QDWCONV

namespace {

using qconv::Numbers;
using qconv::WeightSource;

struct Variant {
  const char* name;
  Isa isa;
  const Kernel* kernel;
};
constexpr Variant kVariants[] = {
#define BITPLANE_QDWCONV(name, isa) {#name, Isa::isa, &isa::kernel},
#include "kernels/qdwconv/variants.inc"
#undef BITPLANE_QDWCONV
};

const Variant* variantFor(Isa isa) {
  for (const Variant& variant : kVariants)
    if (variant.isa == isa) return &variant;
  return nullptr;
}

// Packed weights: for each chunk of channels a panel, [2 pairs][width].
struct Layout {
  ConvPlan plan;  // of strips and chunks
  Numbers numbers;
  int taps, pairs;
  std::vector<int64_t> widths, chunks;  // of each chunk: channels in whole rows, bytes before it
  int64_t bytes;

  int64_t elements(int chunk) const { return 2 * pairs * widths[chunk]; }
};

Layout layoutOf(const ConvShape& shape, const Numbers& numbers, int lanes, int threads) {
  // Cut as a convolution whose outputs see all inputs: its strips and its chunks are these.
  ConvShape whole = shape;
  whole.g = 1;
  ConvCuts cuts = {};
  cuts.lanes = lanes;
  cuts.vectors = 1;
  cuts.step = 1;
  cuts.elementBytes = sizeof(int16_t);
  cuts.copies = true;
  cuts.summands = whole.window();
  cuts.sums = 48 * 64;          // a block of them: less than half of an L1
  cuts.stripBytes = 128 << 10;  // part of an L2
  cuts.taskProducts = int64_t{shape.c} << 18;
  Layout layout = {planConv(whole, cuts, threads), numbers, shape.kh * shape.kw, 0, {}, {}, 0};
  layout.pairs = ceilDiv(layout.taps, 2);
  for (size_t i = 0; i < layout.plan.chunks.size(); i++) {
    layout.widths.push_back(roundUp(layout.plan.chunks[i].cn, lanes));
    layout.chunks.push_back(layout.bytes);
    layout.bytes +=
        roundUp<int64_t>(qconv::panelBytes(numbers, layout.elements(static_cast<int>(i))), kAlign);
  }
  return layout;
}

// Writes every byte of a chunk's panel.
void packChunk(const Layout& layout, const WeightSource& source, int chunk, uint8_t* packed) {
  const ConvChunk& channels = layout.plan.chunks[chunk];
  uint8_t* to = packed + layout.chunks[chunk];
  const int64_t end =
      chunk + 1 < static_cast<int>(layout.chunks.size()) ? layout.chunks[chunk + 1] : layout.bytes;
  std::memset(to, 0, static_cast<size_t>(end - layout.chunks[chunk]));
  const int64_t pitch = source.tapPitch(1);
  qconv::PanelWriter writer(layout.numbers, to);
  for (int tap = 0; tap < 2 * layout.pairs; tap++) {
    for (int c = 0; c < layout.widths[chunk]; c++) {
      const bool is = tap < layout.taps && c < channels.cn;
      writer.put(is ? source.at((int64_t{channels.c0 + c} * layout.taps + tap) * pitch) : 0);
    }
  }
  writer.end();
}

void packConstant(const void* source, void* packed, const void* how) {
  const Layout& layout = *static_cast<const Layout*>(how);
  const WeightSource weights = {static_cast<const uint8_t*>(source), layout.numbers.weightBits,
                                layout.numbers.weightKind, false};
  for (size_t chunk = 0; chunk < layout.chunks.size(); chunk++)
    packChunk(layout, weights, static_cast<int>(chunk), static_cast<uint8_t*>(packed));
}

class Packing final : public WeightPacking {
 public:
  explicit Packing(Layout layout) : layout_(std::move(layout)) {}
  size_t bytes() const override { return static_cast<size_t>(layout_.bytes); }
  int parts() const override { return static_cast<int>(layout_.chunks.size()); }
  void pack(int part, const void* weights, void* packed) const override {
    const WeightSource source = {static_cast<const uint8_t*>(weights), layout_.numbers.weightBits,
                                 layout_.numbers.weightKind, true};
    packChunk(layout_, source, part, static_cast<uint8_t*>(packed));
  }

 private:
  const Layout layout_;
};

class QdwconvStep final : public Step {
 public:
  QdwconvStep(const Variant& variant, const Instruction& instruction, const qconv::Problem& problem,
              Layout layout, PackedWeights weights, std::vector<int> zeros, Isa isa)
      : variant_(variant),
        problem_(problem),
        layout_(std::move(layout)),
        weights_(std::move(weights)),
        zeros_(std::move(zeros)),
        epilogue_(isa, decodeEpilogue(instruction), problem.shape.c,
                  int64_t{problem.shape.oh} * problem.shape.ow) {
    const ConvPlan& plan = layout_.plan;
    const ConvShape& s = problem.shape;
    for (int tap = 0; tap < layout_.taps; tap++)
      offsets_.push_back(tap / s.kw * s.dh * plan.pitch + int64_t{tap % s.kw} * s.dw * s.c);
    if (layout_.taps % 2 != 0) offsets_.push_back(offsets_.back());
    int64_t elements = 0;
    for (size_t i = 0; i < layout_.chunks.size(); i++)
      elements = std::max(elements, layout_.elements(static_cast<int>(i)));
    panelBytes_ = static_cast<size_t>(qconv::paddedElements(elements)) * sizeof(int16_t);
    pointerBytes_ = roundUp(sizeof(int16_t*) * plan.pixelBlock, kAlign);
    sumBytes_ = roundUp(static_cast<size_t>(plan.pixelBlock * plan.ld) * 4 + kSlack, kAlign);
  }

  int tasks() const override {
    return static_cast<int>(layout_.plan.strips.size()) * layout_.plan.chunkTasks;
  }
  const char* kernelName() const override { return variant_.name; }
  size_t tableBytes() const override { return offsets_.size() * sizeof(int64_t); }
  size_t scratchBytes() const override {
    const ConvPlan& plan = layout_.plan;
    const int64_t strip = plan.stripImages * plan.imagePitch;
    return pointerBytes_ + sumBytes_ + panelBytes_ + static_cast<size_t>(strip) * 2 + kSlack;
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const ConvPlan& plan = layout_.plan;
    const ConvStrip& strip = plan.strips[task / plan.chunkTasks];
    const ChunkRange chunks = chunksOf(plan, task);
    char* memory = static_cast<char*>(scratch);
    int32_t* sums = reinterpret_cast<int32_t*>(memory + pointerBytes_);
    uint8_t* panel = reinterpret_cast<uint8_t*>(sums) + sumBytes_;
    int16_t* copy = reinterpret_cast<int16_t*>(panel + panelBytes_);
    prepare(strip, buffers.get<const uint8_t>(problem_.x), copy);
    const uint8_t* packed = weights_.at<uint8_t>(buffers);
    eachPixelBlock(plan, strip, const_cast<const int16_t*>(copy),
                   reinterpret_cast<const int16_t**>(memory),
                   [&](const int16_t* const* pixels, int64_t first, int count) {
                     for (int c = chunks.first; c < chunks.end; c++)
                       runChunk(c, {pixels, first, count}, packed, panel, sums, buffers);
                   });
  }

 private:
  struct Pixels {
    const int16_t* const* at;
    int64_t first;
    int count;
  };

  void prepare(const ConvStrip& strip, const uint8_t* x, int16_t* copy) const {
    const Numbers& n = problem_.numbers;
    copyStrip(layout_.plan, strip, x, copy, int16_t{0},
              [&](const uint8_t* from, int64_t count, int16_t* to) {
                variant_.kernel->subtract(from, n.xSigned, n.zero, count, to);
              });
  }

  void runChunk(int number, const Pixels& pixels, const uint8_t* packed, uint8_t* panel,
                int32_t* sums, const Buffers& buffers) const {
    const ConvPlan& plan = layout_.plan;
    const ConvChunk& chunk = plan.chunks[number];
    variant_.kernel->unpack(
        qconv::restOf(layout_.numbers, packed + layout_.chunks[number], layout_.elements(number)),
        panel);
    int16_t* rows = reinterpret_cast<int16_t*>(panel);
    const int64_t width = layout_.widths[number];
    if (!zeros_.empty()) {
      for (int tap = 0; tap < layout_.taps; tap++) {
        const int* zeros = zeros_.data() + chunk.c0;
        int16_t* row = rows + tap * width;
        for (int c = 0; c < chunk.cn; c++) row[c] = static_cast<int16_t>(row[c] - zeros[c]);
      }
    }
    // An odd last tap is paired with weights of 0, which bipolar ones have to be set to.
    if (layout_.taps % 2 != 0) std::fill_n(rows + layout_.taps * width, width, int16_t{0});
    Part part = {};
    part.pixels = pixels.at;
    part.channel = chunk.c0;
    part.count = pixels.count;
    part.offsets = offsets_.data();
    part.pairs = layout_.pairs;
    part.panel = rows;
    part.width = width;
    part.out = sums;
    part.ld = plan.ld;
    part.floats = problem_.y < 0;
    variant_.kernel->run(part);
    if (problem_.y < 0) {
      float* values = reinterpret_cast<float*>(sums);
      epilogue_.run(buffers, {values, plan.ld, pixels.first, pixels.count, chunk.c0, chunk.cn});
      return;
    }
    int32_t* y = buffers.get<int32_t>(problem_.y) + pixels.first * problem_.shape.c + chunk.c0;
    for (int p = 0; p < pixels.count; p++, y += problem_.shape.c)
      std::memcpy(y, sums + p * plan.ld, static_cast<size_t>(chunk.cn) * 4);
  }

  const Variant& variant_;
  qconv::Problem problem_;
  Layout layout_;
  PackedWeights weights_;
  std::vector<int> zeros_;  // of each channel's weights; empty where all are 0
  Epilogue epilogue_;
  std::vector<int64_t> offsets_;
  size_t pointerBytes_, sumBytes_, panelBytes_;
};

qconv::Problem problemOf(const Instruction& in) {
  const int c = in.field(11);
  return {in.field(0),
          in.field(3),
          in.field(7),
          qconv::numbersOf(in.field(1), in.field(2), in.field(4), in.field(5), in.field(6)),
          {in.field(8), in.field(9), in.field(10), c, in.field(12), in.field(13), c, in.field(14),
           in.field(15), in.field(16), in.field(17), in.field(18), in.field(19), in.field(20),
           in.field(21), c},
          qconv::Method::cheapest,
          in.field(22),
          -1,
          -1};
}

std::unique_ptr<Step> build(const Instruction& instruction, BuildContext& context) {
  const qconv::Problem problem = problemOf(instruction);
  const qconv::Claim claim = qconv::claimOf(problem, instruction, context);
  if (!claim.valid) return nullptr;
  if (context.isa() == Isa::reference)
    return qconv::makeReference("qdwconv_reference", instruction, problem, claim);
  const Variant* variant = variantFor(context.isa());
  if (variant == nullptr) return nullptr;
  const Numbers& n = problem.numbers;
  Layout layout = layoutOf(problem.shape, n, variant->kernel->lanes, context.threads());
  char key[96];
  std::snprintf(key, sizeof key, "qdwconv %d c%d taps%d w%d %d", variant->kernel->lanes,
                problem.shape.c, layout.taps, n.weightBits, static_cast<int>(n.weightKind));
  auto packed = PackedWeights::of(problem.weights, key, static_cast<size_t>(layout.bytes),
                                  packConstant, &layout, context);
  if (packed.empty()) return nullptr;
  return std::make_unique<QdwconvStep>(*variant, instruction, problem, std::move(layout),
                                       std::move(packed), claim.zeros, context.isa());
}

}  // namespace

std::unique_ptr<WeightPacking> packingFor(const ConvShape& shape, const Numbers& numbers, Isa isa) {
  if (!qconv::canRun(shape, numbers)) return nullptr;
  if (isa == Isa::reference)
    return qconv::referencePacking(shape.c, shape.kh * shape.kw, 1, numbers);
  const Variant* variant = variantFor(isa);
  if (variant == nullptr) return nullptr;
  return std::make_unique<Packing>(layoutOf(shape, numbers, variant->kernel->lanes, 1));
}

}  // namespace qdwconv

std::unique_ptr<Step> make_qdwconv(const Instruction& instruction, BuildContext& context) {
  return qdwconv::build(instruction, context);
}

}  // namespace bitplane
