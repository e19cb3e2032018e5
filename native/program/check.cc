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

bool isBuffer(int64_t number, const std::vector<BufferSpec>& buffers) {
  return number >= 0 && number < static_cast<int64_t>(buffers.size());
}

// a * b, or the largest number where that is larger.
int64_t times(int64_t a, int64_t b) { return b > 0 && a > INT64_MAX / b ? INT64_MAX : a * b; }

// What an epilogue is applied to: [images, hw, channels].
struct Result {
  int64_t images, hw, channels;
};

Result resultOf(const Opcode& opcode, const Instruction& instruction) {
  const auto at = [&](const char* name) { return field(opcode, instruction, name, 1); };
  const int64_t hw = field(opcode, instruction, "hw", times(at("oh"), at("ow")));
  return {at("n"), hw, field(opcode, instruction, "o", at("c"))};
}

// Bytes of a step's operand, or of its target.
int64_t bytesOf(const EpilogueStep& step, const Result& result) {
  const OperandType type = operandType(step);
  const int64_t pitch = step.pitch > 0 ? step.pitch : result.channels;
  const auto rows = [&](int64_t count, int64_t channels) {
    return times(count, elementBytes(type, rowElements(type, channels)));
  };
  if (step.op == EpilogueOp::multithreshold) return rows(step.count, result.channels);
  if (isStore(step.op)) return rows(times(result.images, result.hw), pitch);
  switch (step.kind) {
    case OperandKind::tensor:
      return rows(times(result.images, result.hw), pitch);
    case OperandKind::image_channel:
      return rows(result.images, result.channels);
    case OperandKind::pixel:
      return rows(times(result.images, result.hw), 1);
    default:
      return rows(1, result.channels);
  }
}

constexpr const char* kMalformed = "its epilogue is malformed";

const char* problemOfStep(const EpilogueStep& step, const Result& result,
                          const std::vector<BufferSpec>& buffers) {
  const auto op = static_cast<int32_t>(step.op), kind = static_cast<int32_t>(step.kind),
             type = static_cast<int32_t>(step.type);
  if (op < 0 || static_cast<size_t>(op) >= std::size(kOperands)) return kMalformed;
  if (kind < 0 || kind > static_cast<int32_t>(OperandKind::pixel)) return kMalformed;
  if (type < 0 || type > static_cast<int32_t>(OperandType::b1)) return kMalformed;
  const int operands = kOperands[op];
  if (operands > 0 && !isBuffer(step.buffer, buffers)) return kMalformed;
  if (operands > 1 && !isBuffer(step.second, buffers)) return kMalformed;
  // Whoever takes one operand may be asked for a second that is not there.
  if (step.second != -1 && !isBuffer(step.second, buffers)) return kMalformed;
  if (step.pitch < 0 || step.first < 0 || step.count < 0) return kMalformed;
  if (operands == 0) return nullptr;
  const bool stores = isStore(step.op), isTable = step.op == EpilogueOp::multithreshold;
  // An operand lies in some way, a table is of floats, bits fill words, and a target is of the
  // store's own type.
  if (!stores && step.kind == OperandKind::none) return kMalformed;
  if ((stores || isTable) && step.type != OperandType::f32) return kMalformed;
  if (step.kind == OperandKind::pixel && step.type == OperandType::b1) return kMalformed;
  if (stores && step.pitch > 0 && step.first + result.channels > step.pitch) return kMalformed;
  if (step.op == EpilogueOp::store_planes && step.pitch > 0) return kMalformed;
  // Vectors of 16 channels may not straddle the end of an operand that repeats.
  if (!stores && step.pitch > 0 && (result.channels % step.pitch != 0 || step.pitch % 16 != 0))
    return kMalformed;
  const int64_t bytes = bytesOf(step, result);
  const auto holds = [&](int32_t buffer) {
    return buffer < 0 || bytes <= static_cast<int64_t>(buffers[buffer].bytes);
  };
  return holds(step.buffer) && holds(step.second) ? nullptr
                                                  : "a buffer of its epilogue is too small";
}

const char* problemOfEpilogue(const Opcode& opcode, const Instruction& instruction,
                              const std::vector<BufferSpec>& buffers) {
  const Result result = resultOf(opcode, instruction);
  for (int i = 0; i < instruction.epilogueLength; i++) {
    EpilogueStep step;
    std::memcpy(&step, instruction.epilogue + i * kEpilogueStepInts, sizeof step);
    if (const char* problem = problemOfStep(step, result, buffers)) return problem;
  }
  return nullptr;
}

}  // namespace

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

const char* problemOf(const Opcode& opcode, const Instruction& instruction,
                      const std::vector<BufferSpec>& buffers) {
  for (int i = 0; i < opcode.fieldCount; i++) {
    const Field& field = opcode.fields[i];
    const int64_t number = instruction.field(i);
    if (!field.isBuffer() || isBuffer(number, buffers)) continue;
    if (number != -1 || !field.optional) return "it names a buffer that is not there";
  }
  if (const char* problem = problemOfSizes(opcode, instruction)) return problem;
  return problemOfEpilogue(opcode, instruction, buffers);
}

}  // namespace bitplane
