// What JavaScript asks of kernels without a program: see src/native/addon.ts.
#pragma once
#include <napi.h>

namespace bitplane {

// bound(kind, isa | bytes, without): the rate that this machine allows.
Napi::Value bound(const Napi::CallbackInfo& info);
// packedBytes(fields: Int32Array, isa, without, threads): what the instruction `pack` of these
// fields needs for its result, 0 where no kernel takes such weights.
Napi::Value packedBytes(const Napi::CallbackInfo& info);

}  // namespace bitplane
