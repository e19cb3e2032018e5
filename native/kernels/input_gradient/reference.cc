// The input gradient as its formula says: the oracle. Sums are double.
#include "kernels/input_gradient/reference.h"

#include "kernels/epilogue/epilogue.h"

namespace bitplane {
namespace input_gradient {

namespace {

class ReferenceStep final : public Step {
 public:
  ReferenceStep(const Instruction& instruction, const ConvShape& shape, const void* weights,
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
  const char* kernelName() const override { return "input_gradient_f32_reference"; }

  void run(int, const Buffers& buffers, void* scratch) const override {
    const float* dy = buffers.get<const float>(x_);
    const void* weights = weights_ != nullptr ? weights_ : buffers.get<const void>(buffer_);
    float* sums = static_cast<float*>(scratch);
    int64_t pixel = 0;
    for (int n = 0; n < s_.n; n++) {
      for (int i = 0; i < s_.oh; i++) {
        for (int j = 0; j < s_.ow; j++) {
          for (int o = 0; o < s_.o; o++) sums[o] = static_cast<float>(sum(dy, weights, n, i, j, o));
          epilogue_.run(buffers, {sums, s_.o, pixel++, 1, 0, s_.o});
        }
      }
    }
  }

 private:
  double sum(const float* dy, const void* weights, int n, int i, int j, int o) const {
    const int depth = s_.c / s_.g, inner = s_.o / s_.g;
    const int group = o / inner;
    double total = 0;
    for (int ky = 0; ky < s_.kh; ky++) {
      // The output whose tap ky lies at row i: oy sh - pt + ky dh = i.
      const int up = i + s_.pt - ky * s_.dh, oy = up / s_.sh;
      if (up < 0 || up % s_.sh != 0 || oy >= s_.h) continue;
      for (int kx = 0; kx < s_.kw; kx++) {
        const int left = j + s_.pl - kx * s_.dw, ox = left / s_.sw;
        if (left < 0 || left % s_.sw != 0 || ox >= s_.w) continue;
        for (int c = group * depth; c < (group + 1) * depth; c++) {
          const float g = dy[((int64_t{n} * s_.h + oy) * s_.w + ox) * s_.c + c];
          const int64_t tap = (int64_t{c} * s_.kh + ky) * s_.kw + kx;
          total += static_cast<double>(g) *
                   weightAt(weights, weightBits_, tap * inner + (o - group * inner));
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

std::unique_ptr<Step> makeReference(const Instruction& instruction, const ConvShape& shape,
                                    const void* weights, int buffer, int weightBits) {
  return std::make_unique<ReferenceStep>(instruction, shape, weights, buffer, weightBits);
}

}  // namespace input_gradient
}  // namespace bitplane
