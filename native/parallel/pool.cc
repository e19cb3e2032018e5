#include "parallel/pool.h"

namespace bitplane {

namespace {

constexpr uint64_t pack(int phase, int end, int next) {
  return (static_cast<uint64_t>(phase) << 40) | (static_cast<uint64_t>(end) << 20) |
         static_cast<uint64_t>(next);
}
constexpr int phaseOf(uint64_t word) { return static_cast<int>(word >> 40); }
constexpr int endOf(uint64_t word) { return static_cast<int>((word >> 20) & kMaxTasks); }
constexpr int nextOf(uint64_t word) { return static_cast<int>(word & kMaxTasks); }

template <typename T>
void insert(T* (&list)[kMaxThreads], T* item) {
  for (T*& place : list)
    if (place == nullptr) {
      place = item;
      return;
    }
}

template <typename T>
void remove(T* (&list)[kMaxThreads], T* item) {
  for (T*& place : list)
    if (place == item) place = nullptr;
}

}  // namespace

bool Pool::submit(Job* job, bool quietly) {
  bool signal = false;
  {
    Lock lock(mutex_);
    if (stopping_) return false;
    int limit = job->maxThreads > cores_ ? job->maxThreads : cores_;
    if (limit > kMaxThreads) limit = kMaxThreads;
    // One worker for this job and, lazily, one for each helper it may have.
    int busy = started_ - sleeping_ - spinning_;
    int wanted = busy + queued_ + job->maxThreads;
    while (started_ < limit && started_ < wanted) {
      if (!threads_[started_].start(&Pool::entry, this)) break;
      started_++;
    }
    if (started_ == 0) return false;
    warm_ = job->maxThreads < cores_ ? job->maxThreads : cores_;
    job->next_ = nullptr;
    if (queueTail_ != nullptr)
      queueTail_->next_ = job;
    else
      queueHead_ = job;
    queueTail_ = job;
    queued_++;
    epoch_.fetch_add(1, std::memory_order_release);
    signal = !quietly && sleeping_ > 0 && queued_ > spinning_;
  }
  if (signal) wake_.signal();
  return true;
}

void Pool::rouse() {
  {
    Lock lock(mutex_);
    if (stopping_ || sleeping_ == 0 || spinning_ > 0) return;
    epoch_.fetch_add(1, std::memory_order_release);
  }
  wake_.signal();
}

// Called with the mutex held.
bool Pool::unqueue(Job* job) {
  Job* before = nullptr;
  Job* at = queueHead_;
  while (at != nullptr && at != job) before = at, at = at->next_;
  if (at == nullptr) return false;
  if (before == nullptr)
    queueHead_ = job->next_;
  else
    before->next_ = job->next_;
  if (queueTail_ == job) queueTail_ = before;
  queued_--;
  return true;
}

void Pool::runHere(Job* job) {
  {
    Lock lock(mutex_);
    if (!unqueue(job)) return;
    insert(leading_, job);
  }
  lead(job);
}

bool Pool::dropQueued(Job* job) {
  {
    Lock lock(mutex_);
    if (!unqueue(job)) return false;
  }
  job->finished();
  return true;
}

void Pool::shutdown() {
  {
    Lock lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    for (Job* job : leading_)
      if (job != nullptr) job->killed_.store(true);
    queueHead_ = queueTail_ = nullptr;
    queued_ = 0;
    epoch_.fetch_add(1);
    wake_.broadcast();
  }
  for (int i = 0; i < started_; i++) threads_[i].join();
}

void Pool::entry(void* self) { static_cast<Pool*>(self)->work(); }

// Both takers are called with the mutex held.
Job* Pool::takeQueued() {
  Job* job = queueHead_;
  if (job == nullptr) return nullptr;
  queueHead_ = job->next_;
  if (queueHead_ == nullptr) queueTail_ = nullptr;
  queued_--;
  insert(leading_, job);
  return job;
}

Job* Pool::takeHelp(int* slot) {
  for (Job* job : wanting_) {
    if (job == nullptr) continue;
    for (int s = 1; s < job->maxThreads; s++) {
      if (job->slotsInUse_ >> s & 1) continue;
      job->slotsInUse_ |= uint64_t{1} << s;
      job->helpers_.fetch_add(1);
      if (++job->slots_ >= job->maxThreads) remove(wanting_, job);
      *slot = s;
      return job;
    }
  }
  return nullptr;
}

void Pool::work() {
  mutex_.lock();
  for (;;) {
    if (stopping_) break;
    int slot = 0;
    Job* job = takeQueued();
    if (job != nullptr) {
      mutex_.unlock();
      lead(job);
      mutex_.lock();
    } else if ((job = takeHelp(&slot)) != nullptr) {
      mutex_.unlock();
      help(job, slot);
      mutex_.lock();
    } else {
      // Without work, as many workers as the last job could use stay awake for a moment; the others
      // sleep at once.
      uint32_t seen = epoch_.load(std::memory_order_acquire);
      if (spinning_ < warm_) {
        spinning_++;
        mutex_.unlock();
        uint64_t until = uv_hrtime() + kSpinNs;
        while (epoch_.load(std::memory_order_acquire) == seen && uv_hrtime() < until)
          for (int i = 0; i < 8; i++) relax();
        mutex_.lock();
        spinning_--;
        if (epoch_.load() != seen) continue;
      }
      sleeping_++;
      while (epoch_.load() == seen && !stopping_) wake_.wait(mutex_);
      sleeping_--;
    }
  }
  mutex_.unlock();
}

// Deals the tasks of a phase out in runs of neighbours. A thread meets the same part of every map
// in phase after phase, so that most of its input lies in its own core's cache. The others take the
// tasks that a late or absent thread does not.
void Pool::share(Job* job, int phase, int tasks) {
  for (int s = 0; s < job->maxThreads; s++) {
    const auto from = static_cast<int>(int64_t{tasks} * s / job->maxThreads),
               end = static_cast<int>(int64_t{tasks} * (s + 1) / job->maxThreads);
    job->shares[s].word.store(pack(phase, end, from), std::memory_order_release);
  }
}

// Claims and runs one task of the given phase, of the slot's own share first; false when there is
// none left.
bool Pool::runOne(Job* job, int slot, int phase) {
  for (int i = 0, s = slot; i < job->maxThreads; i++, s = s + 1 < job->maxThreads ? s + 1 : 0) {
    std::atomic<uint64_t>& share = job->shares[s].word;
    uint64_t word = share.load(std::memory_order_acquire);
    while (phaseOf(word) == phase && nextOf(word) < endOf(word)) {
      if (!share.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel)) continue;
      if (!job->skips(phase)) job->runTask(phase, nextOf(word), slot);
      job->ended_.fetch_add(1, std::memory_order_release);
      return true;
    }
  }
  return false;
}

void Pool::offer(Job* job) {
  bool signal;
  {
    Lock lock(mutex_);
    if (job->slots_ >= job->maxThreads) return;
    remove(wanting_, job);
    insert(wanting_, job);
    epoch_.fetch_add(1, std::memory_order_release);
    signal = sleeping_ > 0;
  }
  if (signal) wake_.broadcast();
}

void Pool::withdraw(Job* job) {
  Lock lock(mutex_);
  remove(wanting_, job);
}

void Pool::lead(Job* job) {
  int phases = job->phases();
  bool shared = job->maxThreads > 1;
  // Empties the shares, because an aborted run may have left tasks in them.
  if (shared) share(job, 0, 0);
  job->began();
  for (int phase = 0; phase < phases; phase++) {
    // Whoever skipped a task saw the flag before its phase ended, so the leader sees it here.
    if (job->skips(phase) || (phase == job->commitPhase && job->aborted.load())) break;
    job->committed_ = phase >= job->commitPhase;
    int tasks = job->tasks(phase);
    if (!shared || tasks <= 1) {
      for (int t = 0; t < tasks && !job->skips(phase); t++) job->runTask(phase, t, 0);
    } else {
      job->ended_.store(0, std::memory_order_relaxed);
      share(job, phase, tasks);
      if (job->helpers_.load(std::memory_order_relaxed) < job->maxThreads - 1) offer(job);
      while (runOne(job, 0, phase)) {}
      spinUntil([&] { return job->ended_.load(std::memory_order_acquire) == tasks; }, crowded(job));
    }
    job->phaseEnded(phase);
  }
  if (shared) {
    withdraw(job);
    job->over_.store(true, std::memory_order_release);
    spinUntil([&] { return job->helpers_.load(std::memory_order_acquire) == 0; }, crowded(job));
  }
  {
    Lock lock(mutex_);
    remove(leading_, job);
  }
  job->finished();
}

void Pool::help(Job* job, int slot) {
  uint64_t lastWork = uv_hrtime();
  for (;;) {
    if (job->over_.load(std::memory_order_acquire)) break;
    bool worked = false;
    while (runOne(job, slot, phaseOf(job->shares[slot].word.load(std::memory_order_acquire))))
      worked = true;
    for (int i = 0; i < 4; i++) relax();
    uint64_t now = uv_hrtime();
    if (worked)
      lastWork = now;
    else if (now - lastWork > kSpinNs)
      break;
    else if (now - lastWork > kPatienceNs && crowded(job))
      giveWay();
  }
  Lock lock(mutex_);
  job->slotsInUse_ &= ~(uint64_t{1} << slot);
  job->slots_--;
  // Last touch of the job: the leader may destroy it as soon as no helper is left.
  job->helpers_.fetch_sub(1, std::memory_order_release);
}

}  // namespace bitplane
