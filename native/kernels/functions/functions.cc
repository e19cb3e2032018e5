// The step of a function of C's library, over plain memory.
#include "kernels/functions/functions.h"

#include <cmath>

#include "kernels/sweep.h"

namespace bitplane {

namespace {

constexpr Function kFunctions[] = {std::sin,   std::cos,   std::tan,  std::asin,
                                   std::acos,  std::atan,  std::sinh, std::cosh,
                                   std::asinh, std::acosh, std::atanh};
constexpr int32_t kCount = static_cast<int32_t>(std::size(kFunctions));

class FunctionsStep final : public Step {
 public:
  FunctionsStep(const Instruction& in, int threads)
      : x_(in.field(0)),
        y_(in.field(1)),
        function_(kFunctions[in.field(2)]),
        count_(in.field(3)),
        tasks_(tasksFor(count_ * 16, threads)) {}
  int tasks() const override { return tasks_; }
  const char* kernelName() const override { return "functions_f32"; }
  void run(int task, const Buffers& buffers, void*) const override {
    const Range part = partOf(count_, tasks_, task, 16);
    const float* x = buffers.get<const float>(x_);
    float* y = buffers.get<float>(y_);
    for (int64_t i = part.begin; i < part.end; i++)
      y[i] = static_cast<float>(function_(static_cast<double>(x[i])));
  }

 private:
  int x_, y_;
  Function function_;
  int64_t count_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_functions(const Instruction& instruction, BuildContext& context) {
  const int32_t f = instruction.field(2);
  if (f < 0 || f >= kCount) return nullptr;
  return std::make_unique<FunctionsStep>(instruction, context.threads());
}

}  // namespace bitplane
