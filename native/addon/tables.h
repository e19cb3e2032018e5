// The addon's tables as JavaScript sees them, so that the two sides cannot drift apart: what
// src/native/addon.ts types as `opcodes` and `chainOps`.
#pragma once
#include <napi.h>

namespace bitplane {

Napi::Value opcodeTable(Napi::Env env);
Napi::Value chainTable(Napi::Env env);

}  // namespace bitplane
