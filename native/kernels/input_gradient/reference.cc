// The input gradient as its formula says: the oracle. Sums are double.
#include "kernels/input_gradient/reference.h"

#include "kernels/conv/reference_step.h"

namespace bitplane {
namespace input_gradient {

namespace {

struct InputGradientFormula {
  static constexpr const char* kName = "input_gradient_f32_reference";
  static double sum(const ReferenceOperands& in, int n, int i, int j, int o) {
    const ConvShape& s = in.shape;
    const int depth = s.c / s.g, inner = s.o / s.g;
    const int group = o / inner;
    double total = 0;
    for (int ky = 0; ky < s.kh; ky++) {
      // The output whose tap ky lies at row i: oy sh - pt + ky dh = i.
      const int up = i + s.pt - ky * s.dh, oy = up / s.sh;
      if (up < 0 || up % s.sh != 0 || oy >= s.h) continue;
      for (int kx = 0; kx < s.kw; kx++) {
        const int left = j + s.pl - kx * s.dw, ox = left / s.sw;
        if (left < 0 || left % s.sw != 0 || ox >= s.w) continue;
        for (int c = group * depth; c < (group + 1) * depth; c++) {
          const float g = in.x[((int64_t{n} * s.h + oy) * s.w + ox) * s.c + c];
          const int64_t tap = (int64_t{c} * s.kh + ky) * s.kw + kx;
          total += static_cast<double>(g) *
                   weightAt(in.weights, in.weightBits, tap * inner + (o - group * inner));
        }
      }
    }
    return total;
  }
};

}  // namespace

std::unique_ptr<Step> makeReference(const Instruction& instruction, const ConvShape& shape,
                                    const void* weights, int buffer, int weightBits) {
  return std::make_unique<ReferenceStep<InputGradientFormula>>(instruction, shape, weights, buffer,
                                                               weightBits);
}

}  // namespace input_gradient
}  // namespace bitplane
