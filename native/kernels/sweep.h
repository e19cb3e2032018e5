// Cutting work for threads and for caches: shared by the steps that walk [pixels][channels] or a
// flat range. Baseline code only. Not here: what is done with a piece.
#pragma once
#include <algorithm>

#include "base/types.h"

namespace bitplane {

struct Range {
  int64_t begin, end;
};

// Part i of [0, total) in `parts` nearly equal pieces whose borders are multiples of `grain`.
inline Range partOf(int64_t total, int parts, int i, int64_t grain = 1) {
  const int64_t grains = ceilDiv(total, grain);
  return {std::min(total, grains * i / parts * grain),
          std::min(total, grains * (i + 1) / parts * grain)};
}

// How many tasks `work` (in vector operations, roughly nanoseconds) is worth: four a thread to even
// out, none below some microseconds. However few the threads, no task takes much longer than some
// milliseconds, because an aborted run ends between two tasks.
inline int tasksFor(int64_t work, int threads) {
  constexpr int64_t kLeastWork = 4096, kMostWork = int64_t{1} << 22, kMostTasks = 1 << 16;
  const int64_t shares =
      threads == 1 ? 1 : std::clamp<int64_t>(work / kLeastWork, 1, int64_t{threads} * 4);
  return static_cast<int>(std::clamp(work / kMostWork, shares, kMostTasks));
}

// [pixels][channels] cut into tasks, and those into blocks that fit L1, with whole 64-channel words
// for the epilogue.
struct Sweep {
  int64_t pixels;
  int channels;
  int pixelTasks, channelTasks;
  int blockPixels, blockChannels;
  int64_t ld;     // floats of a block's row
  int64_t grain;  // tasks begin at multiples of so many pixels

  int tasks() const { return pixelTasks * channelTasks; }
  size_t blockBytes() const { return static_cast<size_t>(blockPixels * ld) * 4 + kSlack; }

  // Calls visit(pixel, count, c0, cn) for each block of a task.
  template <typename Visit>
  void each(int task, Visit visit) const {
    const Range p = partOf(pixels, pixelTasks, task / channelTasks, grain);
    const Range c = partOf(channels, channelTasks, task % channelTasks, 64);
    for (int64_t c0 = c.begin; c0 < c.end; c0 += blockChannels) {
      for (int64_t pixel = p.begin; pixel < p.end; pixel += blockPixels) {
        const int count = static_cast<int>(std::min<int64_t>(blockPixels, p.end - pixel));
        visit(pixel, count, static_cast<int>(c0),
              static_cast<int>(std::min<int64_t>(blockChannels, c.end - c0)));
      }
    }
  }
};

// blockChannels: at most so many, a multiple of 64. workPerValue: vector operations per 16 values
// of output.
inline Sweep planSweep(int64_t pixels, int channels, int blockChannels, int64_t workPerValue,
                       int threads) {
  constexpr int64_t kBlockFloats = 4096;
  Sweep s = {};
  s.pixels = pixels;
  s.channels = channels;
  s.grain = 1;
  s.blockChannels = std::min(channels, blockChannels);
  s.ld = roundUp(s.blockChannels, 16);
  s.blockPixels = static_cast<int>(std::clamp<int64_t>(kBlockFloats / s.ld, 1, pixels));
  const int wanted = tasksFor(ceilDiv<int64_t>(pixels * channels, 16) * workPerValue, threads);
  s.pixelTasks = static_cast<int>(std::min<int64_t>(wanted, pixels));
  s.channelTasks = std::min(ceilDiv(wanted, s.pixelTasks), ceilDiv(channels, 64));
  return s;
}

}  // namespace bitplane
