// Where C++ exceptions end: none may cross Node's frames, so every function that JavaScript calls
// and that may allocate runs in `guarded`. Not here: what fails (base/failure.h).
#pragma once
#include <napi.h>

#include "base/failure.h"

namespace bitplane {

// The word that operators search for in logs.
constexpr const char* kNoMemory = "out of memory: the system gave the addon none";

// Runs `body`. If the system has no more memory, locks or threads, a JavaScript error is pending
// afterwards and the result is false. `body` must undo its own changes then.
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
