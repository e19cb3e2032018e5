// The step of the signs of planes, in the compiler's generic vectors. Lanes hold pixels: of 16
// neighbours, 32 channels' signs gather in the 32 bits of each lane, by a comparison, an and, an or
// a channel, so that no bit crosses lanes. What is read decides the time. A task is a range of
// pixels of all images.
#include "kernels/signs/signs.h"

#include <algorithm>

#include "kernels/sweep.h"

namespace bitplane {

namespace {

constexpr int kPixels = 16;
using Floats = float __attribute__((vector_size(16)));
using Bits = int32_t __attribute__((vector_size(16)));
constexpr int kLanes = 4, kVectors = kPixels / kLanes;

// bits[i] = the signs of `count` <= 32 channels of pixel i, x[c * pitch + i].
void signsOf(const float* x, int64_t pitch, int count, int32_t* bits) {
  Bits gathered[kVectors] = {};
  for (int c = 0; c < count; c++, x += pitch) {
    const int32_t bit = static_cast<int32_t>(uint32_t{1} << c);
    for (int i = 0; i < kVectors; i++) {
      Floats v;
      std::memcpy(&v, x + i * kLanes, sizeof v);
      gathered[i] |= (v < Floats{0, 0, 0, 0}) & Bits{bit, bit, bit, bit};
    }
  }
  std::memcpy(bits, gathered, sizeof gathered);
}

class SignsStep final : public Step {
 public:
  SignsStep(const Instruction& in, int threads)
      : x_(in.field(0)),
        y_(in.field(1)),
        hw_(in.field(3)),
        c_(in.field(4)),
        pixels_(in.field(2) * hw_),
        tasks_(static_cast<int>(std::min<int64_t>(tasksFor(pixels_ * c_ / kLanes, threads),
                                                  ceilDiv<int64_t>(pixels_, kPixels)))) {}
  int tasks() const override { return tasks_; }
  const char* kernelName() const override { return "signs_f32_planes"; }

  void run(int task, const Buffers& buffers, void*) const override {
    const Range part = partOf(pixels_, tasks_, task, kPixels);
    for (int64_t pixel = part.begin; pixel < part.end;) {
      const int64_t at = pixel % hw_;
      const int count = static_cast<int>(std::min({int64_t{kPixels}, hw_ - at, part.end - pixel}));
      pack(buffers.get<const float>(x_) + pixel / hw_ * c_ * hw_ + at,
           buffers.get<uint64_t>(y_) + pixel * bitWords(c_), count);
      pixel += count;
    }
  }

 private:
  // `count` pixels of one image.
  void pack(const float* x, uint64_t* y, int count) const {
    const int words = bitWords(c_);
    // Fewer pixels than a block has are copied into one, so that nothing is read past them.
    float few[32 * kPixels];
    for (int c = 0; c < c_; c += 32) {
      const int channels = std::min(32, c_ - c);
      int32_t bits[kPixels];
      if (count == kPixels) {
        signsOf(x + c * hw_, hw_, channels, bits);
      } else {
        for (int k = 0; k < channels; k++) {
          std::fill(few + k * kPixels, few + (k + 1) * kPixels, 0.0f);
          std::copy(x + (c + k) * hw_, x + (c + k) * hw_ + count, few + k * kPixels);
        }
        signsOf(few, kPixels, channels, bits);
      }
      for (int i = 0; i < count; i++) {
        uint64_t& word = y[i * words + c / 64];
        const uint64_t half = static_cast<uint32_t>(bits[i]);
        word = c % 64 == 0 ? half : word | half << 32;
      }
    }
  }

  int x_, y_;
  int64_t hw_;
  int c_;
  int64_t pixels_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_signs(const Instruction& instruction, BuildContext& context) {
  if (context.isa() == Isa::reference) return makeReferenceSigns(instruction);
  return std::make_unique<SignsStep>(instruction, context.threads());
}

}  // namespace bitplane
