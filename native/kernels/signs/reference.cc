// The signs of planes, bit by bit: the oracle.
#include "kernels/signs/signs.h"

#include <algorithm>

namespace bitplane {

namespace {

class ReferenceSigns final : public Step {
 public:
  explicit ReferenceSigns(const Instruction& in)
      : x_(in.field(0)), y_(in.field(1)), n_(in.field(2)), hw_(in.field(3)), c_(in.field(4)) {}
  int tasks() const override { return 1; }
  const char* kernelName() const override { return "signs_reference"; }
  void run(int, const Buffers& buffers, void*) const override {
    const float* x = buffers.get<const float>(x_);
    uint64_t* y = buffers.get<uint64_t>(y_);
    for (int64_t pixel = 0; pixel < n_ * hw_; pixel++) {
      uint64_t* words = y + pixel * bitWords(c_);
      std::fill(words, words + bitWords(c_), 0);
      for (int64_t c = 0; c < c_; c++) {
        const float v = x[(pixel / hw_ * c_ + c) * hw_ + pixel % hw_];
        if (v < 0) words[c / 64] |= uint64_t{1} << c % 64;
      }
    }
  }

 private:
  int x_, y_;
  int64_t n_, hw_;
  int c_;
};

}  // namespace

std::unique_ptr<Step> makeReferenceSigns(const Instruction& instruction) {
  return std::make_unique<ReferenceSigns>(instruction);
}

}  // namespace bitplane
