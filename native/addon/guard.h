// Where C++ exceptions end: none may cross Node's frames, so whatever JavaScript calls that may
// allocate runs in here. Not here: what fails (base/failure.h).
#pragma once
#include <napi.h>

#include "base/failure.h"

namespace bitplane {

// The word that whoever runs a server looks for.
constexpr const char* kNoMemory = "out of memory: the system gave the addon none";

// Runs `body`. Where it runs out of memory, or of another thing that the system gives, a JavaScript
// error is pending afterwards and the result is false. What `body` had changed by then is its own
// to undo.
template <typename Body>
bool guarded(Napi::Env env, Body body) {
  const char* sentence = kNoMemory;
  try {
    body();
    return true;
  } catch (const Failure& failure) {
    sentence = failure.what();
  } catch (const std::exception&) {
    // std::bad_alloc, or std::length_error where a size is beyond any memory.
  }
  if (!env.IsExceptionPending()) Napi::Error::New(env, sentence).ThrowAsJavaScriptException();
  return false;
}

}  // namespace bitplane
