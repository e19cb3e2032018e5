// The convolution as its formula says: the oracle, for the depthwise convolution too. Sums are
// double.
#include "kernels/conv/conv.h"
#include "kernels/epilogue/epilogue.h"

namespace bitplane {

namespace {

class ReferenceConv final : public Step {
 public:
  ReferenceConv(const Instruction& instruction, const ConvShape& shape, const void* weights,
                int buffer, int weightBits)
      : s_(shape),
        x_(instruction.field(0)),
        weights_(weights),
        buffer_(buffer),
        weightBits_(weightBits),
        epilogue_(Isa::reference, decodeEpilogue(instruction), shape.o,
                  int64_t{shape.oh} * shape.ow) {}
  int tasks() const override { return 1; }
  size_t scratchBytes() const override { return static_cast<size_t>(s_.o) * 4 + kSlack; }
  const char* kernelName() const override { return "conv_f32_reference"; }

  void run(int, const Buffers& buffers, void* scratch) const override {
    const float* x = buffers.get<const float>(x_);
    const void* weights = weights_ != nullptr ? weights_ : buffers.get<const void>(buffer_);
    float* sums = static_cast<float*>(scratch);
    int64_t pixel = 0;
    for (int n = 0; n < s_.n; n++) {
      for (int oy = 0; oy < s_.oh; oy++) {
        for (int ox = 0; ox < s_.ow; ox++) {
          for (int o = 0; o < s_.o; o++)
            sums[o] = static_cast<float>(sum(x, weights, n, oy, ox, o));
          epilogue_.run(buffers, {sums, s_.o, pixel++, 1, 0, s_.o});
        }
      }
    }
  }

 private:
  double sum(const float* x, const void* weights, int n, int oy, int ox, int o) const {
    const int depth = s_.c / s_.g;
    const int group = o / (s_.o / s_.g);
    double total = 0;
    for (int ky = 0; ky < s_.kh; ky++) {
      for (int kx = 0; kx < s_.kw; kx++) {
        const int y = oy * s_.sh - s_.pt + ky * s_.dh;
        const int xx = ox * s_.sw - s_.pl + kx * s_.dw;
        if (y < 0 || y >= s_.h || xx < 0 || xx >= s_.w) continue;
        for (int i = 0; i < depth; i++) {
          const float a = x[((int64_t{n} * s_.h + y) * s_.w + xx) * s_.c + group * depth + i];
          total +=
              static_cast<double>(a) *
              weightAt(weights, weightBits_, ((int64_t{o} * s_.kh + ky) * s_.kw + kx) * depth + i);
        }
      }
    }
    return total;
  }

  ConvShape s_;
  int x_;
  const void* weights_;
  int buffer_;
  int weightBits_;
  Epilogue epilogue_;
};

}  // namespace

std::unique_ptr<Step> makeReferenceConv(const Instruction& instruction, const ConvShape& shape,
                                        const void* weights, int buffer, int weightBits) {
  return std::make_unique<ReferenceConv>(instruction, shape, weights, buffer, weightBits);
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
