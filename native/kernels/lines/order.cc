// The ordering step: tasks are runs of lines. One element is looked for in one walk; several are
// what a sort of the line's numbers puts first.
#include <numeric>

#include "kernels/lines/lines.h"
#include "kernels/sweep.h"

namespace bitplane {

namespace {

template <typename T>
class OrderStep final : public Step {
 public:
  OrderStep(const Instruction& in, int threads)
      : x_(in.field(0)),
        y_(in.field(1)),
        outer_(in.field(2)),
        k_(in.field(3)),
        n_(in.field(4)),
        inner_(in.field(5)),
        largest_(in.field(7) == 1),
        last_(in.field(8) == 1),
        tasks_(static_cast<int>(std::min<int64_t>(
            outer_ * inner_, tasksFor(outer_ * k_ * inner_ * (n_ == 1 ? 1 : 8), threads)))) {}

  int tasks() const override { return tasks_; }
  size_t scratchBytes() const override {
    return n_ == 1 ? 0 : static_cast<size_t>(k_) * sizeof(int32_t);
  }
  const char* kernelName() const override {
    return std::is_same_v<T, float> ? "order_f32" : "order_i32";
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const T* x = buffers.get<const T>(x_);
    int32_t* y = buffers.get<int32_t>(y_);
    const Range part = partOf(outer_ * inner_, tasks_, task);
    for (int64_t line = part.begin; line < part.end; line++) {
      const int64_t outer = line / inner_, column = line % inner_;
      const T* from = x + outer * k_ * inner_ + column;
      int32_t* to = y + outer * n_ * inner_ + column;
      const auto before = [&](int32_t a, int32_t b) { return isBefore(from, a, b); };
      if (n_ == 1) {
        int32_t best = 0;
        for (int32_t j = 1; j < k_; j++)
          if (before(j, best)) best = j;
        to[0] = best;
        continue;
      }
      int32_t* numbers = static_cast<int32_t*>(scratch);
      std::iota(numbers, numbers + k_, 0);
      std::partial_sort(numbers, numbers + n_, numbers + k_, before);
      for (int64_t j = 0; j < n_; j++) to[j * inner_] = numbers[j];
    }
  }

 private:
  bool isBefore(const T* x, int32_t a, int32_t b) const {
    const T v = x[a * inner_], w = x[b * inner_];
    if (v != v || w != w) {
      if (v == v) return false;
      if (w == w) return true;
    } else if (v != w) {
      return largest_ ? v > w : v < w;
    }
    return last_ ? a > b : a < b;
  }

  int x_, y_;
  int64_t outer_, k_, n_, inner_;
  bool largest_, last_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_order(const Instruction& instruction, BuildContext& context) {
  if (instruction.field(4) > instruction.field(3)) return nullptr;
  if (instruction.field(6) == 1)
    return std::make_unique<OrderStep<int32_t>>(instruction, context.threads());
  return std::make_unique<OrderStep<float>>(instruction, context.threads());
}

}  // namespace bitplane
