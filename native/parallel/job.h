// A job: a sequence of phases, each a number of independent tasks. Phase p + 1 begins when every
// task of phase p has ended. Not here: who runs it (pool.h), what the tasks compute
// (program/program.h).
#pragma once
#include <atomic>
#include <cstdint>

namespace bitplane {

// One thread's share of the tasks of a phase, as one word, so that a claim is a single
// compare-and-swap and a late helper can never take a task of a phase it did not mean: [phase :
// 24][end : 20][next task : 20]. A line of its own: threads claim at the same time.
struct alignas(64) Share {
  std::atomic<uint64_t> word{0};
};

class Job {
 public:
  virtual ~Job() = default;
  virtual int phases() const = 0;
  virtual int tasks(int phase) const = 0;
  // `slot` numbers the thread within this job: 0 is the leader, 1 .. maxThreads - 1 are helpers.
  virtual void runTask(int phase, int task, int slot) = 0;
  // Called by the leader: before the first phase, and after each.
  virtual void began() {}
  virtual void phaseEnded(int /*phase*/) {}
  // Called once by the leader when nothing of the job runs any more. The job may be destroyed by
  // then, so nothing touches it after.
  virtual void finished() = 0;

  int maxThreads = 1;
  // maxThreads shares that live as long as the job; not needed for one thread.
  Share* shares = nullptr;
  // Set at any time by any thread: tasks that have not begun are skipped, but for those of a job
  // that has begun its phase `commitPhase` by then.
  std::atomic<bool> aborted{false};
  // From this phase on the job changes what outlives it, and ends what it has begun.
  int commitPhase = INT32_MAX;
  // Once it has ended: true if tasks of it were skipped, or may have been.
  bool stopped() const { return killed_.load() || (aborted.load() && !committed_); }

 private:
  friend class Pool;
  // The environment ends: nobody will see what the job changes.
  std::atomic<bool> killed_{false};
  bool committed_ = false;  // the leader's
  bool skips(int phase) const {
    return killed_.load(std::memory_order_relaxed) ||
           (phase < commitPhase && aborted.load(std::memory_order_relaxed));
  }
  alignas(64) std::atomic<int> ended_{0};
  alignas(64) std::atomic<int> helpers_{0};
  std::atomic<bool> over_{false};
  int slots_ = 1;            // guarded by the pool's mutex
  uint64_t slotsInUse_ = 1;  // bit s: slot s is taken; guarded by the pool's mutex
  Job* next_ = nullptr;      // queue or helper list link; guarded by the pool's mutex
};

constexpr int kMaxThreads = 64;
constexpr int kMaxTasks = (1 << 20) - 1;

}  // namespace bitplane
