// The instruction set as a table: the rows of kernels/<op>/opcode.inc, in the order of the folders'
// names, their fields parsed by the compiler, with a factory behind every row. CMakeLists.txt
// collects the files, so that a new kernel folder edits no list.
//
// A row is BITPLANE_OPCODE(name, "its fields, in order"). Its factory is make_<name>, in the
// kernel's folder; TypeScript reads the table through the addon and encodes by field name. A field
// is `name`, `name:kind` or `name:kind:dtype`. Kinds:
//
//   none      a size: at least 1, because kernels divide by it
//   number    any number
//   in, out   a buffer that is read, or written, when the program runs
//   weights   a constant buffer that is packed when the program is built, and read in no other way
//   constant  a constant buffer
//
// A buffer's field holds its number; with `?` behind its kind it may be -1, for no buffer. A buffer
// whose dtype follows from other fields states none.
//
// Letters of the rows: x, y buffers; n h w c input sizes (NHWC); oh ow o output sizes; kh kw
// kernel; sh sw stride; dh dw dilation; pt pl padding before (padding after follows from oh, ow); g
// groups.
#pragma once
#include <string_view>

#include "kernels/step.h"

namespace bitplane {

// What a field holds. Kinds from `in` on are buffers.
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
