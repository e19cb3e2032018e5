// See check.h.
#include "program/check.h"

#include <cstdlib>

#include "kernels/epilogue/epilogue.h"

namespace bitplane {

namespace {

// The names in opcodes.inc that say how many there are of something. The boxes of `copy` and
// `binary` are sizes too.
constexpr const char* kSizes[] = {"n",    "h",     "w",  "c",  "oh", "ow", "o",  "kh",    "kw",
                                  "sh",   "sw",    "dh", "dw", "g",  "hw", "k",  "outer", "inner",
                                  "rows", "count", "d0", "d1", "d2", "d3", "d4", "d5"};

// Fields that hold the number of a buffer, or -1 where the instruction has no such buffer.
constexpr const char* kBuffers[] = {"x", "weights", "y", "thresholds", "a", "b"};

bool sameWord(const char* word, size_t length, const char* name) {
  return std::strlen(name) == length && std::memcmp(word, name, length) == 0;
}

template <size_t N>
bool isAmong(const char* const (&names)[N], const char* word, size_t length) {
  for (const char* name : names)
    if (sameWord(word, length, name)) return true;
  return false;
}

// Calls visit(name, length of the name, value) for every field until it answers false.
template <typename Visit>
bool eachField(const Opcode& opcode, const Instruction& instruction, Visit visit) {
  const char* at = opcode.fields;
  for (int i = 0; i < instruction.fieldCount; i++) {
    const size_t length = std::strcspn(at, " ");
    if (!visit(at, length, int64_t{instruction.field(i)})) return false;
    at += length + 1;
  }
  return true;
}

// The field of this name, or `otherwise` where the opcode has none.
int64_t field(const Opcode& opcode, const Instruction& instruction, const char* name,
              int64_t otherwise) {
  int64_t found = otherwise;
  eachField(opcode, instruction, [&](const char* word, size_t length, int64_t value) {
    if (!sameWord(word, length, name)) return true;
    found = value;
    return false;
  });
  return found;
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
    BITPLANE_CHAIN_OPS(X)
#undef X
};

bool isBuffer(int64_t number, size_t buffers) {
  return number >= 0 && number < static_cast<int64_t>(buffers);
}

bool chainIsSound(const Instruction& instruction, size_t buffers) {
  for (int i = 0; i < instruction.chainLength; i++) {
    ChainStep step;
    std::memcpy(&step, instruction.chain + i * kChainStepInts, sizeof step);
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
  const auto isFine = [](const char* word, size_t length, int64_t value) {
    return value > 0 || !isAmong(kSizes, word, length);
  };
  if (!eachField(opcode, instruction, isFine)) return "a size of it is 0 or less";
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
  const auto exists = [&](const char* word, size_t length, int64_t value) {
    return value == -1 || isBuffer(value, buffers) || !isAmong(kBuffers, word, length);
  };
  if (!eachField(opcode, instruction, exists)) return "it names a buffer that is not there";
  if (!chainIsSound(instruction, buffers)) return "its chain is malformed";
  return problemOfSizes(opcode, instruction);
}

}  // namespace bitplane
