// What every kernel may assume of an instruction, checked once when a program is built: its buffers
// exist, and its sizes are at least 1, because kernels divide by them, and small enough to be
// multiplied, because kernels count pixels of a row, taps and channels in an int. Not here: whether
// buffers are as large as the sizes say; the compiler that writes programs (src/runtime) takes both
// from the same shapes.
#pragma once
#include "program/opcodes.h"

namespace bitplane {

// Null where the instruction is in order, else the end of a sentence. `buffers`: how many the
// program has.
const char* problemOf(const Opcode& opcode, const Instruction& instruction, size_t buffers);

}  // namespace bitplane
