// Integer convolution: what it computes, and how a problem is described. Not here: what values can
// be (numbers.h), packed weights (weights.h), the inner loop (tile.h), the variants (variants.inc).
//
// x is [N,H,W,C], one byte an element, whose values use xBits of it; w is [O,KH,KW,C/G], weightBits
// an element; zeros is [O], or 0 for all; y is [N,OH,OW,O], int32.
//
//   sum[n,oy,ox,o] = sum over ky, kx, c of
//     (x[n, oy*sh - pt + ky*dh, ox*sw - pl + kx*dw, g(o)*C/G + c] - zero)
//       * (w[o,ky,kx,c] - zeros[o])
//
// Outside of x stands `zero`, so that the border adds nothing. The sum is exact: it is computed
// modulo 2^32, and a layer where K max|x - zero| max|w - zeros| could leave int32 is refused
// (K = KH*KW*C/G terms; with 8 x 8 bits 65793 terms fit). An epilogue starts from the float nearest
// to the sum.
//
// The zero point costs nothing in the loop: with x' = x + offset, where the offset makes x what the
// instructions multiply, and zero' = zero + offset,
//
//   sum (x - zero) w = sum x' w - zero' sum w
//
// holds for whole windows when zero' stands in the border too. So each channel starts from
// -zero' sum w, which is computed when its weights are packed.
//
// Zero points of weights cost a sum of each pixel's window, which the outputs of a group share:
//
//   sum (x - zero) (w - zeros) = sum (x - zero) w - zeros sum (x - zero)
//
// So asymmetric weights rest in n bits, where w - zeros would take one more.
//
// A few weights of 16 bits beside those have exact sums of their own, and a scale of their own: the
// epilogue starts from two products of floats and their sum.
#pragma once
#include <vector>

#include "kernels/conv/plan.h"
#include "kernels/packing.h"
#include "kernels/qconv/numbers.h"
#include "kernels/qconv/tile.h"
#include "kernels/step.h"

namespace bitplane {
namespace qconv {

// How products are formed: as it is cheapest, by bit planes of the weights where a table allows it
// (table.h), or by the instruction set's products of integers.
enum class Method : int32_t { cheapest = 0, planes = 1, dot = 2 };

// The fields of the instruction; -1 stands for an absent buffer.
struct Problem {
  int x, weights, y;
  Numbers numbers;
  ConvShape shape;
  Method method;
  int zeros;
  int few, scales;
};
Problem problemOf(const Instruction& instruction);

// Whether the numbers are numbers and no sum of them leaves int32, without zero points of weights.
bool canRun(const ConvShape& shape, const Numbers& numbers);

// What an instruction says, looked at before anything is built.
struct Claim {
  bool valid;
  WeightSource constant;   // without bytes where a run computes the weights
  std::vector<int> zeros;  // of the weights of each output; empty where all are 0
};
Claim claimOf(const Problem& problem, const Instruction& instruction, BuildContext& context);

// The operand that x is turned into: x + offset.
int offsetOf(Operand operand, const Numbers& numbers);

// How the kernel of this instruction set packs weights that a run computes; null where no kernel
// takes them.
std::unique_ptr<WeightPacking> packingFor(const ConvShape& shape, const Numbers& numbers, Isa isa,
                                          Features features, int threads);
// The forms that the oracles read: a byte an element.
std::unique_ptr<WeightPacking> referencePacking(int outputs, int taps, int channels,
                                                const Numbers& numbers);
// The oracle, for the depthwise convolution too.
std::unique_ptr<Step> makeReference(const char* name, const Instruction& instruction,
                                    const Problem& problem, const Claim& claim);

}  // namespace qconv

std::unique_ptr<Step> make_qconv(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
