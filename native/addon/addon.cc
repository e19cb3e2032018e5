// The N-API surface: Constants, Program, and a few facts about this machine. It checks only what
// would crash; TypeScript validates everything else.
//
// Any allocation may fail. So code that allocates runs in a guard (guard.h), and it changes shared
// state only after its last allocation.
//
// A worker may be terminated at any moment. From then on every call that could run JavaScript
// fails, even reading an element of an array; no exception can be thrown; and such calls return
// empty values without an environment. So each returned value is checked before it is used.
#include <napi.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "addon/bytes.h"
#include "addon/constants.h"
#include "addon/guard.h"
#include "addon/instance.h"
#include "addon/questions.h"
#include "addon/shell.h"
#include "addon/states.h"
#include "addon/tables.h"
#include "program/check.h"
#include "program/opcodes.h"

namespace bitplane {

// new Program(constants, code: Int32Array, buffers: Float64Array [kind, where, bytes]*, {
// arenaBytes, isa, without?, threads, states?, commit? }, inputs: number[], outputs: number[]).
// states: what buffers of that kind number; commit: the first instruction that a run ends although
// it is aborted. Six arguments at most: for a seventh node-addon-api allocates outside of any
// guard.
class ProgramObject final : public Napi::ObjectWrap<ProgramObject>, public Shell {
 public:
  explicit ProgramObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ProgramObject>(info) {
    guarded(info.Env(), [&] { build(info); });
  }
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Program",
                       {InstanceMethod<&ProgramObject::start>("start"),
                        InstanceMethod<&ProgramObject::finish>("finish"),
                        InstanceMethod<&ProgramObject::abort>("abort"),
                        InstanceMethod<&ProgramObject::release>("release"),
                        InstanceMethod<&ProgramObject::trim>("trim"),
                        InstanceAccessor<&ProgramObject::contextBytes>("contextBytes"),
                        InstanceAccessor<&ProgramObject::tableBytes>("tableBytes"),
                        InstanceAccessor<&ProgramObject::kernels>("kernels")});
  }
  void Finalize(Napi::Env env) override { arenas_.set(env, 0); }

 private:
  // Copying fewer bytes takes less time than waking a worker. Copying more takes so long that the
  // worker would go to sleep again.
  static constexpr size_t kLeastRousing = 64 << 10, kMostRousing = 1 << 20;

  void build(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    auto* constants = ConstantsObject::Unwrap(info[0].As<Napi::Object>());
    if (constants == nullptr) return;
    Bytes code, table;
    if (!bytesOf(info[1], &code) || !bytesOf(info[2], &table)) return;
    auto options = info[3].As<Napi::Object>();
    const Napi::Value arenaBytes = options.Get("arenaBytes"), isaWord = options.Get("isa");
    const Napi::Value threads = options.Get("threads");
    const Napi::Value states = options.Get("states"), commit = options.Get("commit");
    if (arenaBytes.IsEmpty() || isaWord.IsEmpty() || threads.IsEmpty()) return;
    if (states.IsEmpty() || commit.IsEmpty()) return;
    Isa isa;
    if (!isaFromName(isaWord.As<Napi::String>().Utf8Value().c_str(), &isa) || !isaSupported(isa)) {
      fail(env, "this machine lacks the instruction set");
      return;
    }
    const Napi::Value without = options.Get("without");
    if (without.IsEmpty()) return;
    Features features = featuresOf(isa);
    if (without.IsNumber()) features &= ~without.As<Napi::Number>().Uint32Value();
    std::vector<BufferSpec> buffers;
    auto* row = reinterpret_cast<const double*>(table.data);
    for (size_t i = 0; i + 24 <= table.size; i += 24, row += 3) {
      auto kind = static_cast<BufferSpec::Kind>(static_cast<int>(row[0]));
      buffers.push_back({kind, static_cast<size_t>(row[1]), static_cast<size_t>(row[2])});
      if (!buffers.back().isConstant()) continue;
      int index = static_cast<int>(row[1]);
      if (index < 0 || index >= constants->store()->count()) {
        fail(env, "no such constant");
        return;
      }
    }
    if (!numbers(info[4], buffers, &inputs_) || !numbers(info[5], buffers, &outputs_)) {
      fail(env, "an input or output is no arena buffer");
      return;
    }
    StateBlocks blocks;
    if (states.IsObject()) {
      auto* store = StatesObject::Unwrap(states.As<Napi::Object>());
      if (store == nullptr) return;
      blocks = store->blocks();
    }
    std::string error;
    program_ = Program::build(
        reinterpret_cast<const int32_t*>(code.data), code.size / 4, std::move(buffers),
        static_cast<size_t>(arenaBytes.As<Napi::Number>().Int64Value()), isa, features,
        threads.As<Napi::Number>().Int32Value(), constants->store(), std::move(blocks),
        commit.IsNumber() ? commit.As<Napi::Number>().Int32Value() : INT32_MAX, &error);
    if (program_ == nullptr) {
      if (!env.IsExceptionPending()) fail(env, error.c_str());
      return;
    }
    constants->account(env);
    size_t feedBytes = 0;
    for (int input : inputs_) feedBytes += program_->buffers()[input].bytes;
    rouses_ = feedBytes >= kLeastRousing && feedBytes <= kMostRousing;
  }

  static bool numbers(Napi::Value value, const std::vector<BufferSpec>& buffers,
                      std::vector<int>* out) {
    auto list = value.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) {
      Napi::Value item = list.Get(i);
      if (item.IsEmpty()) return false;
      int id = item.As<Napi::Number>().Int32Value();
      if (id < 0 || static_cast<size_t>(id) >= buffers.size() ||
          buffers[id].kind != BufferSpec::arena)
        return false;
      out->push_back(id);
    }
    return true;
  }

  // start(feeds: TypedArray[], profile: boolean, quietly: boolean, callAfterUs: number, threads:
  // number): ticket. Copies the feeds into the arena: what happens to them later cannot matter.
  Napi::Value start(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (program_ == nullptr) return fail(env, "the program was released"), env.Undefined();
    if (idle_.empty() && !guarded(env, [&] { addContext(env); })) return env.Undefined();
    std::unique_ptr<RunContext> context = std::move(idle_.back());
    idle_.pop_back();
    Napi::Value ticket = startIn(context, info);
    // A context that does not run keeps its memory for the next run.
    if (context != nullptr) idle_.push_back(std::move(context));
    return ticket;
  }
  // One more context among the idle ones, which from then on have room for all that there are.
  void addContext(Napi::Env env) {
    auto context = program_->makeContext();
    idle_.reserve(contexts_ + 1);
    idle_.push_back(std::move(context));
    account(env, contexts_ + 1);
  }
  // Takes the context if it starts a run.
  Napi::Value startIn(std::unique_ptr<RunContext>& context, const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    auto feeds = info[0].As<Napi::Array>();
    const bool quietly = info[2].As<Napi::Boolean>().Value();
    if (!quietly && rouses_) Instance::of(env).rouse();
    for (size_t i = 0; i < inputs_.size(); i++) {
      Bytes bytes;
      if (!bytesOf(feeds.Get(static_cast<uint32_t>(i)), &bytes)) return env.Undefined();
      if (bytes.size != program_->buffers()[inputs_[i]].bytes)
        return fail(env, "a feed has the wrong number of bytes (was it detached?)"),
               env.Undefined();
      if (bytes.size > 0) std::memcpy(context->addresses[inputs_[i]], bytes.data, bytes.size);
    }
    uint32_t ticket = 0;
    const bool lasted = guarded(env, [&] {
      const bool profile = info[1].As<Napi::Boolean>().Value();
      const double callAfterUs = info[3].As<Napi::Number>().DoubleValue();
      const auto callAfterNs = static_cast<uint64_t>(callAfterUs * 1000);
      ticket = Instance::of(env).start(program_, context, profile, quietly, callAfterNs,
                                       info[4].As<Napi::Number>().Int32Value());
    });
    if (!lasted) return env.Undefined();
    if (ticket == 0) return fail(env, "no worker thread could be started"), env.Undefined();
    return Napi::Number::New(env, ticket);
  }

  // finish(ticket, targets: TypedArray[] | null): copies the results, frees the arena for the next
  // run; step times if profiled.
  Napi::Value finish(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    std::unique_ptr<Run> run = Instance::of(env).finish(info[0].As<Napi::Number>().Uint32Value());
    if (run == nullptr) return fail(env, "no finished run has this ticket"), env.Undefined();
    if (info[1].IsArray()) {
      auto targets = info[1].As<Napi::Array>();
      for (size_t i = 0; i < outputs_.size() && i < targets.Length(); i++) {
        Bytes bytes;
        if (!bytesOf(targets.Get(static_cast<uint32_t>(i)), &bytes)) return env.Undefined();
        size_t size = run->program->buffers()[outputs_[i]].bytes;
        if (bytes.size > 0)
          std::memcpy(bytes.data, run->context->addresses[outputs_[i]],
                      bytes.size < size ? bytes.size : size);
      }
    }
    Napi::Value result = env.Undefined();
    if (!run->context->stepNs.empty()) {
      auto times = Napi::Float64Array::New(env, run->context->stepNs.size());
      if (times.IsEmpty()) return env.Undefined();
      for (size_t i = 0; i < run->context->stepNs.size(); i++) times[i] = run->context->stepNs[i];
      run->context->stepNs.clear();
      result = times;
    }
    if (run->program == program_) idle_.push_back(std::move(run->context));
    return result;
  }

  Napi::Value abort(const Napi::CallbackInfo& info) {
    Instance::of(info.Env()).abort(info[0].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
  }
  Napi::Value release(const Napi::CallbackInfo& info) {
    idle_.clear();
    program_.reset();
    account(info.Env(), 0);
    return info.Env().Undefined();
  }
  // trim(keep): frees the memory of runs beyond that of so many; what runs in flight use stays.
  Napi::Value trim(const Napi::CallbackInfo& info) {
    const auto keep = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
    size_t contexts = contexts_;
    for (; contexts > keep && !idle_.empty(); contexts--) idle_.pop_back();
    account(info.Env(), contexts);
    return info.Env().Undefined();
  }
  Napi::Value contextBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(
        info.Env(), program_ == nullptr ? 0 : static_cast<double>(program_->contextBytes()));
  }
  Napi::Value tableBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(),
                             program_ == nullptr ? 0 : static_cast<double>(program_->tableBytes()));
  }
  void account(Napi::Env env, size_t contexts) {
    contexts_ = contexts;
    arenas_.set(env, program_ == nullptr ? 0 : contexts_ * program_->contextBytes());
  }
  Napi::Value kernels(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Napi::Array names = Napi::Array::New(env);
    if (program_ == nullptr) return names;
    uint32_t i = 0;
    for (const auto& step : program_->steps()) names.Set(i++, step->kernelName());
    return names;
  }

  std::shared_ptr<Program> program_;
  std::vector<std::unique_ptr<RunContext>> idle_;
  std::vector<int> inputs_, outputs_;
  bool rouses_ = false;  // a worker is woken before the feeds are copied
  ExternalBytes arenas_;
  size_t contexts_ = 0;  // made and not freed: idle or in flight
};

static void fill(Napi::Env env, Napi::Object exports) {
  auto made = std::make_unique<Instance>(env, exports);
  Instance* instance = made.get();
  env.SetInstanceData(made.release());
  instance->constantsClass = Napi::Persistent(ConstantsObject::define(env));
  instance->programClass = Napi::Persistent(ProgramObject::define(env));
  instance->statesClass = Napi::Persistent(StatesObject::define(env));
  exports.Set("Constants", instance->constantsClass.Value());
  exports.Set("States", instance->statesClass.Value());
  exports.Set("Program", instance->programClass.Value());
  exports.Set("opcodes", opcodeTable(env));
  exports.Set("epilogueOps", epilogueTable(env));
  Napi::Object isas = Napi::Object::New(env);
  for (int i = 0; i < kIsaCount; i++)
    isas.Set(isaName(static_cast<Isa>(i)), isaSupported(static_cast<Isa>(i)));
  exports.Set("isas", isas);
  exports.Set("features", featureTable(env));
  exports.Set("bestIsa", isaName(bestIsa()));
  exports.Set("bound", Napi::Function::New(env, bound, "bound"));
  exports.Set("packedBytes", Napi::Function::New(env, packedBytes, "packedBytes"));
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  guarded(env, [&] { fill(env, exports); });
  return exports;
}

NODE_API_MODULE(bitplane, init)

}  // namespace bitplane
