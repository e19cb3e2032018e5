// new States(sizes: number[]): memory that lasts from run to run, zeros at first. Programs that
// were built over it share it, and keep it when this object lets it go. Not here: who may touch it
// when (src/runtime/state-store.ts sees to it that no run writes meanwhile).
#pragma once
#include <napi.h>

#include <cstring>

#include "addon/bytes.h"
#include "addon/guard.h"
#include "addon/shell.h"
#include "program/program.h"

namespace bitplane {

class StatesObject final : public Napi::ObjectWrap<StatesObject>, public Shell {
 public:
  explicit StatesObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StatesObject>(info) {
    guarded(info.Env(), [&] { allocate(info[0].As<Napi::Array>()); });
  }
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "States",
        {InstanceMethod<&StatesObject::write>("write"), InstanceMethod<&StatesObject::read>("read"),
         InstanceMethod<&StatesObject::release>("release")});
  }
  const StateBlocks& blocks() const { return blocks_; }
  void Finalize(Napi::Env env) override { accounted_.set(env, 0); }

 private:
  void allocate(Napi::Array sizes) {
    size_t sum = 0;
    for (uint32_t i = 0; i < sizes.Length(); i++) {
      Napi::Value size = sizes.Get(i);
      if (size.IsEmpty() || !size.IsNumber()) return;
      const auto bytes = static_cast<size_t>(size.As<Napi::Number>().Int64Value());
      blocks_.push_back(std::make_shared<Block>(bytes));
      sum += bytes;
    }
    accounted_.set(Env(), sum);
  }
  // The block of a number; null, with a JavaScript error pending, where the array does not fit it.
  Block* fitting(const Napi::CallbackInfo& info, Bytes* array) {
    if (!bytesOf(info[1], array)) return nullptr;
    const uint32_t number = info[0].As<Napi::Number>().Uint32Value();
    if (number < blocks_.size() && blocks_[number]->bytes() == array->size)
      return blocks_[number].get();
    fail(info.Env(), "no state of this number and size");
    return nullptr;
  }
  Napi::Value write(const Napi::CallbackInfo& info) {
    Bytes from;
    Block* block = fitting(info, &from);
    if (block != nullptr && from.size > 0) std::memcpy(block->data(), from.data, from.size);
    return info.Env().Undefined();
  }
  Napi::Value read(const Napi::CallbackInfo& info) {
    Bytes to;
    Block* block = fitting(info, &to);
    if (block != nullptr && to.size > 0) std::memcpy(to.data, block->data(), to.size);
    return info.Env().Undefined();
  }
  Napi::Value release(const Napi::CallbackInfo& info) {
    blocks_.clear();
    accounted_.set(info.Env(), 0);
    return info.Env().Undefined();
  }

  StateBlocks blocks_;
  ExternalBytes accounted_;
};

}  // namespace bitplane
