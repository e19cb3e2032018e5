// Aligned, zeroed blocks with readable slack behind them. Not here: who owns which tensor.
#pragma once
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#if defined(_WIN32)
#include <malloc.h>
#endif

#include "base/types.h"

// Whether large blocks are pages of their own. glibc's free() keeps up to twice the largest block
// that was ever freed (its thresholds follow what a process frees), so that a model which has been
// packed would leave its unpacked weights behind. Other C libraries give large blocks back. Not
// where AddressSanitizer watches the ends of blocks.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BITPLANE_WATCHED_BLOCKS
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define BITPLANE_WATCHED_BLOCKS
#endif
#if defined(__GLIBC__) && !defined(BITPLANE_WATCHED_BLOCKS)
#define BITPLANE_MAPPED_BLOCKS
#include <sys/mman.h>
#endif

namespace bitplane {

// Owns `bytes` zeroed bytes aligned to kAlign, with kSlack more behind them. Throws std::bad_alloc
// if the system has none.
class Block {
 public:
  Block() = default;
  explicit Block(size_t bytes) : bytes_(bytes) {
    if (bytes > kMost) throw std::bad_alloc();
    const size_t whole = wholeOf(bytes);
#if defined(BITPLANE_MAPPED_BLOCKS)
    if (whole >= kLeastMapped) {
      // Zero already, and without a page behind it until somebody writes there.
      void* mapped =
          mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (mapped == MAP_FAILED) throw std::bad_alloc();
      data_ = mapped;
      return;
    }
#endif
#if defined(_WIN32)
    data_ = _aligned_malloc(whole, kAlign);
#else
    if (posix_memalign(&data_, kAlign, whole) != 0) data_ = nullptr;
#endif
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(data_, 0, whole);
  }
  ~Block() {
    if (data_ == nullptr) return;
#if defined(BITPLANE_MAPPED_BLOCKS)
    if (const size_t whole = wholeOf(bytes_); whole >= kLeastMapped) {
      munmap(data_, whole);
      return;
    }
#endif
#if defined(_WIN32)
    _aligned_free(data_);
#else
    std::free(data_);
#endif
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  Block& operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Block(Block&& other) noexcept : data_(other.data_), bytes_(other.bytes_) {
    other.data_ = nullptr;
  }

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  static size_t wholeOf(size_t bytes) { return roundUp(bytes + kSlack, kAlign); }
  // A larger number is no size, and rounding it up would wrap around.
  static constexpr size_t kMost = SIZE_MAX / 4;
  // A call of the system costs as much as zeroing some 64 KiB; smaller blocks share pages.
  static constexpr size_t kLeastMapped = size_t{64} << 10;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace bitplane
