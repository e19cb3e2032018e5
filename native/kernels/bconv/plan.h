// The geometry of one binary convolution, worked out when the step is built: where prepared
// activations lie, where each output pixel finds its window, which border it touches, and which
// output channels are computed together. Not here: weights' values, threads, arithmetic.
#pragma once
#include <vector>

#include "kernels/bconv/bconv.h"
#include "kernels/bconv/kernel.h"

namespace bitplane {
namespace bconv {

// Fewer pixels than this per task, and loading the weights shows.
constexpr int64_t kLeastPixels = 24;
// Words of joined taps are put together on the stack.
constexpr int kMostJoinedWords = 256;
// What the prepared activations of a task may fill of L1 beside the weights, if that is at least
// two rows.
constexpr int64_t kPreparedBytes = 24 * 1024;

// Output channels computed by one kernel call: channels [first, first + count) of the output, all
// of one group, none crossing a multiple of 64. Their packed weights start at weightBytes.
struct OutputSpan {
  int group, first, count, lanes;
  int64_t weightBytes;
};

struct Plan {
  Problem problem;
  // Prepared activations are [group][row][column][word of the group], or the input itself
  // (`inPlace`) when nothing would change: one group, no border, words used as they are. Prepared
  // row r is input row r * rowStep - pt, column c likewise: a 1 x 1 kernel with a stride never
  // prepares what it skips.
  bool inPlace;
  int rowStep, columnStep;      // in input pixels per prepared pixel
  int rowStride, columnStride;  // in prepared pixels per output pixel
  int columns;                  // prepared columns
  // Taps that a prepared pixel holds: one, or all of a kernel row, channel behind channel, where
  // that fills words of few channels better. Then there is a prepared pixel for each output column.
  int taps;
  int pixelBits;  // of a prepared pixel: channels of its taps
  int64_t wordBytes, pixelBytes, rowBytes;
  // Small maps are computed several images at a time, so that a weight is loaded for more than a
  // few pixels (a dense layer is a map of one pixel). Images follow each other every imageBytes,
  // their pixels in one table.
  int images;
  int64_t imageBytes;
  std::vector<Pixel> pixels;     // [images * oh * ow]
  std::vector<int32_t> offsets;  // [words of a window] bytes from the window's first word
  // False where an offset from the first of the joined images is beyond an int32: 2 GB of bits.
  // Then there is nothing else here.
  bool fits;
  // Border classes: the combinations of kernel rows and columns that lie inside the picture, [rows
  // of classes][columns of classes].
  std::vector<Span> rowClasses, columnClasses;
  int classes() const { return static_cast<int>(rowClasses.size() * columnClasses.size()); }
  std::vector<OutputSpan> spans;
  std::vector<int> firstSpan;  // of each 64-channel block, and one past the last
  int64_t packedBytes;         // of all spans
  int pixelWords() const { return bitWords(pixelBits); }
  // The part of a tap's channels that lies in word `word` of a prepared pixel; for joined taps,
  // which have fewer channels than a word has bits.
  uint64_t placed(uint64_t channels, int tap, int word) const {
    const int at = tap * problem.groupChannels() - 64 * word;
    if (at <= -64 || at >= 64) return 0;
    return at < 0 ? channels >> -at : channels << at;
  }
  // 64-bit words of a window
  int64_t words() const { return static_cast<int64_t>(offsets.size()); }

  int firstRow(int64_t pixel) const { return static_cast<int>(pixel / problem.ow) * rowStride; }
  int rowCount(int64_t pixel, int64_t last) const {
    return firstRow(last) - firstRow(pixel) + problem.rows().reach();
  }
  int64_t groupBytes(int rows) const { return rows * rowBytes; }
  int rowCount() const { return rowCount(0, problem.pixels() - 1); }
};

Plan planFor(const Problem& problem, const Kernel& kernel, int threads);

// Writes the prepared rows that pixels [first, last] of image n need, and returns where the
// windows' offsets count from, for group 0; groups follow each other every `rows * rowBytes`.
// `scratch` holds g * rows * rowBytes.
const uint8_t* prepare(const Plan& plan, const Kernel& kernel, const uint64_t* image, int64_t first,
                       int64_t last, uint8_t* scratch);

}  // namespace bconv
}  // namespace bitplane
