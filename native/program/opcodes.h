// The instruction set as a table: kernels/opcodes.inc, its fields parsed by the compiler, with a
// factory behind every row.
#pragma once
#include <string_view>

#include "kernels/step.h"

namespace bitplane {

// What a field holds; kernels/opcodes.inc says what each kind means. Those from `in` on are
// buffers.
enum class FieldKind : int { size, number, in, out, weights, constant };
constexpr std::string_view kFieldKinds[] = {"size", "number", "in", "out", "weights", "constant"};

struct Field {
  std::string_view name;
  FieldKind kind;
  bool optional;           // a buffer that may be absent: -1
  std::string_view dtype;  // of a buffer's elements; empty where other fields decide it

  constexpr bool isBuffer() const { return kind >= FieldKind::in; }
};

constexpr int kMostFields = 28;

struct Opcode {
  const char* name;
  StepFactory make;
  int fieldCount;
  Field fields[kMostFields];  // in encoding order
};

const Opcode* opcodes(int* count);

}  // namespace bitplane
