// The weight gradient as its formula says: the oracle. Sums are double.
#include "kernels/weight_gradient/reference.h"

namespace bitplane {
namespace weight_gradient {

namespace {

class ReferenceStep final : public Step {
 public:
  ReferenceStep(const Instruction& in, const ConvShape& shape, bool isBits, int parts)
      : s_(shape),
        x_(in.field(0)),
        dy_(in.field(1)),
        y_(in.field(2)),
        isBits_(isBits),
        parts_(parts) {}
  int tasks() const override { return 1; }
  const char* kernelName() const override { return "weight_gradient_f32_reference"; }

  void run(int, const Buffers& buffers, void*) const override {
    const void* x = buffers.get<const void>(x_);
    const float* dy = buffers.get<const float>(dy_);
    float* y = buffers.get<float>(y_);
    const int depth = s_.c / s_.g;
    int64_t at = 0;
    for (int o = 0; o < s_.o; o++) {
      for (int ky = 0; ky < s_.kh; ky++) {
        for (int kx = 0; kx < s_.kw; kx++) {
          for (int i = 0; i < depth; i++)
            y[at++] = static_cast<float>(sum(x, dy, o, ky, kx, o / (s_.o / s_.g) * depth + i));
        }
      }
    }
    for (const int64_t all = at * parts_; at < all; at++) y[at] = 0;
  }

 private:
  float elementAt(const void* x, int64_t pixel, int c) const {
    if (!isBits_) return static_cast<const float*>(x)[pixel * s_.c + c];
    const uint64_t word = static_cast<const uint64_t*>(x)[pixel * bitWords(s_.c) + c / 64];
    return word >> (c % 64) & 1 ? -1.0f : 1.0f;
  }

  double sum(const void* x, const float* dy, int o, int ky, int kx, int c) const {
    double total = 0;
    for (int n = 0; n < s_.n; n++) {
      for (int oy = 0; oy < s_.oh; oy++) {
        for (int ox = 0; ox < s_.ow; ox++) {
          const int row = oy * s_.sh - s_.pt + ky * s_.dh;
          const int column = ox * s_.sw - s_.pl + kx * s_.dw;
          if (row < 0 || row >= s_.h || column < 0 || column >= s_.w) continue;
          const int64_t pixel = (int64_t{n} * s_.h + row) * s_.w + column;
          total += static_cast<double>(dy[((int64_t{n} * s_.oh + oy) * s_.ow + ox) * s_.o + o]) *
                   elementAt(x, pixel, c);
        }
      }
    }
    return total;
  }

  ConvShape s_;
  int x_, dy_, y_;
  bool isBits_;
  int parts_;
};

}  // namespace

std::unique_ptr<Step> makeReference(const Instruction& instruction, const ConvShape& shape,
                                    bool isBits, int parts) {
  return std::make_unique<ReferenceStep>(instruction, shape, isBits, parts);
}

}  // namespace weight_gradient
}  // namespace bitplane
