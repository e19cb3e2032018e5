// Max pooling of bits: clips each window to the input and hands it to the chosen variant. See bpool.h for the contract.
#include "kernels/bpool/bpool.h"

#include <algorithm>

namespace bitplane {
namespace bpool {

#define BITPLANE_BPOOL(name, isa, symbol) namespace symbol { void window(const Window& w); }
#include "kernels/bpool/variants.inc"
#undef BITPLANE_BPOOL

namespace {

constexpr Variant kVariants[] = {
#define BITPLANE_BPOOL(name, isa, symbol) {#name, Isa::isa, symbol::window},
#include "kernels/bpool/variants.inc"
#undef BITPLANE_BPOOL
};

// Taps [from, to) of a window that starts at `start` and lie in [0, size).
struct Taps {
  int from, to;
  Taps(int start, int dilation, int taps, int size)
      : from(start < 0 ? std::min(taps, ceilDiv(-start, dilation)) : 0),
        to(start < size ? std::min(taps, ceilDiv(size - start, dilation)) : 0) {}
  int count() const { return to > from ? to - from : 0; }
};

class PoolStep : public Step {
 public:
  PoolStep(const Problem& problem, const Variant& variant) : p_(problem), variant_(variant) {}
  int tasks() const override { return p_.n * ceilDiv(p_.oh, kRows); }
  const char* kernelName() const override { return variant_.name; }

  // A task is up to kRows output rows of one image.
  void run(int task, const Buffers& buffers, void*) const override {
    const int perImage = ceilDiv(p_.oh, kRows), n = task / perImage, first = task % perImage * kRows;
    const int64_t words = bitWords(p_.c);
    const uint64_t* x = buffers.get<const uint64_t>(p_.x) + int64_t{n} * p_.h * p_.w * words;
    uint64_t* y = buffers.get<uint64_t>(p_.y) + (int64_t{n} * p_.oh + first) * p_.ow * words;
    for (int oy = first; oy < std::min(p_.oh, first + kRows); ++oy) {
      const int top = oy * p_.sh - p_.pt;
      const Taps rows(top, p_.dh, p_.kh, p_.h);
      for (int ox = 0; ox < p_.ow; ++ox, y += words) {
        const int left = ox * p_.sw - p_.pl;
        const Taps columns(left, p_.dw, p_.kw, p_.w);
        if (rows.count() == 0 || columns.count() == 0) {
          std::fill(y, y + words, ~uint64_t{0});
          if (p_.c % 64 != 0) y[words - 1] = (uint64_t{1} << (p_.c % 64)) - 1;
          continue;
        }
        const uint64_t* start = x + (int64_t{top + rows.from * p_.dh} * p_.w + left + columns.from * p_.dw) * words;
        variant_.window({start, y, rows.count(), columns.count(), int64_t{p_.dh} * p_.w * words, p_.dw * words, words});
      }
    }
  }

 private:
  static constexpr int kRows = 4;
  Problem p_;
  const Variant& variant_;
};

}  // namespace

const Variant* variants(int* count) {
  *count = static_cast<int>(sizeof kVariants / sizeof kVariants[0]);
  return kVariants;
}

Problem problemOf(const Instruction& instruction) {
  const int32_t* f = instruction.fields;
  return {f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10], f[11], f[12], f[13], f[14], f[15]};
}

}  // namespace bpool

std::unique_ptr<Step> make_bpool(const Instruction& instruction, BuildContext& context) {
  const bpool::Problem problem = bpool::problemOf(instruction);
  for (const bpool::Variant& variant : bpool::kVariants) {
    if (variant.isa == context.isa()) return std::make_unique<bpool::PoolStep>(problem, variant);
  }
  return bpool::referenceStep(problem);
}

}  // namespace bitplane
