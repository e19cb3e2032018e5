// The softmax step: tasks are groups of rows. Not here: arithmetic (generic.h).
#include "kernels/softmax/softmax.h"

#include "kernels/sweep.h"

namespace bitplane {

#define BITPLANE_SOFTMAX(isa, name) \
  namespace isa { \
  void softmax(const float*, float*, int64_t); \
  }
#include "kernels/softmax/variants.inc"
#undef BITPLANE_SOFTMAX

namespace {

struct Variant {
  Isa isa;
  SoftmaxFn run;
  const char* name;
};
constexpr Variant kVariants[] = {
#define BITPLANE_SOFTMAX(isa, name) {Isa::isa, isa::softmax, name},
#include "kernels/softmax/variants.inc"
#undef BITPLANE_SOFTMAX
};

class SoftmaxStep final : public Step {
 public:
  SoftmaxStep(const Instruction& in, const BuildContext& context)
      : x_(in.field(0)),
        y_(in.field(1)),
        rows_(in.field(2)),
        c_(in.field(3)),
        variant_(kVariants[1]) {
    for (const Variant& v : kVariants) {
      if (v.isa == context.isa()) variant_ = v;
    }
    constexpr int kVectorWork = 32;  // an exponential of 16 values, in ns at worst
    tasks_ = static_cast<int>(std::min<int64_t>(
        rows_, tasksFor(rows_ * ceilDiv<int64_t>(c_, 16) * kVectorWork, context.threads())));
  }

  int tasks() const override { return tasks_; }
  const char* kernelName() const override { return variant_.name; }
  void run(int task, const Buffers& buffers, void*) const override {
    const Range part = partOf(rows_, tasks_, task);
    for (int64_t r = part.begin; r < part.end; r++) {
      variant_.run(buffers.get<const float>(x_) + r * c_, buffers.get<float>(y_) + r * c_, c_);
    }
  }

 private:
  int x_, y_;
  int64_t rows_, c_;
  Variant variant_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_softmax(const Instruction& instruction, BuildContext& context) {
  return std::make_unique<SoftmaxStep>(instruction, context);
}

}  // namespace bitplane
