#include "program/opcodes.h"

namespace bitplane {

#define BITPLANE_OPCODE(name, fields) \
  std::unique_ptr<Step> make_##name(const Instruction&, BuildContext&);
#include "kernels/opcodes.inc"
#undef BITPLANE_OPCODE

namespace {
constexpr Opcode kOpcodes[] = {
#define BITPLANE_OPCODE(name, fields) {#name, fields, &make_##name},
#include "kernels/opcodes.inc"
#undef BITPLANE_OPCODE
};
}  // namespace

const Opcode* opcodes(int* count) {
  *count = static_cast<int>(sizeof(kOpcodes) / sizeof(kOpcodes[0]));
  return kOpcodes;
}

int fieldCount(const Opcode& opcode) {
  int count = 1;
  for (const char* c = opcode.fields; *c != '\0'; c++)
    if (*c == ' ') count++;
  return count;
}

}  // namespace bitplane
