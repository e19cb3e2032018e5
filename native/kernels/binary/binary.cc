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
    const Range part = partOf(elements_, tasks_, task, 16);
    float* y = buffers.get<float>(y_);
    const int64_t strides[] = {box_.stride[0][box_.rank - 1], box_.stride[1][box_.rank - 1]};
    const auto gathers = [&](int k) { return strides[k] != 0 && strides[k] != 1; };
    const int64_t most = gathers(0) || gathers(1) ? kGather : INT64_MAX;
    eachPiece(box_, part.begin, part.end, most, [&](int64_t i, int64_t count, const int64_t* at) {
      const float* operand[2];
      int step[2];
      for (int k = 0; k < 2; k++) {
        operand[k] = buffers.get<const float>(buffers_[k]) + at[k];
        step[k] = static_cast<int>(strides[k]);
        if (!gathers(k)) continue;
        float* gathered = static_cast<float*>(scratch) + k * kGather;
        for (int64_t j = 0; j < count; j++) gathered[j] = operand[k][j * strides[k]];
        operand[k] = gathered;
        step[k] = 1;
      }
      compute(operand, step, y + i, count);
    });
  }

 private:
  void compute(const float* const (&operand)[2], const int (&step)[2], float* y,
               int64_t count) const {
    if (op_ == kPow) {
      for (int64_t j = 0; j < count; j++) {
        const double base = operand[0][j * step[0]];
        const double power = operand[1][j * step[1]];
        y[j] = static_cast<float>(std::pow(base, power));
      }
    } else if (op_ == kRemainder) {
      for (int64_t j = 0; j < count; j++)
        y[j] = std::fmod(operand[0][j * step[0]], operand[1][j * step[1]]);
    } else {
      variant_.run(row_, operand[0], step[0], operand[1], step[1], y, count);
    }
  }

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
