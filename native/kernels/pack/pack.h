// Weights that a run computes, brought into the form that a kernel reads: packed = P(w), where P is
// the packing of the convolution whose shape the instruction has. A constant is packed once, when a
// program is built; a state, or whatever is computed from one, is packed in every run, into memory
// that the plan sized by asking packedWeightBytes. Not here: the layouts (each kernel's own).
//
// Fields: x y kind weightBits n h w c oh ow o kh kw sh sw dh dw pt pl g padding xSigned xBits
// weightKind zero. x is f32 (weightBits 32), b1 (1, and bipolar for integer kernels) or integers of
// weightBits, a byte each, [o, kh, kw, c/g]; y is the packed form. kind: 0 bconv, 1 conv, 2 dwconv,
// 3 qconv, 4 qdwconv, 5 input_gradient (x is then [c, kh, kw, o/g]); the rest is as in the
// instruction that reads y, or any number.
#pragma once
#include "kernels/step.h"

namespace bitplane {

// Bytes of y, at least 1; 0 where no kernel takes such weights.
size_t packedWeightBytes(const Instruction& instruction, Isa isa, Features features, int threads);
std::unique_ptr<Step> make_pack(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
