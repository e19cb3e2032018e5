// The oracle of pooling: the maximum over the window, one channel at a time. For tests.
#include <algorithm>
#include <cstring>

#include "kernels/bpool/bpool.h"

namespace bitplane {
namespace bpool {
namespace {

class ReferenceStep : public Step {
 public:
  explicit ReferenceStep(const Problem& problem) : p_(problem) {}
  int tasks() const override { return p_.n * p_.oh * p_.ow; }
  const char* kernelName() const override { return "bpool_reference"; }

  // A task is one output pixel.
  void run(int task, const Buffers& buffers, void*) const override {
    const int64_t pixelBytes = int64_t{p_.units()} * p_.unitBytes();
    char* y = buffers.get<char>(p_.y) + task * pixelBytes;
    if (p_.element == Element::b1) std::memset(y, 0, static_cast<size_t>(pixelBytes));
    for (int c = 0; c < p_.c; ++c) put(y, c, largest(task, c, buffers, pixelBytes));
  }

 private:
  int largest(int task, int c, const Buffers& buffers, int64_t pixelBytes) const {
    const int n = task / (p_.oh * p_.ow), oy = task / p_.ow % p_.oh, ox = task % p_.ow;
    int best = p_.element == Element::b1 ? -1 : p_.element == Element::i8 ? -128 : 0;
    for (int ky = 0; ky < p_.kh; ++ky) {
      for (int kx = 0; kx < p_.kw; ++kx) {
        const int iy = oy * p_.sh - p_.pt + ky * p_.dh, ix = ox * p_.sw - p_.pl + kx * p_.dw;
        if (iy < 0 || iy >= p_.h || ix < 0 || ix >= p_.w) continue;
        const int64_t pixel = (int64_t{n} * p_.h + iy) * p_.w + ix;
        best = std::max(best, at(buffers.get<const char>(p_.x) + pixel * pixelBytes, c));
      }
    }
    return best;
  }

  int at(const char* pixel, int c) const {
    switch (p_.element) {
      case Element::b1:
        return reinterpret_cast<const uint64_t*>(pixel)[c / 64] >> (c % 64) & 1 ? -1 : 1;
      case Element::i8:
        return reinterpret_cast<const int8_t*>(pixel)[c];
      default:
        return reinterpret_cast<const uint8_t*>(pixel)[c];
    }
  }

  void put(char* pixel, int c, int value) const {
    if (p_.element != Element::b1)
      pixel[c] = static_cast<char>(value);
    else if (value < 0)
      reinterpret_cast<uint64_t*>(pixel)[c / 64] |= uint64_t{1} << (c % 64);
  }

  Problem p_;
};

}  // namespace

std::unique_ptr<Step> referenceStep(const Problem& problem) {
  return std::make_unique<ReferenceStep>(problem);
}

}  // namespace bpool
}  // namespace bitplane
