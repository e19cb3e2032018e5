// The pool under random jobs, aborts and shutdowns, for ThreadSanitizer: `stress POOLS SEED`. The
// tasks of a phase write plain memory that the tasks of the next phase read, as layers do with
// maps. So a missing order between threads is a data race, and a task run twice or never is a wrong
// sum. The exit code is 1 where a sum is wrong; the sanitizer uses another code. The last line
// counts pools, jobs and wrong sums.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "parallel/pool.h"

namespace {

using Random = std::minstd_rand;
int upTo(Random& random, int most) {
  return static_cast<int>(random() % static_cast<unsigned>(most + 1));
}

// Phase p computes a map: each number is 1 more than the sum of the first and the last of the map
// before, modulo 2^32.
class Network : public bitplane::Job {
 public:
  Network(Random& random, std::atomic<int>* landed) : landed_(landed) {
    maxThreads = 1 + upTo(random, 5);
    shares_ = std::make_unique<bitplane::Share[]>(maxThreads);
    shares = shares_.get();
    const int phases = 1 + upTo(random, 12);
    maps_.assign(phases + 1, {});
    maps_[0].assign(1, 1);
    for (int p = 0; p < phases; p++)
      maps_[p + 1].assign(1 + upTo(random, upTo(random, 1) ? 3 : 40), 0);
    // Some change what outlives them from a phase on, and end what they have begun.
    if (upTo(random, 2) == 0) commitPhase = upTo(random, phases - 1);
  }
  int phases() const override { return static_cast<int>(maps_.size()) - 1; }
  int tasks(int phase) const override { return static_cast<int>(maps_[phase + 1].size()); }
  void runTask(int phase, int task, int slot) override {
    if (slot < 0 || slot >= maxThreads) std::abort();
    maps_[phase + 1][task] += 1 + maps_[phase].front() + maps_[phase].back();
  }
  void began() override { begun_++; }
  void phaseEnded(int) override { ended_++; }
  // No thread may touch the job any more, so it frees its memory.
  void finished() override {
    over_ = true;
    wrong_ = !stopped() && !right();
    shares_.reset();
    maps_.clear();
    landed_->fetch_add(1, std::memory_order_release);
  }

  bool over() const { return over_; }
  bool wrong() const { return wrong_; }

 private:
  // Every task once.
  bool right() const {
    unsigned expected = 1;
    for (int p = 0; p < phases(); p++) {
      expected = 1 + 2 * expected;
      for (unsigned value : maps_[p + 1])
        if (value != expected) return false;
    }
    return begun_ == 1 && ended_ == phases();
  }

  std::unique_ptr<bitplane::Share[]> shares_;
  std::vector<std::vector<unsigned>> maps_;
  std::atomic<int>* landed_;
  int begun_ = 0, ended_ = 0;
  bool over_ = false, wrong_ = false;
};

void pause(Random& random) {
  const uint64_t until =
      uv_hrtime() + static_cast<uint64_t>(upTo(random, upTo(random, 9) ? 5000 : 200000));
  while (uv_hrtime() < until) bitplane::relax();
}

struct Counts {
  int jobs = 0, aborted = 0, cut = 0, wrong = 0;
};

// One pool from its start to its end, which may come in the middle of runs.
void live(Random& random, Counts* counts) {
  std::atomic<int> landed{0};
  std::deque<std::unique_ptr<Network>> networks;  // outlive the pool
  {
    bitplane::Pool pool;
    pool.setCores(1 + upTo(random, 3));
    const int jobs = upTo(random, 60);
    for (int i = 0; i < jobs; i++) {
      networks.push_back(std::make_unique<Network>(random, &landed));
      Network* job = networks.back().get();
      if (upTo(random, 4) == 0) pool.rouse();
      const bool here = upTo(random, 3) == 0;
      if (!pool.submit(job, here)) std::abort();
      if (here) pool.runHere(job);
      if (upTo(random, 5) == 0) {
        Network* stopped = networks[upTo(random, i)].get();
        stopped->aborted.store(true);
        if (upTo(random, 1) == 0) pool.dropQueued(stopped);
      }
      if (upTo(random, 2) == 0) pause(random);
    }
    if (upTo(random, 2) != 0) {
      while (landed.load(std::memory_order_acquire) < jobs) bitplane::giveWay();
    }
  }
  for (const auto& job : networks) {
    counts->jobs++;
    counts->aborted += job->aborted.load();
    counts->cut += !job->over();
    counts->wrong += job->wrong();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  Random random(static_cast<unsigned>(std::atoi(argv[2])));
  Counts counts;
  const int pools = std::atoi(argv[1]);
  for (int i = 0; i < pools; i++) live(random, &counts);
  std::printf("%d pools, %d jobs, %d aborted, %d never begun, %d wrong\n", pools, counts.jobs,
              counts.aborted, counts.cut, counts.wrong);
  return counts.wrong == 0 && counts.jobs > 0 ? 0 : 1;
}
