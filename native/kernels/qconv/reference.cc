// The integer convolution as its formula says: the oracle, for the depthwise one too, which is the
// same with a group for each channel.
#include <cstring>

#include "kernels/epilogue/epilogue.h"
#include "kernels/qconv/few.h"
#include "kernels/qconv/qconv.h"

namespace bitplane {
namespace qconv {

namespace {

class Reference final : public Step {
 public:
  Reference(const char* name, const Instruction& instruction, const Problem& problem,
            WeightSource weights, std::vector<int> zeros)
      : name_(name),
        p_(problem),
        weights_(weights),
        zeros_(std::move(zeros)),
        epilogue_(Isa::reference, decodeEpilogue(instruction), problem.shape.o,
                  int64_t{problem.shape.oh} * problem.shape.ow) {}
  int tasks() const override { return 1; }
  size_t scratchBytes() const override { return static_cast<size_t>(p_.shape.o) * 4 + kSlack; }
  const char* kernelName() const override { return name_; }

  void run(int, const Buffers& buffers, void* scratch) const override {
    const ConvShape& s = p_.shape;
    const uint8_t* x = buffers.get<const uint8_t>(p_.x);
    WeightSource weights = weights_;
    if (weights.bytes == nullptr) weights.bytes = buffers.get<const uint8_t>(p_.weights);
    float* values = static_cast<float*>(scratch);
    int64_t pixel = 0;
    for (int n = 0; n < s.n; n++) {
      for (int oy = 0; oy < s.oh; oy++) {
        for (int ox = 0; ox < s.ow; ox++, pixel++) {
          for (int o = 0; o < s.o; o++) {
            const int64_t sum = sumAt(x, weights, n, oy, ox, o);
            if (p_.y >= 0)
              buffers.get<int32_t>(p_.y)[pixel * s.o + o] = static_cast<int32_t>(sum);
            else
              values[o] =
                  p_.few < 0 ? static_cast<float>(sum) : withFew(buffers, x, sum, n, oy, ox, o);
          }
          if (p_.y < 0) epilogue_.run(buffers, {values, s.o, pixel, 1, 0, s.o});
        }
      }
    }
  }

 private:
  int64_t sumAt(const uint8_t* x, const WeightSource& weights, int n, int oy, int ox, int o) const {
    const ConvShape& s = p_.shape;
    const int depth = s.c / s.g, group = o / (s.o / s.g);
    int64_t sum = 0;
    for (int ky = 0; ky < s.kh; ky++) {
      for (int kx = 0; kx < s.kw; kx++) {
        const int y = oy * s.sh - s.pt + ky * s.dh, column = ox * s.sw - s.pl + kx * s.dw;
        if (y < 0 || y >= s.h || column < 0 || column >= s.w) continue;
        for (int i = 0; i < depth; i++) {
          const uint8_t byte = x[((int64_t{n} * s.h + y) * s.w + column) * s.c + group * depth + i];
          const int value = p_.numbers.xSigned ? static_cast<int8_t>(byte) : byte;
          const int w = weights.at(((int64_t{o} * s.kh + ky) * s.kw + kx) * depth + i) -
                        (zeros_.empty() ? 0 : zeros_[o]);
          sum += int64_t{value - p_.numbers.zero} * w;
        }
      }
    }
    return sum;
  }

  // The value of x, less its zero point, that product k of an output reads; 0 outside.
  int valueAt(const uint8_t* x, int n, int oy, int ox, int o, int k) const {
    const ConvShape& s = p_.shape;
    const int depth = s.c / s.g, tap = k / depth;
    const int y = oy * s.sh - s.pt + tap / s.kw * s.dh;
    const int column = ox * s.sw - s.pl + tap % s.kw * s.dw;
    if (y < 0 || y >= s.h || column < 0 || column >= s.w) return 0;
    const int c = o / (s.o / s.g) * depth + k % depth;
    const uint8_t byte = x[((int64_t{n} * s.h + y) * s.w + column) * s.c + c];
    return (p_.numbers.xSigned ? static_cast<int8_t>(byte) : byte) - p_.numbers.zero;
  }

  float withFew(const Buffers& buffers, const uint8_t* x, int64_t sum, int n, int oy, int ox,
                int o) const {
    const uint32_t* starts = buffers.get<const uint32_t>(p_.few);
    int64_t few = 0;
    for (uint32_t i = starts[o]; i < starts[o + 1]; i++) {
      const uint32_t entry = starts[p_.shape.o + 1 + i];
      few += int64_t{valueAt(x, n, oy, ox, o, kOfFew(entry))} * numberOfFew(entry);
    }
    const float* scales = buffers.get<const float>(p_.scales);
    const float own = static_cast<float>(sum) * scales[o];
    return own + static_cast<float>(few) * scales[p_.shape.o + o];
  }

  const char* name_;
  Problem p_;
  WeightSource weights_;
  std::vector<int> zeros_;
  Epilogue epilogue_;
};

class ReferencePacking final : public WeightPacking {
 public:
  ReferencePacking(int outputs, int taps, int channels, const Numbers& numbers)
      : rows_(int64_t{outputs} * taps), channels_(channels), numbers_(numbers) {}
  size_t bytes() const override { return static_cast<size_t>(rows_ * channels_); }
  int parts() const override { return 1; }
  void pack(int, const void* weights, void* packed) const override {
    const WeightSource source = {static_cast<const uint8_t*>(weights), numbers_.weightBits,
                                 numbers_.weightKind, true};
    int8_t* to = static_cast<int8_t*>(packed);
    for (int64_t row = 0; row < rows_; row++) {
      for (int c = 0; c < channels_; c++)
        *to++ = static_cast<int8_t>(source.at(row * source.tapPitch(channels_) + c));
    }
  }

 private:
  int64_t rows_;
  int channels_;
  Numbers numbers_;
};

}  // namespace

std::unique_ptr<Step> makeReference(const char* name, const Instruction& instruction,
                                    const Problem& problem, const Claim& claim) {
  // Computed ones come as referencePacking leaves them.
  const WeightSource bytes = {nullptr, 8, WeightKind::integer, true};
  return std::make_unique<Reference>(name, instruction, problem,
                                     claim.constant.bytes != nullptr ? claim.constant : bytes,
                                     claim.zeros);
}

std::unique_ptr<WeightPacking> referencePacking(int outputs, int taps, int channels,
                                                const Numbers& numbers) {
  return std::make_unique<ReferencePacking>(outputs, taps, channels, numbers);
}

}  // namespace qconv
}  // namespace bitplane
