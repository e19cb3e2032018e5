#include "program/opcodes.h"

namespace bitplane {

// The file that CMakeLists.txt makes includes every kernels/<op>/opcode.inc.
#define BITPLANE_OPCODE(name, fields) \
  std::unique_ptr<Step> make_##name(const Instruction&, BuildContext&);
#include "opcodes.inc"
#undef BITPLANE_OPCODE

namespace {

// Where it is called, the row of an opcode.inc is wrong: a call that is no constant expression does
// not compile.
void isMalformed() {}

// The text up to `end`, which leaves `rest` together with `end`.
constexpr std::string_view take(std::string_view* rest, char end) {
  const size_t length = rest->find(end);
  const std::string_view word = rest->substr(0, length);
  rest->remove_prefix(length == std::string_view::npos ? rest->size() : length + 1);
  return word;
}

// "name", "name:kind", "name:kind?" or "name:kind:dtype".
constexpr Field parseField(std::string_view text) {
  Field field = {take(&text, ':'), FieldKind::size, false, {}};
  if (text.empty()) return field;
  std::string_view kind = take(&text, ':');
  field.dtype = text;
  field.optional = kind.back() == '?';
  if (field.optional) kind.remove_suffix(1);
  // Sizes are written without a kind.
  for (int i = 1; i < static_cast<int>(std::size(kFieldKinds)); i++)
    if (kind == kFieldKinds[i]) field.kind = static_cast<FieldKind>(i);
  if (field.kind == FieldKind::size) isMalformed();
  return field;
}

constexpr Opcode parse(const char* name, std::string_view fields, StepFactory make) {
  Opcode opcode = {name, make, 0, {}};
  while (!fields.empty()) opcode.fields[opcode.fieldCount++] = parseField(take(&fields, ' '));
  return opcode;
}

constexpr Opcode kOpcodes[] = {
#define BITPLANE_OPCODE(name, fields) parse(#name, fields, &make_##name),
#include "opcodes.inc"
#undef BITPLANE_OPCODE
};

}  // namespace

const Opcode* opcodes(int* count) {
  *count = static_cast<int>(std::size(kOpcodes));
  return kOpcodes;
}

}  // namespace bitplane
