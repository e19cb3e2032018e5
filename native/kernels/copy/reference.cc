// The copy, element by element: the oracle.
#include "kernels/copy/copy.h"

namespace bitplane {

namespace {

class ReferenceCopy final : public Step {
 public:
  explicit ReferenceCopy(const Instruction& in) : f_(in.fields, in.fields + in.fieldCount) {}
  int tasks() const override { return 1; }
  const char* kernelName() const override {
    return f_[22] == 1 ? "copy_8_reference" : "copy_32_reference";
  }
  void run(int, const Buffers& buffers, void*) const override {
    const int32_t* d = &f_[4];
    const int32_t* xs = &f_[10];
    const int32_t* ys = &f_[16];
    int64_t total = 1;
    for (int k = 0; k < 6; k++) total *= d[k];
    for (int64_t i = 0; i < total; i++) {
      int64_t x = f_[2];
      int64_t y = f_[3];
      int64_t rest = i;
      for (int k = 5; k >= 0; k--) {
        x += rest % d[k] * xs[k];
        y += rest % d[k] * ys[k];
        rest /= d[k];
      }
      if (f_[22] == 1)
        buffers.get<uint8_t>(f_[1])[y] = buffers.get<const uint8_t>(f_[0])[x];
      else
        buffers.get<int32_t>(f_[1])[y] = buffers.get<const int32_t>(f_[0])[x];
    }
  }

 private:
  std::vector<int32_t> f_;
};

}  // namespace

std::unique_ptr<Step> makeReferenceCopy(const Instruction& instruction) {
  return std::make_unique<ReferenceCopy>(instruction);
}

}  // namespace bitplane
