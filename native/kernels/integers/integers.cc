// The integer step: joins the box and walks its rows. Sums and products are those of unsigned
// numbers, which wrap.
#include "kernels/integers/integers.h"

#include "kernels/box.h"
#include "kernels/sweep.h"

namespace bitplane {

namespace {

// An operand of a row: element i is at[i * step].
struct Row {
  const int32_t* at;
  int64_t step;
};

template <typename F>
void eachOf(Row a, Row b, int32_t* y, int64_t n, F f) {
  for (int64_t i = 0; i < n; i++) y[i] = f(a.at[i * a.step], b.at[i * b.step]);
}

int32_t wrapped(uint32_t value) { return static_cast<int32_t>(value); }

// Divides in 64 bits, where the least number by -1 does not overflow.
int32_t quotient(int32_t a, int32_t b) {
  return b == 0 ? 0 : static_cast<int32_t>(static_cast<int64_t>(a) / b);
}
int32_t remainderOf(int32_t a, int32_t b) {
  return b == 0 ? 0 : static_cast<int32_t>(static_cast<int64_t>(a) % b);
}
int32_t modulo(int32_t a, int32_t b) {
  const int32_t rest = remainderOf(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

int32_t power(int32_t a, int32_t b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
  uint32_t result = 1;
  uint32_t square = static_cast<uint32_t>(a);
  for (uint32_t rest = static_cast<uint32_t>(b); rest > 0; rest >>= 1) {
    if (rest & 1) result *= square;
    square *= square;
  }
  return wrapped(result);
}

void compute(IntegerOp op, Row a, Row b, int32_t* y, int64_t n) {
  using U = uint32_t;
  switch (op) {
    case IntegerOp::add:
      return eachOf(a, b, y, n, [](U v, U w) { return wrapped(v + w); });
    case IntegerOp::sub:
      return eachOf(a, b, y, n, [](U v, U w) { return wrapped(v - w); });
    case IntegerOp::mul:
      return eachOf(a, b, y, n, [](U v, U w) { return wrapped(v * w); });
    case IntegerOp::div:
      return eachOf(a, b, y, n, quotient);
    case IntegerOp::mod:
      return eachOf(a, b, y, n, modulo);
    case IntegerOp::remainder:
      return eachOf(a, b, y, n, remainderOf);
    case IntegerOp::max:
      return eachOf(a, b, y, n, [](int32_t v, int32_t w) { return std::max(v, w); });
    case IntegerOp::min:
      return eachOf(a, b, y, n, [](int32_t v, int32_t w) { return std::min(v, w); });
    case IntegerOp::pow:
      return eachOf(a, b, y, n, power);
    case IntegerOp::bitAnd:
      return eachOf(a, b, y, n, [](int32_t v, int32_t w) { return v & w; });
    case IntegerOp::bitOr:
      return eachOf(a, b, y, n, [](int32_t v, int32_t w) { return v | w; });
    case IntegerOp::bitXor:
      return eachOf(a, b, y, n, [](int32_t v, int32_t w) { return v ^ w; });
    case IntegerOp::equal:
      return eachOf(a, b, y, n, [](int32_t v, int32_t w) { return v == w ? 1 : 0; });
    case IntegerOp::less:
      return eachOf(a, b, y, n, [](int32_t v, int32_t w) { return v < w ? 1 : 0; });
    case IntegerOp::lessOrEqual:
      return eachOf(a, b, y, n, [](int32_t v, int32_t w) { return v <= w ? 1 : 0; });
  }
}

class IntegersStep final : public Step {
 public:
  IntegersStep(const Instruction& in, int threads)
      : buffers_{in.field(0), in.field(1)},
        y_(in.field(2)),
        op_(static_cast<IntegerOp>(in.field(3))) {
    Box<2> box;
    for (int d = 0; d < kBoxDims; d++)
      box.push(in.field(4 + d), {in.field(10 + d), in.field(16 + d)});
    box_ = box.joined();
    elements_ = box_.elements();
    tasks_ = tasksFor(elements_ / 4, threads);
  }

  int tasks() const override { return elements_ > 0 ? tasks_ : 0; }
  const char* kernelName() const override { return "integers_i32"; }

  void run(int task, const Buffers& buffers, void*) const override {
    const Range part = partOf(elements_, tasks_, task, 16);
    int32_t* y = buffers.get<int32_t>(y_);
    const auto rowOf = [&](int k, int64_t at) -> Row {
      return {buffers.get<const int32_t>(buffers_[k]) + at, box_.stride[k][box_.rank - 1]};
    };
    eachPiece(box_, part.begin, part.end, INT64_MAX,
              [&](int64_t i, int64_t count, const int64_t* at) {
                compute(op_, rowOf(0, at[0]), rowOf(1, at[1]), y + i, count);
              });
  }

 private:
  int buffers_[2];
  int y_;
  IntegerOp op_;
  Box<2> box_;
  int64_t elements_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_integers(const Instruction& instruction, BuildContext& context) {
  const int32_t op = instruction.field(3);
  if (op < 0 || op >= kIntegerOps) return nullptr;
  if (context.isa() == Isa::reference) return makeReferenceIntegers(instruction);
  return std::make_unique<IntegersStep>(instruction, context.threads());
}

}  // namespace bitplane
