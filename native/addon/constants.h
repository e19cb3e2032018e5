// The constants of a session as JavaScript holds them. Not here: what kernels make of them
// (program/constants.h).
#pragma once
#include <napi.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "addon/bytes.h"
#include "addon/guard.h"
#include "addon/shell.h"
#include "program/constants.h"

namespace bitplane {

// new Constants(list): the constants of a session; entry i is constant i: a typed array, or {
// byteLength, read(from) } that gives the bytes in parts. The entries are kept, and their bytes
// must not change.
class ConstantsObject final : public Napi::ObjectWrap<ConstantsObject>, public Shell {
 public:
  explicit ConstantsObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<ConstantsObject>(info) {
    guarded(info.Env(), [&] {
      store_ = std::make_shared<Constants>();
      store_->setLoader([this](int index, bool all) { return load(index, all); });
      append(info[0].As<Napi::Array>());
    });
  }
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Constants",
                       {InstanceMethod<&ConstantsObject::extend>("extend"),
                        InstanceMethod<&ConstantsObject::fetch>("fetch"),
                        InstanceMethod<&ConstantsObject::release>("release"),
                        InstanceAccessor<&ConstantsObject::packedBytes>("packedBytes")});
  }
  const std::shared_ptr<Constants>& store() const { return store_; }
  // Tells the garbage collector how much native memory this object holds, so that sessions which
  // nobody releases are collected in time.
  void account(Napi::Env env) { accounted_.set(env, store_->packedBytes()); }
  void Finalize(Napi::Env env) override { accounted_.set(env, 0); }

 private:
  // Bytes that are copied or read before the event loop may have its turn: a fraction of a
  // millisecond, the faults of fresh pages included.
  static constexpr size_t kPart = 512 << 10;
  // False if the bytes cannot be read; then a JavaScript error is pending, unless the environment
  // is ending.
  bool load(int index, bool all) {
    Napi::HandleScope scope(Env());
    Napi::Object entry = entries_[index].Value();
    const size_t size = store_->size(index), begin = store_->arrived(index);
    if (entry.IsEmpty()) return false;
    auto* to = static_cast<uint8_t*>(store_->allocate(index));
    const bool whole = entry.IsTypedArray();
    while (store_->arrived(index) < size && (all || store_->arrived(index) - begin < kPart)) {
      const size_t at = store_->arrived(index);
      Napi::Value part = whole ? Napi::Value(entry) : readPart(entry, at);
      Bytes bytes;
      // The array may have been detached since; it has no bytes then.
      if (!bytesOf(part, &bytes) || bytes.size == 0 || bytes.size > size - (whole ? 0 : at))
        return store_->drop(index), false;
      if (whole) {
        bytes.size = std::min(bytes.size, all ? size : at + kPart);
        if (bytes.size <= at) return store_->drop(index), false;
        bytes.size -= at;
        bytes.data += at;
      }
      std::memcpy(to + at, bytes.data, bytes.size);
      store_->arrive(index, bytes.size);
    }
    return true;
  }
  static Napi::Value readPart(Napi::Object reader, size_t from) {
    Napi::Value read = reader.Get("read");
    if (read.IsEmpty() || !read.IsFunction()) return Napi::Value();
    return read.As<Napi::Function>().Call(
        reader, {Napi::Number::New(reader.Env(), static_cast<double>(from))});
  }
  // Appends all entries, or none if it throws or leaves a JavaScript error pending: the numbers of
  // later constants depend on it.
  void append(Napi::Array list) {
    struct Rollback {
      ConstantsObject& self;
      const size_t before = self.entries_.size();
      bool complete = false;
      ~Rollback() {
        if (complete) return;
        self.entries_.resize(before);
        self.store_->shrink(static_cast<int>(before));
      }
    } rollback{*this};
    for (uint32_t i = 0; i < list.Length(); i++) {
      Napi::Value entry = list.Get(i);
      if (entry.IsEmpty()) return;
      size_t size;
      if (entry.IsTypedArray()) {
        Bytes bytes;
        if (!bytesOf(entry, &bytes)) return;
        size = bytes.size;
      } else {
        Napi::Value length =
            entry.IsObject() ? entry.As<Napi::Object>().Get("byteLength") : Napi::Value();
        if (length.IsEmpty() || !length.IsNumber()) return;
        size = static_cast<size_t>(length.As<Napi::Number>().Int64Value());
      }
      store_->add(size);
      entries_.push_back(Napi::Persistent(entry.As<Napi::Object>()));
    }
    rollback.complete = true;
  }
  Napi::Value extend(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] { append(info[0].As<Napi::Array>()); });
    return info.Env().Undefined();
  }
  // fetch(index): a further part of a constant's bytes; true when they are all there, or when some
  // kernel has packed them.
  Napi::Value fetch(const Napi::CallbackInfo& info) {
    const int index = info[0].As<Napi::Number>().Int32Value();
    bool done = true;
    guarded(info.Env(), [&] {
      if (index < 0 || index >= store_->count() || store_->isPacked(index)) return;
      done = !store_->fetchPart(index) || store_->has(index);
    });
    return Napi::Boolean::New(info.Env(), done);
  }
  Napi::Value release(const Napi::CallbackInfo& info) {
    store_->clear();
    entries_.clear();
    account(info.Env());
    return info.Env().Undefined();
  }
  Napi::Value packedBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(store_->packedBytes()));
  }
  std::shared_ptr<Constants> store_;
  std::vector<Napi::ObjectReference> entries_;
  ExternalBytes accounted_;
};

}  // namespace bitplane
