// Binary convolution: what it computes, how a problem is described, and the list of variants. Not
// here: how a variant is driven (step.h), what its inner loop sees (kernel.h), or any arithmetic.
//
// x is [N,H,W,C] and w is [O,KH,KW,C/G], both bipolar (bit 1 = -1); y is [N,OH,OW,O].
//
//   dot[n,oy,ox,o] = sum over ky, kx, c of
//     x[n, oy*sh - pt + ky*dh, ox*sw - pl + kx*dw, g(o)*C/G + c] * w[o,ky,kx,c]
//
// with K = KH*KW*C/G terms, computed as K - 2 * popcount(x xor w). Outside of x stands +1, -1 or 0.
// Zero is exact for every channel count: the border is computed as +1, which adds the weights of
// the outside taps once; their sum, an integer per output channel and border class (plan.h), is
// taken off again. |dot| <= K, and K must fit an int32 popcount (K < 2^30).
#pragma once
#include "kernels/geometry.h"
#include "kernels/packing.h"
#include "kernels/step.h"

namespace bitplane {
namespace bconv {

enum class Padding : int32_t { zero = 0, one = 1, minus_one = -1 };

// The fields of the instruction by name; -1 stands for an absent buffer.
struct Problem {
  int x, weights, y, thresholds;
  int n, h, w, c, oh, ow, o, kh, kw, sh, sw, dh, dw, pt, pl, g;
  Padding padding;

  WindowAxis rows() const { return {h, oh, kh, sh, dh, pt}; }
  WindowAxis columns() const { return {w, ow, kw, sw, dw, pl}; }
  int groupChannels() const { return c / g; }
  int groupWords() const { return bitWords(c / g); }
  int groupOutputs() const { return o / g; }
  int64_t terms() const { return int64_t{kh} * kw * groupChannels(); }
  int64_t pixels() const { return int64_t{oh} * ow; }
};
Problem problemOf(const Instruction& instruction);

// Bits [first, first + count) of a packed bit string, count <= 64, as the low bits of a word.
uint64_t bitsAt(const uint8_t* bytes, int64_t first, int count);

// How the kernel of this instruction set packs weights that a run computes; null where no kernel
// takes so many terms.
std::unique_ptr<WeightPacking> packingFor(const Problem& problem, Isa isa, Features features,
                                          int threads);

// One way to run the problem. `build` and `packing` answer null where the variant cannot serve (its
// counters or offsets would overflow).
struct Variant {
  const char* name;
  Isa isa;
  Features features;  // that it needs beside the instruction set
  std::unique_ptr<Step> (*build)(const Variant& self, const Instruction& instruction,
                                 BuildContext& context);
  std::unique_ptr<WeightPacking> (*packing)(const Problem& problem, int threads);
};
// Every variant compiled into this binary, in the order of variants.inc.
const Variant* variants(int* count);

}  // namespace bconv
}  // namespace bitplane
