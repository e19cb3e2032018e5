// The step of the pool gradients: a task is a run of units, a unit some rows of one image and up to
// 64 channels. For maxima it keeps the largest elements of the window rows that the row at hand
// lies in, so that each is found once a unit. Not here: the loops (generic.h).
#include "kernels/epilogue/epilogue.h"
#include "kernels/poolgrad/tables.h"
#include "kernels/sweep.h"

namespace bitplane {

using GradientFn = void (*)(const PoolGradPart&);
using LargestFn = void (*)(const LargestPart&);

#define BITPLANE_POOLGRAD(isa, maximum, average) \
  namespace isa { \
  void maximumGradient(const PoolGradPart&); \
  void averageGradient(const PoolGradPart&); \
  void largestOf(const LargestPart&); \
  }
#include "kernels/poolgrad/variants.inc"
#undef BITPLANE_POOLGRAD

namespace {

struct Variant {
  Isa isa;
  GradientFn maximum, average;
  LargestFn largest;
  const char *maximumName, *averageName;
};
constexpr Variant kVariants[] = {
#define BITPLANE_POOLGRAD(isa, maximum, average) \
  {Isa::isa, isa::maximumGradient, isa::averageGradient, isa::largestOf, maximum, average},
#include "kernels/poolgrad/variants.inc"
#undef BITPLANE_POOLGRAD
};

const Variant& variantFor(Isa isa) {
  for (const Variant& v : kVariants) {
    if (v.isa == isa) return v;
  }
  return kVariants[1];
}

constexpr int kChannels = 64;  // of a unit
constexpr int kPixels = 64;    // that the epilogue takes at a time

struct Geometry {
  PoolGradKind kind;
  int images, channels;
  WindowAxis rows, columns;
  int bottom, right;

  bool isMaximum() const { return kind == PoolGradKind::maximum; }
};

class PoolGradStep final : public Step {
 public:
  PoolGradStep(const Instruction& in, const Geometry& geometry, const BuildContext& context)
      : g_(geometry),
        variant_(variantFor(context.isa())),
        dy_(in.field(0)),
        x_(in.field(1)),
        rows_(g_.rows, g_.bottom, g_.kind == PoolGradKind::averageWithPadding),
        columns_(g_.columns, g_.right, g_.kind == PoolGradKind::averageWithPadding),
        kept_(g_.isMaximum() ? rows_.mostOutputs() : 0),
        ld_(roundUp<int64_t>(std::min(g_.channels, kChannels), 16)),
        epilogue_(context.isa(), decodeEpilogue(in), g_.channels,
                  int64_t{g_.rows.size} * g_.columns.size) {
    const int64_t taps = int64_t{g_.rows.taps} * g_.columns.taps;
    const int64_t pixels = int64_t{g_.images} * g_.rows.size * g_.columns.size;
    const int64_t windows = int64_t{g_.images} * g_.rows.outputs * g_.columns.outputs;
    const int wanted =
        tasksFor((pixels + windows * taps * (g_.isMaximum() ? 2 : 1)) * ceilDiv(g_.channels, 16),
                 context.threads());
    chunks_ = ceilDiv(g_.channels, kChannels);
    const int64_t whole = int64_t{g_.images} * chunks_;
    bands_ = static_cast<int>(std::min<int64_t>(g_.rows.size, ceilDiv<int64_t>(wanted, whole)));
    tasks_ = static_cast<int>(std::min<int64_t>(whole * bands_, wanted));
  }

  int tasks() const override { return tasks_; }
  size_t scratchBytes() const override {
    return static_cast<size_t>((keptPixels() + kPixels) * ld_) * 4 + 2 * kSlack;
  }
  size_t tableBytes() const override { return rows_.bytes() + columns_.bytes(); }
  const char* kernelName() const override {
    return g_.isMaximum() ? variant_.maximumName : variant_.averageName;
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const Range units = partOf(int64_t{g_.images} * chunks_ * bands_, tasks_, task);
    for (int64_t unit = units.begin; unit < units.end; unit++)
      runUnit(static_cast<int>(unit / (chunks_ * bands_)),
              static_cast<int>(unit / bands_ % chunks_) * kChannels,
              partOf(g_.rows.size, bands_, static_cast<int>(unit % bands_)), buffers,
              static_cast<float*>(scratch));
  }

 private:
  int64_t keptPixels() const { return int64_t{kept_} * g_.columns.outputs; }

  void runUnit(int image, int c0, Range band, const Buffers& buffers, float* scratch) const {
    const int h = g_.rows.size, w = g_.columns.size, c = g_.channels;
    float* block = scratch + keptPixels() * ld_;
    PoolGradPart part = {};
    part.dy =
        buffers.get<const float>(dy_) + int64_t{image} * g_.rows.outputs * g_.columns.outputs * c;
    const PoolAxis rows = rows_.view(), columns = columns_.view();
    part.rows = &rows;
    part.columns = &columns;
    part.c = c;
    part.c0 = c0;
    part.cn = std::min(kChannels, c - c0);
    part.out = block;
    part.ld = ld_;
    part.largest = scratch;
    part.kept = kept_;
    int found = 0;  // window rows whose largest elements are kept: up to here
    for (int64_t i = band.begin; i < band.end; i++) {
      if (g_.isMaximum())
        found = keepLargest(image, static_cast<int>(i), found, part, buffers, scratch);
      part.i = static_cast<int>(i);
      for (part.j = 0; part.j < w; part.j += kPixels) {
        part.count = std::min(kPixels, w - part.j);
        (g_.isMaximum() ? variant_.maximum : variant_.average)(part);
        epilogue_.run(buffers,
                      {block, ld_, (int64_t{image} * h + i) * w + part.j, part.count, c0, part.cn});
      }
    }
  }

  // Finds what row i needs beyond window row `found`; where it needs later rows alone, those before
  // are passed over.
  int keepLargest(int image, int i, int found, const PoolGradPart& part, const Buffers& buffers,
                  float* scratch) const {
    const Span outputs = rows_.outputsOf(i);
    LargestPart largest = {};
    largest.x = buffers.get<const float>(x_) +
                int64_t{image} * g_.rows.size * g_.columns.size * g_.channels;
    largest.rows = part.rows;
    largest.columns = part.columns;
    largest.c = part.c;
    largest.c0 = part.c0;
    largest.cn = part.cn;
    largest.ld = ld_;
    for (int p = std::max(found, outputs.from); p < outputs.to; p++) {
      largest.p = p;
      largest.out = scratch + int64_t{p % kept_} * g_.columns.outputs * ld_;
      variant_.largest(largest);
    }
    return std::max(found, outputs.to);
  }

  Geometry g_;
  const Variant& variant_;
  int dy_, x_;
  AxisTables rows_, columns_;
  int kept_;  // window rows
  int64_t ld_;
  Epilogue epilogue_;
  int chunks_, bands_, tasks_;
};

}  // namespace

std::unique_ptr<Step> make_poolgrad(const Instruction& in, BuildContext& context) {
  const auto at = [&](int i) { return in.field(i); };
  const Geometry geometry = {static_cast<PoolGradKind>(at(2)),
                             at(3),
                             at(6),
                             {at(4), at(8), at(10), at(12), at(14), at(16)},
                             {at(5), at(9), at(11), at(13), at(15), at(17)},
                             at(18),
                             at(19)};
  if (geometry.isMaximum() && at(1) < 0) return nullptr;
  if (int64_t{at(4)} * at(5) != at(7)) return nullptr;
  return std::make_unique<PoolGradStep>(in, geometry, context);
}

}  // namespace bitplane
