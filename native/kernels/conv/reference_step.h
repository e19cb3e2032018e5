// What the oracles of convolutions share: every output pixel by itself, its sums in double as
// `Formula` computes them, then the epilogue. The formulas: reference.cc here and in
// kernels/input_gradient.
#pragma once
#include "kernels/conv/conv.h"
#include "kernels/epilogue/epilogue.h"

namespace bitplane {

// What a formula reads: x is the first field of the instruction; weightAt reads the weights.
struct ReferenceOperands {
  const ConvShape& shape;
  const float* x;
  const void* weights;
  int weightBits;
};

// Formula::sum(operands, n, oy, ox, o) is one element of the output; Formula::kName the kernel's.
template <typename Formula>
class ReferenceStep final : public Step {
 public:
  ReferenceStep(const Instruction& instruction, const ConvShape& shape, const void* weights,
                int buffer, int weightBits)
      : s_(shape),
        x_(instruction.field(0)),
        weights_(weights),
        buffer_(buffer),
        weightBits_(weightBits),
        epilogue_(Isa::reference, decodeEpilogue(instruction), shape.o,
                  int64_t{shape.oh} * shape.ow) {}
  int tasks() const override { return 1; }
  size_t scratchBytes() const override { return static_cast<size_t>(s_.o) * 4 + kSlack; }
  const char* kernelName() const override { return Formula::kName; }

  void run(int, const Buffers& buffers, void* scratch) const override {
    const void* weights = weights_ != nullptr ? weights_ : buffers.get<const void>(buffer_);
    const ReferenceOperands operands{s_, buffers.get<const float>(x_), weights, weightBits_};
    float* sums = static_cast<float*>(scratch);
    int64_t pixel = 0;
    for (int n = 0; n < s_.n; n++) {
      for (int oy = 0; oy < s_.oh; oy++) {
        for (int ox = 0; ox < s_.ow; ox++) {
          for (int o = 0; o < s_.o; o++)
            sums[o] = static_cast<float>(Formula::sum(operands, n, oy, ox, o));
          epilogue_.run(buffers, {sums, s_.o, pixel++, 1, 0, s_.o});
        }
      }
    }
  }

 private:
  ConvShape s_;
  int x_;
  const void* weights_;
  int buffer_;
  int weightBits_;
  Epilogue epilogue_;
};

}  // namespace bitplane
