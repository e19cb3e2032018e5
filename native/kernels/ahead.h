// Memory that a step reads or writes soon, asked for a few cache lines at a time beside what it
// computes: a line that comes from beyond L2 takes as long as a hundred multiply-adds. Baseline
// code but for `fetch`, which is inlined by force, so that loops of instruction sets may call it.
// Not here: which memory (each step knows its own).
#pragma once
#include "base/types.h"
#include "simd/attributes.h"

namespace bitplane {

class Ahead {
 public:
  Ahead() = default;
  // `bytes` from `first` on of each of `rows` rows that lie `pitch` bytes apart, over so many calls
  // of `fetch`. The memory may end before: nothing is read.
  Ahead(const void* first, int64_t pitch, int64_t bytes, int64_t rows, int64_t calls)
      : at_(static_cast<const char*>(first)), pitch_(pitch) {
    if (bytes == pitch) {
      // One row of all.
      pitch_ = kLine;
      lines_ = 1;
      rows_ = ceilDiv(rows * pitch, kLine);
    } else {
      lines_ = ceilDiv(bytes, kLine);
      rows_ = rows;
    }
    each_ = ceilDiv(rows_ * lines_, calls);
  }
  BITPLANE_INLINE void fetch() {
    for (int64_t i = 0; i < each_ && rows_ > 0; i++) {
      // Into L2: what is computed now needs L1.
      __builtin_prefetch(at_ + line_ * kLine, 0, 2);
      if (++line_ < lines_) continue;
      line_ = 0, rows_--, at_ += pitch_;
    }
  }

 private:
  static constexpr int64_t kLine = 64;
  const char* at_ = nullptr;
  int64_t pitch_ = 0, lines_ = 1, rows_ = 0, line_ = 0, each_ = 0;
};

// Some of them.
class AheadOf {
 public:
  void add(const Ahead& one) {
    if (count_ < kMost) all_[count_++] = one;
  }
  BITPLANE_INLINE void fetch() {
    for (int i = 0; i < count_; i++) all_[i].fetch();
  }

 private:
  static constexpr int kMost = 4;
  Ahead all_[kMost];
  int count_ = 0;
};

}  // namespace bitplane
