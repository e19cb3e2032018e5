// Runs in flight of one addon instance: from JavaScript to the pool and back. A finished run goes
// on a list and, if JavaScript sleeps, one call of a thread-safe function wakes it; while
// JavaScript polls, no call is made. Not here: what a run computes.
#pragma once
#include <memory>
#include <vector>

#include "parallel/pool.h"
#include "program/program.h"

namespace bitplane {

class Runs;

// One run: the steps of a program as the phases of a job.
class Run final : public Job {
 public:
  // threads: how many may share the run, at most those that the program was built for; 0 for all.
  Run(Runs* owner, uint32_t ticket, std::shared_ptr<Program> given, bool profile, int threads)
      : ticket(ticket), program(std::move(given)), owner_(owner), profile_(profile) {
    const int built = program->threads();
    maxThreads = threads > 0 && threads < built ? threads : built;
    commitPhase = program->commit();
  }
  // Sets the context before the run starts; a profiled run needs room for its times in it.
  void take(std::unique_ptr<RunContext> given) {
    context = std::move(given);
    shares = context->shares.data();
  }
  // How long after its beginning the run calls JavaScript, before it ends, so that JavaScript is
  // awake at the end; 0 for never.
  void callAfter(uint64_t nanoseconds) { callAfterNs_ = nanoseconds; }
  int phases() const override { return static_cast<int>(program->steps().size()); }
  int tasks(int phase) const override { return program->steps()[phase]->tasks(); }
  void runTask(int phase, int task, int slot) override {
    program->steps()[phase]->run(task, Buffers{context->addresses.data()},
                                 context->scratch[slot].data());
  }
  void began() override { started_ = last_ = uv_hrtime(); }
  void phaseEnded(int phase) override {
    if (!profile_ && callAfterNs_ == 0) return;
    uint64_t now = uv_hrtime();
    if (callAfterNs_ != 0 && now - started_ >= callAfterNs_) {
      callAfterNs_ = 0;
      callAhead();
    }
    if (!profile_) return;
    context->stepNs[phase] = static_cast<double>(now - last_);
    last_ = now;
  }
  void finished() override;
  double nanoseconds() const { return started_ == 0 ? 0 : static_cast<double>(ended_ - started_); }

  const uint32_t ticket;
  const std::shared_ptr<Program> program;
  std::unique_ptr<RunContext> context;
  Run* nextDone = nullptr;
  bool landed = false;  // drain() has reported it

 private:
  void callAhead();

  Runs* owner_;
  bool profile_;
  uint64_t callAfterNs_ = 0;
  uint64_t started_ = 0, last_ = 0, ended_ = 0;
};

class Runs {
 public:
  // `wake` is called on a worker thread, at most once until the next park().
  using Wake = void (*)(void* arg);
  Runs(Wake wake, void* arg) : wake_(wake), arg_(arg) {}
  Pool pool;

  void done(Run* run) {
    bool call;
    {
      Lock lock(mutex_);
      run->nextDone = done_;
      done_ = run;
      call = parked_;
      parked_ = false;
      if (call) wake_(arg_);
    }
  }
  // A run is about to end: wakes JavaScript if it sleeps.
  void soon() {
    Lock lock(mutex_);
    if (parked_) wake_(arg_);
    parked_ = false;
  }
  // JavaScript is about to sleep: true if there is nothing to collect, so that the next finished
  // run wakes it.
  bool park() {
    Lock lock(mutex_);
    if (done_ != nullptr) return false;
    parked_ = true;
    return true;
  }
  // Everything finished since the last call, newest first.
  Run* take() {
    Lock lock(mutex_);
    Run* runs = done_;
    done_ = nullptr;
    return runs;
  }

 private:
  Mutex mutex_;
  Run* done_ = nullptr;
  bool parked_ = false;
  Wake wake_;
  void* arg_;
};

inline void Run::callAhead() { owner_->soon(); }

inline void Run::finished() {
  ended_ = uv_hrtime();
  owner_->done(this);
}

}  // namespace bitplane
