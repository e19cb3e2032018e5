// The instruction set as a table: kernels/opcodes.inc with a factory behind every row.
#pragma once
#include "kernels/step.h"

namespace bitplane {

struct Opcode {
  const char* name;
  const char* fields;  // names separated by single spaces, in encoding order
  StepFactory make;
};

const Opcode* opcodes(int* count);
int fieldCount(const Opcode& opcode);

}  // namespace bitplane
