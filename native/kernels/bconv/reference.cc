// The oracle of the binary convolution: the definition, one term at a time, on unpacked values. For
// tests; nothing here is fast.
#include "kernels/bconv/reference.h"

#include "kernels/epilogue/epilogue.h"

namespace bitplane {
namespace bconv {
namespace {

// x[n, iy, ix, channel], and what stands outside of it.
int activation(const Problem& p, const uint64_t* x, int n, int iy, int ix, int channel) {
  if (iy < 0 || iy >= p.h || ix < 0 || ix >= p.w) return static_cast<int>(p.padding);
  const uint64_t* pixel = x + ((int64_t{n} * p.h + iy) * p.w + ix) * bitWords(p.c);
  return pixel[channel / 64] >> (channel % 64) & 1 ? -1 : 1;
}

int32_t dot(const Problem& p, const uint64_t* x, const uint8_t* weights, int n, int oy, int ox,
            int o) {
  int32_t sum = 0;
  int64_t i = o * p.terms();
  for (int ky = 0; ky < p.kh; ++ky) {
    for (int kx = 0; kx < p.kw; ++kx) {
      for (int c = 0; c < p.groupChannels(); ++c, ++i) {
        const int weight = weights[i / 8] >> (i % 8) & 1 ? -1 : 1;
        const int channel = o / p.groupOutputs() * p.groupChannels() + c;
        sum += weight * activation(p, x, n, oy * p.sh - p.pt + ky * p.dh,
                                   ox * p.sw - p.pl + kx * p.dw, channel);
      }
    }
  }
  return sum;
}

class ReferenceStep : public Step {
 public:
  ReferenceStep(const Instruction& instruction, BuildContext& context)
      : p_(problemOf(instruction)),
        hasEpilogue_(instruction.epilogueLength > 0),
        epilogue_(Isa::reference, decodeEpilogue(instruction), p_.o, p_.pixels()) {
    weights_ = static_cast<const uint8_t*>(context.constant(p_.weights));
    if (p_.thresholds >= 0)
      thresholds_ = static_cast<const int32_t*>(context.constant(p_.thresholds));
  }
  int tasks() const override { return p_.n * p_.oh * p_.ow; }
  const char* kernelName() const override { return "bconv_b1_reference"; }
  size_t scratchBytes() const override { return p_.o * sizeof(int32_t) + kSlack; }

  // A task is one output pixel.
  void run(int task, const Buffers& buffers, void* scratch) const override {
    const uint64_t* x = buffers.get<const uint64_t>(p_.x);
    const uint8_t* weights =
        weights_ != nullptr ? weights_ : buffers.get<const uint8_t>(p_.weights);
    int32_t* dots = static_cast<int32_t*>(scratch);
    for (int o = 0; o < p_.o; ++o) {
      dots[o] = dot(p_, x, weights, task / (p_.oh * p_.ow), task / p_.ow % p_.oh, task % p_.ow, o);
    }
    if (hasEpilogue_) {
      float* values = static_cast<float*>(scratch);
      for (int o = 0; o < p_.o; ++o) values[o] = static_cast<float>(dots[o]);
      epilogue_.run(buffers, {values, p_.o, task, 1, 0, p_.o});
    } else if (p_.thresholds >= 0) {
      uint64_t* y = buffers.get<uint64_t>(p_.y) + int64_t{task} * bitWords(p_.o);
      for (int word = 0; word < bitWords(p_.o); ++word) y[word] = 0;
      for (int o = 0; o < p_.o; ++o) {
        const bool bit = (dots[o] < thresholds_[o]) != (thresholds_[p_.o + o] != 0);
        y[o / 64] |= static_cast<uint64_t>(bit) << (o % 64);
      }
    } else {
      std::memcpy(buffers.get<int32_t>(p_.y) + int64_t{task} * p_.o, dots, p_.o * sizeof(int32_t));
    }
  }

 private:
  Problem p_;
  const uint8_t* weights_;
  const int32_t* thresholds_ = nullptr;
  bool hasEpilogue_;
  Epilogue epilogue_;
};

class ReferencePacking final : public WeightPacking {
 public:
  explicit ReferencePacking(const Problem& problem) : p_(problem) {}
  size_t bytes() const override { return static_cast<size_t>(ceilDiv<int64_t>(bits(), 8)); }
  int parts() const override { return 1; }
  void pack(int, const void* weights, void* packed) const override {
    std::memset(packed, 0, bytes());
    const int channels = p_.groupChannels();
    for (int64_t i = 0; i < bits(); ++i) {
      const auto* tap = static_cast<const uint64_t*>(weights) + i / channels * p_.groupWords();
      const int c = static_cast<int>(i % channels);
      if (tap[c / 64] >> (c % 64) & 1)
        static_cast<uint8_t*>(packed)[i / 8] |= static_cast<uint8_t>(1 << i % 8);
    }
  }

 private:
  int64_t bits() const { return p_.o * p_.terms(); }
  Problem p_;
};

}  // namespace

std::unique_ptr<WeightPacking> referencePacking(const Problem& problem) {
  return std::make_unique<ReferencePacking>(problem);
}

std::unique_ptr<Step> referenceStep(const Instruction& instruction, BuildContext& context) {
  const int weights = problemOf(instruction).weights;
  if (context.constant(weights) == nullptr && !context.isPacked(weights)) return nullptr;
  return std::make_unique<ReferenceStep>(instruction, context);
}

}  // namespace bconv
}  // namespace bitplane
