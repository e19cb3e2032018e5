// y[0 .. count) = value. Plain memory, one variant.
#include "kernels/step.h"
#include "kernels/sweep.h"

namespace bitplane {

namespace {

class FillStep final : public Step {
 public:
  FillStep(const Instruction& in, int threads)
      : y_(in.field(0)),
        count_(in.field(1)),
        value_(in.field(2)),
        isByte_(in.field(3) == 1),
        tasks_(tasksFor(count_ / 16, threads)) {}
  int tasks() const override { return tasks_; }
  const char* kernelName() const override { return isByte_ ? "fill_8" : "fill_32"; }
  void run(int task, const Buffers& buffers, void*) const override {
    const Range part = partOf(count_, tasks_, task, 16);
    if (isByte_) {
      uint8_t* y = buffers.get<uint8_t>(y_);
      std::fill(y + part.begin, y + part.end, static_cast<uint8_t>(value_));
      return;
    }
    std::fill(buffers.get<int32_t>(y_) + part.begin, buffers.get<int32_t>(y_) + part.end, value_);
  }

 private:
  int y_;
  int64_t count_;
  int32_t value_;
  bool isByte_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_fill(const Instruction& instruction, BuildContext& context) {
  return std::make_unique<FillStep>(instruction, context.threads());
}

}  // namespace bitplane
