// Aligned, zeroed heap blocks with readable slack behind them. Not here: who owns which tensor.
#pragma once
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#if defined(_WIN32)
#include <malloc.h>
#endif

#include "base/types.h"

namespace bitplane {

// Owns `bytes` zeroed bytes aligned to kAlign, with kSlack more behind them. Throws std::bad_alloc
// if the system has none.
class Block {
 public:
  Block() = default;
  explicit Block(size_t bytes) : bytes_(bytes) {
    if (bytes > kMost) throw std::bad_alloc();
    size_t whole = roundUp(bytes + kSlack, kAlign);
#if defined(_WIN32)
    data_ = _aligned_malloc(whole, kAlign);
#else
    if (posix_memalign(&data_, kAlign, whole) != 0) data_ = nullptr;
#endif
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(data_, 0, whole);
  }
  ~Block() {
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
  // A larger number is no size, and rounding it up would wrap around.
  static constexpr size_t kMost = SIZE_MAX / 4;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace bitplane
