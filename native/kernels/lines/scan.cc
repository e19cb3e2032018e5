// The scan step: tasks are runs of lines.
#include <limits>

#include "kernels/lines/lines.h"
#include "kernels/sweep.h"

namespace bitplane {

namespace {

float plus(float a, float b) { return a + b; }
float times(float a, float b) { return a * b; }
int32_t plus(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
int32_t times(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}

template <typename T>
class ScanStep final : public Step {
 public:
  ScanStep(const Instruction& in, int threads)
      : x_(in.field(0)),
        y_(in.field(1)),
        kind_(static_cast<ScanKind>(in.field(2))),
        outer_(in.field(3)),
        k_(in.field(4)),
        inner_(in.field(5)),
        exclusive_(in.field(7) == 1),
        reverse_(in.field(8) == 1),
        whole_(in.field(9) == 1),
        tasks_(static_cast<int>(
            std::min<int64_t>(outer_ * inner_, tasksFor(outer_ * k_ * inner_, threads)))) {}

  int tasks() const override { return tasks_; }
  const char* kernelName() const override {
    return std::is_same_v<T, float> ? "scan_f32" : "scan_i32";
  }

  void run(int task, const Buffers& buffers, void*) const override {
    const T* x = buffers.get<const T>(x_);
    T* y = buffers.get<T>(y_);
    const Range part = partOf(outer_ * inner_, tasks_, task);
    for (int64_t line = part.begin; line < part.end; line++) {
      const int64_t at = line / inner_ * k_ * inner_ + line % inner_;
      if (whole_)
        y[line] = all(x + at);
      else
        walk(x + at, y + at);
    }
  }

 private:
  T first() const {
    using L = std::numeric_limits<T>;
    switch (kind_) {
      case ScanKind::sum:
        return 0;
      case ScanKind::product:
        return 1;
      case ScanKind::max:
        return L::has_infinity ? -L::infinity() : L::lowest();
      default:
        return L::has_infinity ? L::infinity() : L::max();
    }
  }
  T next(T sum, T v) const {
    switch (kind_) {
      case ScanKind::sum:
        return plus(sum, v);
      case ScanKind::product:
        return times(sum, v);
      case ScanKind::max:
        return sum < v ? v : sum;
      default:
        return v < sum ? v : sum;
    }
  }
  T all(const T* x) const {
    T sum = first();
    for (int64_t j = 0; j < k_; j++) sum = next(sum, x[j * inner_]);
    return sum;
  }
  void walk(const T* x, T* y) const {
    T sum = first();
    for (int64_t j = 0; j < k_; j++) {
      const int64_t at = (reverse_ ? k_ - 1 - j : j) * inner_;
      const T v = x[at];
      if (exclusive_) y[at] = sum;
      sum = next(sum, v);
      if (!exclusive_) y[at] = sum;
    }
  }

  int x_, y_;
  ScanKind kind_;
  int64_t outer_, k_, inner_;
  bool exclusive_, reverse_, whole_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_scan(const Instruction& instruction, BuildContext& context) {
  if (instruction.field(6) == 1)
    return std::make_unique<ScanStep<int32_t>>(instruction, context.threads());
  return std::make_unique<ScanStep<float>>(instruction, context.threads());
}

}  // namespace bitplane
