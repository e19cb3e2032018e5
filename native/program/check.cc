// See check.h.
#include "program/check.h"

#include <cstdlib>

#include "kernels/epilogue/epilogue.h"

namespace bitplane {

namespace {

// The field of this name, or `otherwise` where the opcode has none.
int64_t field(const Opcode& opcode, const Instruction& instruction, std::string_view name,
              int64_t otherwise) {
  for (int i = 0; i < opcode.fieldCount; i++)
    if (opcode.fields[i].name == name) return instruction.field(i);
  return otherwise;
}

// Sums of two coordinates of a window stay below 2^31 where each stays below this.
constexpr int64_t kFarthest = int64_t{1} << 30;

// One axis of a window. span: from the first tap of the first output to the last tap of the last
// one.
bool windowFits(int64_t size, int64_t outputs, int64_t taps, int64_t stride, int64_t dilation,
                int64_t before) {
  for (const int64_t value : {size, outputs, taps, stride, dilation, std::abs(before)})
    if (value >= kFarthest) return false;
  return (outputs - 1) * stride + (taps - 1) * dilation + 1 < kFarthest;
}

constexpr int kOperands[] = {
#define X(name, operands) operands,
    BITPLANE_EPILOGUE_OPS(X)
#undef X
};

bool isBuffer(int64_t number, size_t buffers) {
  return number >= 0 && number < static_cast<int64_t>(buffers);
}

bool epilogueIsSound(const Instruction& instruction, size_t buffers) {
  for (int i = 0; i < instruction.epilogueLength; i++) {
    EpilogueStep step;
    std::memcpy(&step, instruction.epilogue + i * kEpilogueStepInts, sizeof step);
    const auto op = static_cast<int32_t>(step.op), kind = static_cast<int32_t>(step.kind);
    if (op < 0 || static_cast<size_t>(op) >= sizeof kOperands / sizeof kOperands[0]) return false;
    if (kind < 0 || kind > static_cast<int32_t>(OperandKind::pixel)) return false;
    if (kOperands[op] > 0 && !isBuffer(step.buffer, buffers)) return false;
    if (kOperands[op] > 1 && !isBuffer(step.second, buffers)) return false;
    // Whoever takes one operand may be asked for a second that is not there.
    if (step.second != -1 && !isBuffer(step.second, buffers)) return false;
  }
  return true;
}

const char* problemOfSizes(const Opcode& opcode, const Instruction& instruction) {
  for (int i = 0; i < opcode.fieldCount; i++) {
    if (opcode.fields[i].kind == FieldKind::size && instruction.field(i) <= 0)
      return "a size of it is 0 or less";
  }
  const auto at = [&](const char* name) { return field(opcode, instruction, name, 1); };
  const int64_t groups = field(opcode, instruction, "g", 0);
  if (groups > 0 && (at("c") % groups != 0 || at("o") % groups != 0))
    return "its groups do not divide its channels";
  const int64_t taps = at("kh") * at("kw"), depth = groups > 0 ? at("c") / groups : 1;
  if (taps > INT32_MAX || taps * depth > INT32_MAX) return "its window has 2^31 terms or more";
  if (!windowFits(at("h"), at("oh"), at("kh"), at("sh"), at("dh"), at("pt")) ||
      !windowFits(at("w"), at("ow"), at("kw"), at("sw"), at("dw"), at("pl")))
    return "its window reaches over 2^30 rows or columns";
  // Steps number the rows of all images.
  if (at("n") * at("oh") > INT32_MAX) return "it has 2^31 rows or more";
  return nullptr;
}

}  // namespace

const char* problemOf(const Opcode& opcode, const Instruction& instruction, size_t buffers) {
  for (int i = 0; i < opcode.fieldCount; i++) {
    const Field& field = opcode.fields[i];
    const int64_t number = instruction.field(i);
    if (!field.isBuffer() || isBuffer(number, buffers)) continue;
    if (number != -1 || !field.optional) return "it names a buffer that is not there";
  }
  if (!epilogueIsSound(instruction, buffers)) return "its epilogue is malformed";
  return problemOfSizes(opcode, instruction);
}

}  // namespace bitplane
