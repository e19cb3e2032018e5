// What every kernel may take for granted of an instruction, checked once for all of them when a
// program is built: its buffers exist, its sizes are at least 1 and small enough to be multiplied,
// because kernels divide by them and count pixels of a row, taps and channels in an int, and the
// operands and targets of its epilogue are as large as their dtypes and the sizes say. Not here:
// whether the kernel's own buffers are; the compiler that writes programs (src/runtime) takes both
// from the same shapes.
#pragma once
#include "program/opcodes.h"
#include "program/program.h"

namespace bitplane {

// Null where the instruction is in order, else the end of a sentence. The first is asked of an
// instruction that has no buffers yet.
const char* problemOfSizes(const Opcode& opcode, const Instruction& instruction);
const char* problemOf(const Opcode& opcode, const Instruction& instruction,
                      const std::vector<BufferSpec>& buffers);

}  // namespace bitplane
