// The addon's tables as JavaScript sees them, so that the two sides cannot drift apart: what
// src/native/addon.ts types as `opcodes`, `epilogueOps` and `features`.
#pragma once
#include <napi.h>

namespace bitplane {

Napi::Value opcodeTable(Napi::Env env);
Napi::Value epilogueTable(Napi::Env env);
Napi::Value featureTable(Napi::Env env);

}  // namespace bitplane
