// Max pooling of bits: what it computes, and the list of variants.
//
// x is [N,H,W,C] bits, y is [N,OH,OW,C] bits (1 = -1): y is -1 only where the whole window is, so y
// is the AND of the window's words. Padding never wins; a window that holds nothing but padding is
// -1 (tail bits stay 0).
#pragma once
#include "kernels/bpool/row.h"
#include "kernels/geometry.h"
#include "kernels/step.h"

namespace bitplane {
namespace bpool {

struct Problem {
  int x, y, n, h, w, c, oh, ow, kh, kw, sh, sw, dh, dw, pt, pl;
  WindowAxis rows() const { return {h, oh, kh, sh, dh, pt}; }
  WindowAxis columns() const { return {w, ow, kw, sw, dw, pl}; }
};
Problem problemOf(const Instruction& instruction);

// The oracle: one channel at a time from the definition.
std::unique_ptr<Step> referenceStep(const Problem& problem);

struct Variant {
  const char* name;
  Isa isa;
  RowFn row;
};
// Every variant compiled into this binary except the oracle, in the order of variants.inc.
const Variant* variants(int* count);

}  // namespace bpool
}  // namespace bitplane
