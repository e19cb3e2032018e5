// The reduction step: tasks are groups of (outer, 64 columns). Not here: arithmetic (generic.h).
#include "kernels/reduce/reduce.h"

#include "kernels/sweep.h"

namespace bitplane {

#define BITPLANE_REDUCE(isa, f32, i8, u8) \
  namespace isa { \
  void reduce(ReduceKind, const ReducePart&); \
  }
#include "kernels/reduce/variants.inc"
#undef BITPLANE_REDUCE

namespace {

struct Variant {
  Isa isa;
  ReduceFn run;
  const char* names[3];  // by ElementType
};
constexpr Variant kVariants[] = {
#define BITPLANE_REDUCE(isa, f32, i8, u8) {Isa::isa, isa::reduce, {f32, i8, u8}},
#include "kernels/reduce/variants.inc"
#undef BITPLANE_REDUCE
};

class ReduceStep final : public Step {
 public:
  ReduceStep(const Instruction& in, const BuildContext& context)
      : x_(in.field(0)),
        y_(in.field(1)),
        kind_(static_cast<ReduceKind>(in.field(2))),
        outer_(in.field(3)),
        k_(in.field(4)),
        inner_(in.field(5)),
        elements_(Elements::of(in.field(6), in.field(7), in.field(8))),
        pieces_(ceilDiv(inner_, kColumns)),
        variant_(kVariants[1]) {
    for (const Variant& v : kVariants) {
      if (v.isa == context.isa()) variant_ = v;
    }
    tasks_ = static_cast<int>(std::min<int64_t>(
        outer_ * pieces_, tasksFor(outer_ * k_ * ceilDiv<int64_t>(inner_, 16), context.threads())));
  }

  int tasks() const override { return tasks_; }
  const char* kernelName() const override {
    return variant_.names[static_cast<int>(elements_.type)];
  }
  void run(int task, const Buffers& buffers, void*) const override {
    const Range part = partOf(outer_ * pieces_, tasks_, task);
    for (int64_t i = part.begin; i < part.end; i++) {
      const int64_t outer = i / pieces_;
      const int64_t column = i % pieces_ * kColumns;
      const char* x = buffers.get<const char>(x_) + elements_.bytes(outer * k_ * inner_ + column);
      float* y = buffers.get<float>(y_) + outer * inner_ + column;
      variant_.run(kind_, {x, y, k_, inner_, std::min(kColumns, inner_ - column), elements_});
    }
  }

 private:
  static constexpr int64_t kColumns = 64;
  int x_, y_;
  ReduceKind kind_;
  int64_t outer_, k_, inner_;
  Elements elements_;
  int64_t pieces_;
  Variant variant_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_reduce(const Instruction& instruction, BuildContext& context) {
  if (!Elements::of(instruction.field(6), 0, 0).known()) return nullptr;
  return std::make_unique<ReduceStep>(instruction, context);
}

}  // namespace bitplane
