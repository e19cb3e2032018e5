// Max pooling of bits and of bytes: what it computes, and the list of variants.
//
// x is [N,H,W,C], y is [N,OH,OW,C], both of bits (1 = -1), of i8 or of u8. A bit of y is -1 only
// where the whole window is, so y is the AND of the window's words. Padding never wins; a window
// that holds nothing but padding is the least number: -1 (tail bits stay 0), -128, 0.
#pragma once
#include "kernels/bpool/row.h"
#include "kernels/geometry.h"
#include "kernels/step.h"

namespace bitplane {
namespace bpool {

enum class Element : int32_t { b1, i8, u8 };

struct Problem {
  int x, y, n, h, w, c, oh, ow, kh, kw, sh, sw, dh, dw, pt, pl;
  Element element;
  WindowAxis rows() const { return {h, oh, kh, sh, dh, pt}; }
  WindowAxis columns() const { return {w, ow, kw, sw, dw, pl}; }
  // What a pixel is made of: words of 64 bits, or bytes.
  int units() const { return element == Element::b1 ? bitWords(c) : c; }
  int unitBytes() const { return element == Element::b1 ? 8 : 1; }
};
Problem problemOf(const Instruction& instruction);

// The oracle: one channel at a time from the definition.
std::unique_ptr<Step> referenceStep(const Problem& problem);

struct Variant {
  const char* name;
  Isa isa;
  Element element;
  RowFn row;
};
// Every variant compiled into this binary except the oracle, in the order of variants.inc.
const Variant* variants(int* count);

}  // namespace bpool
}  // namespace bitplane
