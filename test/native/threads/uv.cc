// The functions of libuv that the pool calls, written with pthreads: elsewhere Node provides them,
// and this program runs without Node.
#include <pthread.h>
#include <time.h>

#include <cstdint>

namespace {
struct Entry {
  void (*function)(void*);
  void* argument;
};
void* enter(void* given) {
  const Entry entry = *static_cast<Entry*>(given);
  delete static_cast<Entry*>(given);
  entry.function(entry.argument);
  return nullptr;
}
pthread_mutex_t* mutexOf(void* p) { return static_cast<pthread_mutex_t*>(p); }
pthread_cond_t* condOf(void* p) { return static_cast<pthread_cond_t*>(p); }
}  // namespace

extern "C" {
int uv_thread_create(void* thread, void (*entry)(void*), void* arg) {
  return pthread_create(static_cast<pthread_t*>(thread), nullptr, enter, new Entry{entry, arg});
}
int uv_thread_join(void* thread) { return pthread_join(*static_cast<pthread_t*>(thread), nullptr); }
int uv_mutex_init(void* mutex) { return pthread_mutex_init(mutexOf(mutex), nullptr); }
void uv_mutex_destroy(void* mutex) { pthread_mutex_destroy(mutexOf(mutex)); }
void uv_mutex_lock(void* mutex) { pthread_mutex_lock(mutexOf(mutex)); }
void uv_mutex_unlock(void* mutex) { pthread_mutex_unlock(mutexOf(mutex)); }
int uv_cond_init(void* cond) { return pthread_cond_init(condOf(cond), nullptr); }
void uv_cond_destroy(void* cond) { pthread_cond_destroy(condOf(cond)); }
void uv_cond_signal(void* cond) { pthread_cond_signal(condOf(cond)); }
void uv_cond_broadcast(void* cond) { pthread_cond_broadcast(condOf(cond)); }
void uv_cond_wait(void* cond, void* mutex) { pthread_cond_wait(condOf(cond), mutexOf(mutex)); }
uint64_t uv_hrtime(void) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}
}
