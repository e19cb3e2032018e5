// Activation preparation: copies the input rows that a task needs into its private scratch, with
// their border, split by group and expanded to the form the kernel broadcasts. Not here: the layout
// itself (plan.h).
//
// This costs a few percent of the convolution (each word is touched once per task and used KH * KW
// * O / 64 times) and buys kernels without borders, and no barrier between preparing and computing.
#include <algorithm>
#include <cstring>

#include "kernels/bconv/plan.h"

namespace bitplane {
namespace bconv {
namespace {

// Words of group `group` of one pixel, its tail bits 0.
void extractGroup(const uint64_t* pixel, int words, int firstBit, int count, uint64_t* out) {
  for (int done = 0; done < count; done += 64) {
    const int at = firstBit + done, shift = at % 64;
    uint64_t word = pixel[at / 64] >> shift;
    if (shift != 0 && at / 64 + 1 < words) word |= pixel[at / 64 + 1] << (64 - shift);
    if (count - done < 64) word &= (uint64_t{1} << (count - done)) - 1;
    *out++ = word;
  }
}

struct Writer {
  const Plan& plan;
  const Kernel& kernel;

  void expand(const uint64_t* words, uint8_t* out, int64_t count) const {
    if (kernel.expand)
      kernel.expand(words, out, count);
    else
      std::memcpy(out, words, count * 8);
  }

  // `count` pixels of border: +1 (bits 0) for `one` and `zero`, -1 (valid bits 1) for `minus_one`.
  void border(uint8_t* out, int64_t count) const {
    const Problem& p = plan.problem;
    if (p.padding != Padding::minus_one) {
      std::memset(out, 0, count * plan.pixelBytes);
      return;
    }
    const int words = plan.pixelWords(), tail = plan.pixelBits % 64;
    for (int64_t i = 0; i < count * words; ++i) {
      const uint64_t word =
          tail != 0 && i % words == words - 1 ? (uint64_t{1} << tail) - 1 : ~uint64_t{0};
      expand(&word, out + i * plan.wordBytes, 1);
    }
  }

  // Columns [from, to) of a prepared row whose input row starts at `row`; all of them lie inside
  // the input.
  void inside(const uint64_t* row, int group, int from, int to, uint8_t* out) const {
    const Problem& p = plan.problem;
    const int words = bitWords(p.c), groupWords = p.groupWords();
    if (p.g == 1 && plan.columnStep == 1) {
      expand(row + int64_t{from - p.pl} * words, out + from * plan.pixelBytes,
             int64_t{to - from} * words);
      return;
    }
    for (int column = from; column < to; ++column) {
      const uint64_t* pixel = row + (int64_t{column} * plan.columnStep - p.pl) * words;
      uint8_t* target = out + column * plan.pixelBytes;
      const int firstBit = group * p.groupChannels();
      if (firstBit % 64 == 0 && (p.g == 1 || p.groupChannels() % 64 == 0)) {
        expand(pixel + firstBit / 64, target, groupWords);
        continue;
      }
      for (int word = 0; word < groupWords; ++word) {
        uint64_t bits;
        const int left = p.groupChannels() - 64 * word;
        extractGroup(pixel, words, firstBit + 64 * word, left < 64 ? left : 64, &bits);
        expand(&bits, target + word * plan.wordBytes, 1);
      }
    }
  }

  // Channels of one tap at input column `at` of a row, all of them in the lower bits.
  uint64_t tapOf(const uint64_t* row, int words, int group, int64_t at, uint64_t outside) const {
    const Problem& p = plan.problem;
    if (at < 0 || at >= p.w) return outside;
    if (words == 1 && p.g == 1) return row[at];
    uint64_t bits;
    const int channels = p.groupChannels();
    extractGroup(row + at * words, words, group * channels, channels, &bits);
    return bits;
  }

  // A row of output columns whose input row starts at `row`: all taps of each, a few columns at
  // once.
  void joined(const uint64_t* row, int group, uint8_t* out) const {
    const Problem& p = plan.problem;
    const int words = bitWords(p.c), channels = p.groupChannels(), pixel = plan.pixelWords();
    const uint64_t outside =
        p.padding == Padding::minus_one ? (uint64_t{1} << channels) - 1 : uint64_t{0};
    uint64_t buffer[kMostJoinedWords];
    const int some = kMostJoinedWords / pixel;
    for (int first = 0; first < plan.columns; first += some) {
      const int count = std::min(some, plan.columns - first);
      std::memset(buffer, 0, sizeof(uint64_t) * pixel * count);
      for (int i = 0; i < count; ++i) {
        const int64_t start = int64_t{first + i} * p.sw - p.pl;
        uint64_t* to = buffer + i * pixel;
        for (int tap = 0, at = 0; tap < plan.taps; ++tap, at += channels) {
          const uint64_t bits = tapOf(row, words, group, start + int64_t{tap} * p.dw, outside);
          to[at / 64] |= bits << (at % 64);
          if (at % 64 + channels > 64) to[at / 64 + 1] |= bits >> (64 - at % 64);
        }
      }
      expand(buffer, out + first * plan.pixelBytes, int64_t{count} * pixel);
    }
  }

  void row(const uint64_t* image, int group, int64_t inputRow, uint8_t* out) const {
    const Problem& p = plan.problem;
    if (inputRow < 0 || inputRow >= p.h) return border(out, plan.columns);
    if (plan.taps > 1) return joined(image + inputRow * p.w * bitWords(p.c), group, out);
    // Prepared column i is input column i * columnStep - pl.
    const auto [from, to] = WindowAxis{p.w, plan.columns, 1, plan.columnStep, 1, p.pl}.interior();
    border(out, from);
    if (from < to) inside(image + inputRow * p.w * bitWords(p.c), group, from, to, out);
    border(out + to * plan.pixelBytes, plan.columns - to);
  }
};

}  // namespace

const uint8_t* prepare(const Plan& plan, const Kernel& kernel, const uint64_t* image, int64_t first,
                       int64_t last, uint8_t* scratch) {
  if (plan.inPlace) return reinterpret_cast<const uint8_t*>(image);
  const Writer writer{plan, kernel};
  const int firstRow = plan.firstRow(first), rows = plan.rowCount(first, last);
  for (int group = 0; group < plan.problem.g; ++group) {
    for (int r = 0; r < rows; ++r) {
      const int64_t inputRow = int64_t{firstRow + r} * plan.rowStep - plan.problem.pt;
      writer.row(image, group, inputRow,
                 scratch + group * plan.groupBytes(rows) + r * plan.rowBytes);
    }
  }
  return scratch - firstRow * plan.rowBytes;
}

}  // namespace bconv
}  // namespace bitplane
