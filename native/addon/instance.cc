#include "addon/instance.h"

namespace bitplane {

Instance::Instance(Napi::Env env, Napi::Object exports) : runs_(&Instance::wakeJavaScript, this) {
  exports.Set(
      "drain",
      Napi::Function::New(
          env, [](const Napi::CallbackInfo& info) { return of(info.Env()).drain(info); }, "drain"));
  exports.Set(
      "park",
      Napi::Function::New(
          env, [](const Napi::CallbackInfo& info) { return of(info.Env()).park(info); }, "park"));
  // runHere(ticket): runs on this thread a run that no worker has begun; for runs that take less
  // time than waking a worker.
  exports.Set("runHere",
              Napi::Function::New(
                  env, [](const Napi::CallbackInfo& info) { return of(info.Env()).runHere(info); },
                  "runHere"));
  // onWake(callback, cores): the function that a finished run calls while JavaScript sleeps, and
  // how many threads can run at once here. Called once, by src/runtime/scheduler.ts, before the
  // first run.
  exports.Set("onWake",
              Napi::Function::New(
                  env, [](const Napi::CallbackInfo& info) { return of(info.Env()).onWake(info); },
                  "onWake"));
}

Instance::~Instance() {
  // The environment ends: stop between two steps, join the workers, then drop what was in flight.
  runs_.pool.shutdown();
}

// Cleanup hooks run last in, first out: this one is added after the thread-safe function's own, so
// the workers are gone before it is.
void Instance::closing(void* self) {
  auto* instance = static_cast<Instance*>(self);
  instance->runs_.pool.shutdown();
  instance->wake_ = nullptr;
}

void Instance::wakeJavaScript(void* self) {
  auto* instance = static_cast<Instance*>(self);
  if (instance->wake_ != nullptr)
    napi_call_threadsafe_function(instance->wake_, nullptr, napi_tsfn_nonblocking);
}

Napi::Value Instance::onWake(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (wake_ == nullptr && info[0].IsFunction()) {
    runs_.pool.setCores(info[1].As<Napi::Number>().Int32Value());
    Napi::String name = Napi::String::New(env, "bitplane runs");
    if (napi_create_threadsafe_function(env, info[0], nullptr, name, 0, 1, nullptr, nullptr,
                                        nullptr, nullptr, &wake_) != napi_ok) {
      Napi::Error::New(env, "the function that runs wake JavaScript with could not be created")
          .ThrowAsJavaScriptException();
      return env.Undefined();
    }
    napi_add_env_cleanup_hook(env, &Instance::closing, this);
    napi_unref_threadsafe_function(env, wake_);  // an open session keeps no process alive
  }
  return env.Undefined();
}

// A run in flight keeps the process alive, nothing else does.
void Instance::hold(Napi::Env env, int change) {
  flying_ += change;
  if (wake_ == nullptr) return;
  if (change > 0 && flying_ == 1) napi_ref_threadsafe_function(env, wake_);
  if (change < 0 && flying_ == 0) napi_unref_threadsafe_function(env, wake_);
}

uint32_t Instance::start(std::shared_ptr<Program> program, std::unique_ptr<RunContext>& context,
                         bool profile, bool quietly, uint64_t callAfterNs, int threads) {
  if (++lastTicket_ == 0) lastTicket_ = 1;
  // All allocations come first, so that a failure loses nothing.
  auto run = std::make_unique<Run>(&runs_, lastTicket_, std::move(program), profile, threads);
  // Where the runs in flight take every core, a waking JavaScript thread would only take one away
  // from them.
  if (runs_.pool.leavesCores(run->maxThreads * (flying_ + 1))) run->callAfter(callAfterNs);
  Run* raw = run.get();
  if (profile) context->stepNs.assign(raw->program->steps().size(), 0);
  tickets_.emplace(lastTicket_, std::move(run));
  raw->take(std::move(context));
  if (!runs_.pool.submit(raw, quietly)) {
    context = std::move(raw->context);
    tickets_.erase(lastTicket_);
    return 0;
  }
  hold(programClass.Env(), +1);
  return lastTicket_;
}

void Instance::abort(uint32_t ticket) {
  auto it = tickets_.find(ticket);
  if (it == tickets_.end() || it->second->landed) return;
  it->second->aborted.store(true);
  runs_.pool.dropQueued(it->second.get());
}

// drain(): [ticket, nanoseconds, stopped ? 1 : 0] of every run that has ended since the last call,
// flattened.
Napi::Value Instance::drain(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  uint32_t length = 0;
  for (Run* run = runs_.take(); run != nullptr;) {
    Run* next = run->nextDone;
    list.Set(length++, run->ticket);
    list.Set(length++, run->nanoseconds());
    list.Set(length++, run->stopped() ? 1 : 0);
    run->landed = true;
    hold(env, -1);
    run = next;
  }
  return list;
}

Napi::Value Instance::runHere(const Napi::CallbackInfo& info) {
  auto it = tickets_.find(info[0].As<Napi::Number>().Uint32Value());
  if (it != tickets_.end()) runs_.pool.runHere(it->second.get());
  return info.Env().Undefined();
}

Napi::Value Instance::park(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), runs_.park());
}

std::unique_ptr<Run> Instance::finish(uint32_t ticket) {
  auto it = tickets_.find(ticket);
  if (it == tickets_.end() || !it->second->landed) return nullptr;
  std::unique_ptr<Run> run = std::move(it->second);
  tickets_.erase(it);
  return run;
}

}  // namespace bitplane
