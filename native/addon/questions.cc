#include "addon/questions.h"

#include <cstdlib>
#include <cstring>
#include <string>

#include "addon/bytes.h"
#include "addon/guard.h"
#include "kernels/bounds/bounds.h"
#include "kernels/pack/pack.h"
#include "program/check.h"
#include "program/opcodes.h"

namespace bitplane {

Napi::Value bound(const Napi::CallbackInfo& info) {
  double rate = 0;
  guarded(info.Env(), [&] {
    const std::string kind = info[0].As<Napi::String>().Utf8Value();
    const std::string of = info[1].As<Napi::String>().Utf8Value();
    Isa isa;
    if (kind == "stream") {
      rate = streamBound(static_cast<size_t>(std::atof(of.c_str())));
    } else if (isaFromName(of.c_str(), &isa)) {
      const Features features = featuresOf(isa) & ~info[2].As<Napi::Number>().Uint32Value();
      rate = kind == "fma"        ? fmaBound(isa)
             : kind == "popcount" ? popcountBound(isa)
                                  : dotBound(isa, features, kind == "narrow");
    }
  });
  return Napi::Number::New(info.Env(), rate);
}

Napi::Value packedBytes(const Napi::CallbackInfo& info) {
  size_t bytes = 0;
  guarded(info.Env(), [&] {
    Bytes fields;
    Isa isa;
    if (!bytesOf(info[0], &fields)) return;
    if (!isaFromName(info[1].As<Napi::String>().Utf8Value().c_str(), &isa)) return;
    const Features features = featuresOf(isa) & ~info[2].As<Napi::Number>().Uint32Value();
    int known = 0;
    const Opcode* table = opcodes(&known);
    const Instruction instruction{0, reinterpret_cast<const int32_t*>(fields.data),
                                  static_cast<int>(fields.size / 4), nullptr, 0};
    for (int i = 0; i < known; i++) {
      if (std::strcmp(table[i].name, "pack") != 0) continue;
      if (table[i].fieldCount != instruction.fieldCount) return;
      if (problemOfSizes(table[i], instruction) != nullptr) return;
      bytes =
          packedWeightBytes(instruction, isa, features, info[3].As<Napi::Number>().Int32Value());
    }
  });
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

}  // namespace bitplane
