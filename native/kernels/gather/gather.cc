// The gathering step: tasks are runs of lines of y, [inner] elements each.
#include "kernels/gather/gather.h"

#include "kernels/sweep.h"

namespace bitplane {

namespace {

template <typename T>
class GatherStep final : public Step {
 public:
  GatherStep(const Instruction& in, int threads)
      : x_(in.field(0)),
        indices_(in.field(1)),
        y_(in.field(2)),
        outer_(in.field(3)),
        k_(in.field(4)),
        count_(in.field(5)),
        inner_(in.field(6)),
        each_(in.field(7) == 1),
        tasks_(static_cast<int>(
            std::min<int64_t>(outer_ * count_, tasksFor(outer_ * count_ * inner_ / 4, threads)))) {}

  int tasks() const override { return tasks_; }
  const char* kernelName() const override { return sizeof(T) == 1 ? "gather_8" : "gather_32"; }

  void run(int task, const Buffers& buffers, void*) const override {
    const T* x = buffers.get<const T>(x_);
    const int32_t* indices = buffers.get<const int32_t>(indices_);
    T* y = buffers.get<T>(y_);
    const Range part = partOf(outer_ * count_, tasks_, task);
    for (int64_t line = part.begin; line < part.end; line++) {
      const T* from = x + line / count_ * k_ * inner_;
      T* to = y + line * inner_;
      if (!each_) {
        const T* row = from + place(indices[line % count_]) * inner_;
        std::copy(row, row + inner_, to);
        continue;
      }
      for (int64_t i = 0; i < inner_; i++)
        to[i] = from[place(indices[line * inner_ + i]) * inner_ + i];
    }
  }

 private:
  int64_t place(int64_t index) const {
    return std::clamp<int64_t>(index < 0 ? index + k_ : index, 0, k_ - 1);
  }

  int x_, indices_, y_;
  int64_t outer_, k_, count_, inner_;
  bool each_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_gather(const Instruction& instruction, BuildContext& context) {
  if (instruction.field(8) == 1)
    return std::make_unique<GatherStep<uint8_t>>(instruction, context.threads());
  return std::make_unique<GatherStep<int32_t>>(instruction, context.threads());
}

}  // namespace bitplane
