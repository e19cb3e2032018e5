#include "addon/tables.h"

#include "kernels/epilogue/epilogue.h"
#include "program/opcodes.h"

namespace bitplane {

namespace {

Napi::Value fieldTable(Napi::Env env, const Opcode& opcode) {
  Napi::Array fields = Napi::Array::New(env);
  const auto text = [&](std::string_view word) {
    return Napi::String::New(env, word.data(), word.size());
  };
  for (int i = 0; i < opcode.fieldCount; i++) {
    const Field& field = opcode.fields[i];
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", text(field.name));
    row.Set("kind", text(kFieldKinds[static_cast<int>(field.kind)]));
    row.Set("optional", field.optional);
    if (!field.dtype.empty()) row.Set("dtype", text(field.dtype));
    fields.Set(static_cast<uint32_t>(i), row);
  }
  return fields;
}

}  // namespace

Napi::Value opcodeTable(Napi::Env env) {
  Napi::Array table = Napi::Array::New(env);
  int count = 0;
  const Opcode* rows = opcodes(&count);
  for (int i = 0; i < count; i++) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", rows[i].name);
    row.Set("fields", fieldTable(env, rows[i]));
    table.Set(static_cast<uint32_t>(i), row);
  }
  return table;
}

Napi::Value epilogueTable(Napi::Env env) {
  Napi::Array names = Napi::Array::New(env);
  uint32_t i = 0;
#define X(name, operand) names.Set(i++, #name);
  BITPLANE_EPILOGUE_OPS(X)
#undef X
  return names;
}

Napi::Value featureTable(Napi::Env env) {
  Napi::Array rows = Napi::Array::New(env);
  for (int i = 0; i < kFeatureCount; i++) {
    Napi::Array isas = Napi::Array::New(env);
    uint32_t count = 0;
    for (int isa = 0; isa < kIsaCount; isa++) {
      if (featuresOf(static_cast<Isa>(isa)) >> i & 1)
        isas.Set(count++, isaName(static_cast<Isa>(isa)));
    }
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", featureName(i));
    row.Set("isas", isas);
    rows.Set(static_cast<uint32_t>(i), row);
  }
  return rows;
}

}  // namespace bitplane
