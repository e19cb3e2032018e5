// See step.h.
#include "kernels/window/step.h"

#include "kernels/epilogue/epilogue.h"
#include "kernels/sweep.h"

namespace bitplane {

#define BITPLANE_WINDOW(isa, dwconv, f32, i8, u8) \
  namespace isa { \
  void foldWindow(Fold, const Window&, const WindowPart&); \
  }
#include "kernels/window/variants.inc"
#undef BITPLANE_WINDOW

namespace {

struct Variant {
  Isa isa;
  WindowFn run;
  const char* dwconv;
  const char* pools[3];  // by ElementType
};
constexpr Variant kVariants[] = {
#define BITPLANE_WINDOW(isa, dwconv, f32, i8, u8) \
  {Isa::isa, isa::foldWindow, dwconv, {f32, i8, u8}},
#include "kernels/window/variants.inc"
#undef BITPLANE_WINDOW
};

const Variant& variantFor(Isa isa) {
  for (const Variant& v : kVariants) {
    if (v.isa == isa) return v;
  }
  return kVariants[0];
}

class WindowStep final : public Step {
 public:
  WindowStep(const Instruction& instruction, const WindowStepOptions& options,
             const BuildContext& context)
      : o_(options),
        variant_(variantFor(context.isa())),
        x_(instruction.field(0)),
        epilogue_(context.isa(), decodeEpilogue(instruction), options.window.c,
                  int64_t{options.window.oh} * options.window.ow),
        // 256 channels at a time, because then the rows that windows share stay in L1 until they
        // are used again. Taps outside of the picture are no work.
        sweep_(planSweep(
            int64_t{o_.images} * o_.window.oh * o_.window.ow, o_.window.c, 256,
            int64_t{std::min(o_.window.kh, o_.window.h)} * std::min(o_.window.kw, o_.window.w),
            context.threads())) {
    const int64_t input = int64_t{o_.window.h} * o_.window.w;
    const int64_t output = int64_t{o_.window.oh} * o_.window.ow;
    isFar_ = o_.fold == Fold::weighted &&
             o_.images * std::max(input, output) * o_.window.c * 4 > kFarBytes;
    alignRows();
  }

  int tasks() const override { return sweep_.tasks(); }
  size_t scratchBytes() const override { return sweep_.blockBytes(); }
  const char* kernelName() const override {
    return o_.fold == Fold::weighted ? variant_.dwconv
                                     : variant_.pools[static_cast<int>(o_.elements.type)];
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const Window& w = o_.window;
    const char* x = buffers.get<const char>(x_);
    const float* weights = o_.weights.empty() ? nullptr : o_.weights.at<float>(buffers);
    float* block = static_cast<float*>(scratch);
    sweep_.each(task, [&](int64_t pixel, int count, int c0, int cn) {
      for (int done = 0; done < count;) {
        const int64_t at = pixel + done;
        const int64_t row = at / w.ow;
        WindowPart part = {};
        part.x = x + o_.elements.bytes(row / w.oh * w.h * w.w * w.c);
        part.elements = o_.elements;
        part.weights = weights;
        part.weightLd = o_.weightLd;
        part.divisor = o_.divisor;
        part.oy = static_cast<int>(row % w.oh);
        part.ox = static_cast<int>(at % w.ow);
        part.count = std::min(count - done, w.ow - part.ox);
        part.c0 = c0;
        part.cn = cn;
        part.out = block + done * sweep_.ld;
        part.ld = sweep_.ld;
        AheadOf ahead = isFar_ ? aheadOf(buffers, part, row / w.oh, at) : AheadOf();
        part.ahead = &ahead;
        variant_.run(o_.fold, w, part);
        done += part.count;
      }
      epilogue_.run(buffers, {block, sweep_.ld, pixel, count, c0, cn});
    });
  }

 private:
  // Maps of so many bytes come from memory: asking for them ahead then halves the time. Of 5 MB it
  // costs a tenth.
  static constexpr int64_t kFarBytes = 8 << 20;

  // Blocks end where rows do, or at equal parts of a row, so that no tile is cut short.
  void alignRows() {
    const int ow = o_.window.ow;
    sweep_.blockPixels = sweep_.blockPixels >= ow ? sweep_.blockPixels / ow * ow
                                                  : ceilDiv(ow, ceilDiv(ow, sweep_.blockPixels));
    if (sweep_.pixels / ow >= sweep_.pixelTasks) sweep_.grain = ow;
  }

  // While a part of a row is computed: what the same part of the next row reads and this one did
  // not, and where this one goes, from `pixel` on.
  AheadOf aheadOf(const Buffers& buffers, const WindowPart& part, int64_t image,
                  int64_t pixel) const {
    const Window& w = o_.window;
    const int64_t calls = int64_t{ceilDiv(part.count, 8)} * ceilDiv(part.cn, 16);
    AheadOf ahead = epilogue_.ahead(buffers, pixel, part.count, part.c0, part.cn, calls);
    const int last = std::min(w.h, w.rows().at(part.oy + 1, w.kh - 1) + 1);
    const int columns = std::min(part.count * w.sw, w.w);
    const int first = std::clamp(w.columns().start(part.ox), 0, w.w - columns);
    const float* x = buffers.get<const float>(x_) + part.c0;
    for (int y = std::max(0, last - w.sh); y < last; y++) {
      const int64_t at = ((image * w.h + y) * w.w + first) * w.c;
      ahead.add(Ahead(x + at, int64_t{w.c} * 4, int64_t{part.cn} * 4, columns, calls));
    }
    return ahead;
  }

  WindowStepOptions o_;
  const Variant& variant_;
  int x_;
  Epilogue epilogue_;
  Sweep sweep_;
  bool isFar_ = false;
};

}  // namespace

std::unique_ptr<Step> makeWindowStep(const Instruction& instruction,
                                     const WindowStepOptions& options, BuildContext& context) {
  return std::make_unique<WindowStep>(instruction, options, context);
}

}  // namespace bitplane
