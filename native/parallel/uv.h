// Threads and sleeping through the symbols that every Node exports, so that the addon asks for no
// newer libc than Node itself (std::thread linked on a current system asks for glibc 2.34 and
// more). Declared here because uv.h does not travel with the N-API headers; the objects are opaque
// and over-sized on purpose. Not here: what threads do (pool.h).
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/failure.h"
#if !defined(_WIN32)
#include <sched.h>
#endif

extern "C" {
int uv_thread_create(void* thread, void (*entry)(void*), void* arg);
int uv_thread_join(void* thread);
int uv_mutex_init(void* mutex);
void uv_mutex_destroy(void* mutex);
void uv_mutex_lock(void* mutex);
void uv_mutex_unlock(void* mutex);
int uv_cond_init(void* cond);
void uv_cond_destroy(void* cond);
void uv_cond_signal(void* cond);
void uv_cond_broadcast(void* cond);
void uv_cond_wait(void* cond, void* mutex);
uint64_t uv_hrtime(void);
}

namespace bitplane {

// Large enough for uv_mutex_t, uv_cond_t and uv_thread_t of every platform that Node runs on (the
// largest is 64 bytes).
struct alignas(16) UvStorage {
  unsigned char bytes[128];
};

// Throws Failure where the system gives no more locks.
class Mutex {
 public:
  Mutex() {
    if (uv_mutex_init(&storage_) != 0) throw Failure("the system gave the addon no lock");
  }
  ~Mutex() { uv_mutex_destroy(&storage_); }
  Mutex(const Mutex&) = delete;
  void lock() { uv_mutex_lock(&storage_); }
  void unlock() { uv_mutex_unlock(&storage_); }

 private:
  friend class Condition;
  UvStorage storage_;
};

class Lock {
 public:
  explicit Lock(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  ~Lock() { mutex_.unlock(); }
  Lock(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

// Throws Failure likewise.
class Condition {
 public:
  Condition() {
    if (uv_cond_init(&storage_) != 0)
      throw Failure("the system gave the addon no condition variable");
  }
  ~Condition() { uv_cond_destroy(&storage_); }
  Condition(const Condition&) = delete;
  void wait(Mutex& mutex) { uv_cond_wait(&storage_, &mutex.storage_); }
  void signal() { uv_cond_signal(&storage_); }
  void broadcast() { uv_cond_broadcast(&storage_); }

 private:
  UvStorage storage_;
};

class Thread {
 public:
  // False when the system gives no more threads.
  bool start(void (*entry)(void*), void* arg) {
    return uv_thread_create(&storage_, entry, arg) == 0;
  }
  void join() { uv_thread_join(&storage_); }

 private:
  UvStorage storage_;
};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Lets another thread have this core.
inline void giveWay() {
#if defined(_WIN32)
  relax();
#else
  sched_yield();
#endif
}

// Waits for another thread that is about to act. If threads outnumber cores (`crowded`), that
// thread may not be running and spinning would keep it from its core, so this yields at once.
// Otherwise it spins, because yielding would hand the core to another process for a whole time
// slice.
template <typename Done>
void spinUntil(Done done, bool crowded) {
  const int spins = crowded ? 1000 : 100000;
  for (int i = 0; !done(); i++) i < spins ? relax() : giveWay();
}

}  // namespace bitplane
