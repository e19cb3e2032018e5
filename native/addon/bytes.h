// The bytes behind JavaScript's typed arrays, how the garbage collector learns of native bytes, and
// how a call fails. Not here: the classes (addon.cc).
#pragma once
#include <napi.h>

#include <cstdint>

namespace bitplane {

struct Bytes {
  uint8_t* data;
  size_t size;
};

// The bytes of a typed array; false (with a JavaScript error pending) for anything else, detached
// arrays included.
inline bool bytesOf(Napi::Value value, Bytes* out) {
  if (value.IsEmpty()) return false;  // the environment is ending
  if (!value.IsTypedArray()) {
    Napi::TypeError::New(value.Env(), "expected a typed array").ThrowAsJavaScriptException();
    return false;
  }
  // The plain call, because ArrayBuffer() fails on memory shared between threads.
  void* data = nullptr;
  napi_get_typedarray_info(value.Env(), value, nullptr, nullptr, &data, nullptr, nullptr);
  out->size = data == nullptr ? 0 : value.As<Napi::TypedArray>().ByteLength();
  out->data = static_cast<uint8_t*>(data);
  return true;
}

// Native bytes that an object has told the garbage collector of.
class ExternalBytes {
 public:
  void set(Napi::Env env, size_t bytes) {
    auto change = static_cast<int64_t>(bytes) - static_cast<int64_t>(bytes_);
    if (change != 0) Napi::MemoryManagement::AdjustExternalMemory(env, change);
    bytes_ = bytes;
  }

 private:
  size_t bytes_ = 0;
};

// A C string, because a std::string would need memory, and memory may be exhausted.
inline void fail(Napi::Env env, const char* sentence) {
  Napi::Error::New(env, sentence).ThrowAsJavaScriptException();
}

}  // namespace bitplane
