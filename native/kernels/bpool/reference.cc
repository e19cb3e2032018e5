// The oracle of bit pooling: the maximum of +1 and -1 over the window, one channel at a time. For
// tests.
#include "kernels/bpool/bpool.h"

namespace bitplane {
namespace bpool {
namespace {

class ReferenceStep : public Step {
 public:
  explicit ReferenceStep(const Problem& problem) : p_(problem) {}
  int tasks() const override { return p_.n * p_.oh * p_.ow; }
  const char* kernelName() const override { return "bpool_b1_reference"; }

  // A task is one output pixel.
  void run(int task, const Buffers& buffers, void*) const override {
    const int n = task / (p_.oh * p_.ow), oy = task / p_.ow % p_.oh, ox = task % p_.ow,
              words = bitWords(p_.c);
    uint64_t* y = buffers.get<uint64_t>(p_.y) + int64_t{task} * words;
    for (int word = 0; word < words; ++word) y[word] = 0;
    for (int c = 0; c < p_.c; ++c) {
      int best = -1;
      for (int ky = 0; ky < p_.kh; ++ky) {
        for (int kx = 0; kx < p_.kw; ++kx) {
          const int iy = oy * p_.sh - p_.pt + ky * p_.dh, ix = ox * p_.sw - p_.pl + kx * p_.dw;
          if (iy < 0 || iy >= p_.h || ix < 0 || ix >= p_.w) continue;
          const uint64_t* x =
              buffers.get<const uint64_t>(p_.x) + ((int64_t{n} * p_.h + iy) * p_.w + ix) * words;
          if ((x[c / 64] >> (c % 64) & 1) == 0) best = 1;
        }
      }
      if (best < 0) y[c / 64] |= uint64_t{1} << (c % 64);
    }
  }

 private:
  Problem p_;
};

}  // namespace

std::unique_ptr<Step> referenceStep(const Problem& problem) {
  return std::make_unique<ReferenceStep>(problem);
}

}  // namespace bpool
}  // namespace bitplane
