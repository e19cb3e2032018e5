// The chain alone: y = chain(float(x)), x [N, HW, C] of f32, i32 (rounded to the nearest float) or bits (1 = -1). One variant: the work is
// in the chain, which has its own; converting is a plain loop that compilers vectorise.
#include <cstring>

#include "kernels/epilogue/epilogue.h"
#include "kernels/sweep.h"

namespace bitplane {

namespace {

enum class MapInput : int32_t { f32, i32, b1 };

// n channels from c0 on, a multiple of 64, of one pixel.
void expandBits(const uint64_t* words, int c0, int n, float* out) {
  for (int c = 0; c < n; c += 64) {
    const uint64_t word = words[(c0 + c) / 64];
    const int count = std::min(64, n - c);
    for (int i = 0; i < count; i++) {
      const uint32_t bits = 0x3f800000u | static_cast<uint32_t>(word >> i & 1) << 31;
      std::memcpy(out + c + i, &bits, 4);
    }
  }
}

class MapStep final : public Step {
 public:
  MapStep(const Instruction& in, const BuildContext& context)
      : x_(in.field(0)), type_(static_cast<MapInput>(in.field(1))), channels_(in.field(4)), hw_(in.field(3)), steps_(decodeChain(in)),
        chain_(chainFor(context.isa())), name_(chainName(context.isa())),
        sweep_(planSweep(int64_t{in.field(2)} * hw_, channels_, in.chainLength + 1, context.threads())) {}

  int tasks() const override { return sweep_.tasks(); }
  size_t scratchBytes() const override { return sweep_.blockBytes(); }
  const char* kernelName() const override { return name_; }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const ChainView chain = {steps_.data(), static_cast<int>(steps_.size()), channels_, hw_};
    float* block = static_cast<float*>(scratch);
    sweep_.each(task, [&](int64_t pixel, int count, int c0, int cn) {
      for (int r = 0; r < count; r++) convert(buffers, pixel + r, c0, cn, block + r * sweep_.ld);
      chain_(chain, buffers, block, sweep_.ld, pixel, count, c0, cn);
    });
  }

 private:
  void convert(const Buffers& buffers, int64_t pixel, int c0, int cn, float* out) const {
    switch (type_) {
      case MapInput::f32:
        std::memcpy(out, buffers.get<const float>(x_) + pixel * channels_ + c0, static_cast<size_t>(cn) * 4);
        return;
      case MapInput::i32: {
        const int32_t* x = buffers.get<const int32_t>(x_) + pixel * channels_ + c0;
        for (int c = 0; c < cn; c++) out[c] = static_cast<float>(x[c]);
        return;
      }
      case MapInput::b1:
        expandBits(buffers.get<const uint64_t>(x_) + pixel * bitWords(channels_), c0, cn, out);
        return;
    }
  }

  int x_;
  MapInput type_;
  int channels_;
  int64_t hw_;
  std::vector<ChainStep> steps_;
  ChainFn chain_;
  const char* name_;
  Sweep sweep_;
};

}  // namespace

std::unique_ptr<Step> make_map(const Instruction& instruction, BuildContext& context) {
  return std::make_unique<MapStep>(instruction, context);
}

}  // namespace bitplane
