// What one JavaScript environment (main thread or worker_thread) owns: its pool, its runs in
// flight, its class constructors. Instance data, so nothing is shared between environments and no
// static destructor touches a thread.
#pragma once
#include <napi.h>

#include <unordered_map>

#include "addon/runs.h"

namespace bitplane {

class Instance {
 public:
  // Throws Failure where the system gives no locks.
  Instance(Napi::Env env, Napi::Object exports);
  ~Instance();
  static Instance& of(Napi::Env env) { return *env.GetInstanceData<Instance>(); }

  // Starts a run; finish() gives the context back. Returns its ticket, or 0 if no worker could be
  // started. Then, and if memory runs out, the caller keeps the context.
  uint32_t start(std::shared_ptr<Program> program, std::unique_ptr<RunContext>& context,
                 bool profile, bool quietly, uint64_t callAfterNs, int threads);
  // A run is about to start: wakes a worker, which takes as long as copying its feeds.
  void rouse() { runs_.pool.rouse(); }
  // Stops a run between two steps; one that no worker has begun ends here and now.
  void abort(uint32_t ticket);
  // The run behind a ticket that drain() has reported; the caller owns it then. Null if there is
  // none.
  std::unique_ptr<Run> finish(uint32_t ticket);

 private:
  static void wakeJavaScript(void* self);
  static void closing(void* self);
  Napi::Value onWake(const Napi::CallbackInfo& info);
  Napi::Value drain(const Napi::CallbackInfo& info);
  Napi::Value park(const Napi::CallbackInfo& info);
  Napi::Value runHere(const Napi::CallbackInfo& info);
  void hold(Napi::Env env, int change);

  Runs runs_;
  // By ticket, from start() to finish(), so that a run needs no memory when it ends.
  std::unordered_map<uint32_t, std::unique_ptr<Run>> tickets_;
  int flying_ = 0;
  napi_threadsafe_function wake_ = nullptr;
  uint32_t lastTicket_ = 0;

 public:
  Napi::FunctionReference programClass;
  Napi::FunctionReference constantsClass;
  Napi::FunctionReference statesClass;
};

}  // namespace bitplane
