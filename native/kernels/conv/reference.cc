// The convolution as its formula says: the oracle, for the depthwise convolution too. Sums are
// double.
#include "kernels/conv/reference_step.h"

namespace bitplane {

namespace {

struct ConvFormula {
  static constexpr const char* kName = "conv_f32_reference";
  static double sum(const ReferenceOperands& in, int n, int oy, int ox, int o) {
    const ConvShape& s = in.shape;
    const int depth = s.c / s.g;
    const int group = o / (s.o / s.g);
    double total = 0;
    for (int ky = 0; ky < s.kh; ky++) {
      for (int kx = 0; kx < s.kw; kx++) {
        const int y = oy * s.sh - s.pt + ky * s.dh;
        const int xx = ox * s.sw - s.pl + kx * s.dw;
        if (y < 0 || y >= s.h || xx < 0 || xx >= s.w) continue;
        for (int i = 0; i < depth; i++) {
          const float a = in.x[((int64_t{n} * s.h + y) * s.w + xx) * s.c + group * depth + i];
          total +=
              static_cast<double>(a) * weightAt(in.weights, in.weightBits,
                                                ((int64_t{o} * s.kh + ky) * s.kw + kx) * depth + i);
        }
      }
    }
    return total;
  }
};

}  // namespace

std::unique_ptr<Step> makeReferenceConv(const Instruction& instruction, const ConvShape& shape,
                                        const void* weights, int buffer, int weightBits) {
  return std::make_unique<ReferenceStep<ConvFormula>>(instruction, shape, weights, buffer,
                                                      weightBits);
}

namespace {

class OverFloats final : public Step {
 public:
  OverFloats(std::vector<float> floats, std::unique_ptr<Step> conv, const char* kernelName)
      : floats_(std::move(floats)), conv_(std::move(conv)), kernelName_(kernelName) {}
  int tasks() const override { return conv_->tasks(); }
  size_t scratchBytes() const override { return conv_->scratchBytes(); }
  size_t tableBytes() const override { return floats_.size() * 4; }
  const char* kernelName() const override { return kernelName_; }
  void run(int task, const Buffers& buffers, void* scratch) const override {
    conv_->run(task, buffers, scratch);
  }

 private:
  std::vector<float> floats_;
  std::unique_ptr<Step> conv_;
  const char* kernelName_;
};

}  // namespace

std::unique_ptr<Step> makeReferenceConvOver(const Instruction& instruction, const ConvShape& shape,
                                            std::vector<float> floats, const char* kernelName) {
  // A vector keeps its memory when it is moved.
  const float* data = floats.data();
  return std::make_unique<OverFloats>(
      std::move(floats), makeReferenceConv(instruction, shape, data, -1, 32), kernelName);
}

namespace {

class ReferencePacking final : public WeightPacking {
 public:
  ReferencePacking(int outputs, int taps, int channels, int weightBits)
      : rows_(int64_t{outputs} * taps), channels_(channels), weightBits_(weightBits) {}
  size_t bytes() const override {
    const int64_t elements = rows_ * channels_;
    return static_cast<size_t>(weightBits_ == 32 ? elements * 4 : ceilDiv<int64_t>(elements, 8));
  }
  int parts() const override { return 1; }
  void pack(int, const void* weights, void* packed) const override {
    std::memset(packed, 0, bytes());
    const int64_t pitch = tapPitch(weightBits_, channels_);
    for (int64_t row = 0; row < rows_; row++) {
      for (int c = 0; c < channels_; c++) {
        const float w = weightAt(weights, weightBits_, row * pitch + c);
        const int64_t i = row * channels_ + c;
        if (weightBits_ == 32)
          static_cast<float*>(packed)[i] = w;
        else if (w < 0)
          static_cast<uint8_t*>(packed)[i / 8] |= static_cast<uint8_t>(1 << i % 8);
      }
    }
  }

 private:
  int64_t rows_;
  int channels_, weightBits_;
};

}  // namespace

std::unique_ptr<WeightPacking> referencePacking(int outputs, int taps, int channels,
                                                int weightBits) {
  return std::make_unique<ReferencePacking>(outputs, taps, channels, weightBits);
}

}  // namespace bitplane
