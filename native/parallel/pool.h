// The worker threads of one addon instance. A worker leads a queued job, or helps a job that is
// being led and may use more threads. The leader alone can finish a job, so helpers are a gain and
// never a condition: no deadlock, however few threads there are.
//
// Why it spins: waking a sleeping thread costs tens of microseconds, so a worker looks for work for
// kSpinNs after its last job, then sleeps. An idle pool uses no CPU time.
#pragma once
#include "parallel/job.h"
#include "parallel/uv.h"

namespace bitplane {

class Pool {
 public:
  Pool() = default;
  ~Pool() { shutdown(); }
  Pool(const Pool&) = delete;

  // How many threads can run at once here. JavaScript sets it before the first job.
  void setCores(int cores) { cores_ = cores; }
  // Queues a job; false if the pool has been shut down or no thread could be started. Never blocks
  // on work. `quietly` wakes no sleeping worker: the caller will call runHere.
  bool submit(Job* job, bool quietly = false);
  // Makes sure that some worker is awake for the next moments: a job is about to be queued.
  void rouse();
  // True if jobs of so many threads together leave a core to others.
  bool leavesCores(int threads) const { return threads < cores_; }
  // Runs a queued job on the calling thread if no worker has taken it yet.
  void runHere(Job* job);
  // Takes a queued job out of the queue if no worker has taken it yet: it will not run, and
  // finished() is called for it here.
  bool dropQueued(Job* job);
  // Aborts what runs, waits for the workers to leave, drops what is queued (finished() is called
  // for none of it).
  void shutdown();

 private:
  static constexpr uint64_t kSpinNs = 50 * 1000;
  // A helper without a task yields its core after this time, because a thread with a task may wait
  // for that core.
  static constexpr uint64_t kPatienceNs = 10 * 1000;

  // More threads than cores share the job.
  bool crowded(const Job* job) const { return job->maxThreads > cores_; }
  static void entry(void* self);
  void work();
  Job* takeQueued();
  bool unqueue(Job* job);
  Job* takeHelp(int* slot);
  void lead(Job* job);
  void help(Job* job, int slot);
  void offer(Job* job);
  void withdraw(Job* job);
  static void share(Job* job, int phase, int tasks);
  static bool runOne(Job* job, int slot, int phase);

  Mutex mutex_;
  Condition wake_;
  Thread threads_[kMaxThreads];
  int cores_ = 1;
  int started_ = 0;
  int sleeping_ = 0;
  int spinning_ = 0;
  int warm_ = 1;  // how many may spin
  int queued_ = 0;
  bool stopping_ = false;
  Job* queueHead_ = nullptr;
  Job* queueTail_ = nullptr;
  Job* leading_[kMaxThreads] = {};  // jobs being led, by no particular order
  Job* wanting_[kMaxThreads] = {};  // led jobs that would take a helper
  std::atomic<uint32_t> epoch_{0};  // changes whenever there may be something to take
};

}  // namespace bitplane
