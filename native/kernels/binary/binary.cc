// The binary step: joins the box, walks its rows, gathers operands whose innermost stride is
// neither 0 nor 1. Not here: arithmetic on rows (generic.h).
#include "kernels/binary/binary.h"

#include <cmath>

#include "kernels/box.h"
#include "kernels/sweep.h"

namespace bitplane {

#define BITPLANE_BINARY(isa, name) \
  namespace isa { \
  void binaryRow(const BinaryOp&, const float*, int, const float*, int, float*, int64_t); \
  }
#include "kernels/binary/variants.inc"
#undef BITPLANE_BINARY

namespace {

struct Variant {
  Isa isa;
  BinaryFn run;
  const char* name;
};
constexpr Variant kVariants[] = {
#define BITPLANE_BINARY(isa, name) {Isa::isa, isa::binaryRow, name},
#include "kernels/binary/variants.inc"
#undef BITPLANE_BINARY
};

constexpr int kGather = 256;  // floats gathered at a time

class BinaryStep final : public Step {
 public:
  BinaryStep(const Instruction& in, const BuildContext& context)
      : buffers_{in.field(0), in.field(1)},
        y_(in.field(2)),
        op_(in.field(3)),
        row_{static_cast<EpilogueOp>(in.field(3)), in.real(22), in.real(23)},
        variant_(kVariants[1]) {
    for (const Variant& v : kVariants) {
      if (v.isa == context.isa()) variant_ = v;
    }
    Box<2> box;
    for (int d = 0; d < kBoxDims; d++)
      box.push(in.field(4 + d), {in.field(10 + d), in.field(16 + d)});
    box_ = box.joined();
    elements_ = box_.elements();
    tasks_ = tasksFor(elements_ / (op_ >= kPow ? 1 : 16), context.threads());
  }

  int tasks() const override { return elements_ > 0 ? tasks_ : 0; }
  size_t scratchBytes() const override { return 2 * kGather * 4; }
  const char* kernelName() const override {
    if (op_ == kRemainder) return "binary_f32_remainder";
    return op_ == kPow ? "binary_f32_pow" : variant_.name;
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const int outer = box_.rank - 1;
    const int64_t row = box_.size[outer];
    const Range part = partOf(elements_, tasks_, task, 16);
    float* y = buffers.get<float>(y_);
    for (int64_t i = part.begin; i < part.end;) {
      const int64_t inside = i % row;
      int64_t count = std::min(row - inside, part.end - i);
      const float* operand[2];
      int step[2];
      for (int k = 0; k < 2; k++) {
        const int64_t stride = box_.stride[k][outer];
        operand[k] = buffers.get<const float>(buffers_[k]) + box_.offset(k, outer, i / row) +
                     inside * stride;
        step[k] = static_cast<int>(stride);
        if (stride != 0 && stride != 1) count = std::min<int64_t>(count, kGather);
      }
      for (int k = 0; k < 2; k++) {
        const int64_t stride = box_.stride[k][outer];
        if (stride == 0 || stride == 1) continue;
        float* gathered = static_cast<float*>(scratch) + k * kGather;
        for (int64_t j = 0; j < count; j++) gathered[j] = operand[k][j * stride];
        operand[k] = gathered;
        step[k] = 1;
      }
      if (op_ == kPow) {
        for (int64_t j = 0; j < count; j++) {
          const double base = operand[0][j * step[0]];
          const double power = operand[1][j * step[1]];
          y[i + j] = static_cast<float>(std::pow(base, power));
        }
      } else if (op_ == kRemainder) {
        for (int64_t j = 0; j < count; j++)
          y[i + j] = std::fmod(operand[0][j * step[0]], operand[1][j * step[1]]);
      } else {
        variant_.run(row_, operand[0], step[0], operand[1], step[1], y + i, count);
      }
      i += count;
    }
  }

 private:
  int buffers_[2];
  int y_;
  int32_t op_;
  BinaryOp row_;
  Variant variant_;
  Box<2> box_;
  int64_t elements_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_binary(const Instruction& instruction, BuildContext& context) {
  return std::make_unique<BinaryStep>(instruction, context);
}

}  // namespace bitplane
