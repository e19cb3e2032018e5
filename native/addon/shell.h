// Memory for the objects that node-addon-api allocates for `new Constants` and `new Program`
// outside of any guard (guard.h). If the system has none, they take a small reserve. The
// constructor's own allocations then fail within a guard and the object is deleted, so the reserve
// is soon free again. Not here: what the objects hold.
#pragma once
#include <atomic>
#include <cstdlib>
#include <new>

namespace bitplane {

class Shell {
 public:
  static void* operator new(size_t bytes) {
    if (void* given = std::malloc(bytes)) return given;
    for (int i = 0; i < kReserved && bytes <= kBytes; i++)
      if (!taken_[i].exchange(true)) return reserve_[i].bytes;
    throw std::bad_alloc();  // ends the process: base/terminate.cc
  }
  static void operator delete(void* at) {
    for (int i = 0; i < kReserved; i++)
      if (at == reserve_[i].bytes) return taken_[i].store(false);
    std::free(at);
  }

 private:
  static constexpr int kReserved = 32;
  static constexpr size_t kBytes = 512;
  struct alignas(16) Place {
    unsigned char bytes[kBytes];
  };
  static inline Place reserve_[kReserved];
  static inline std::atomic<bool> taken_[kReserved] = {};
};

}  // namespace bitplane
