// What an inner loop of the binary convolution sees: plain data only, so that ISA files share no
// inline function with the rest. Not here: threads, buffers, padding. By the time a kernel runs,
// every window lies inside prepared memory.
//
// A segment is up to 64 output channels of one group; lanes hold output channels, one activation is
// broadcast to all of them, and no sum ever crosses lanes. A window is `words` 64-bit words in the
// order ky, kx, channel, each expanded to `expansion` bytes by the kernel's own `expand`. Where
// they lie is a table: one more load per 64 terms, and one loop whatever the kernel size, the
// dilation and the groups are.
#pragma once
#include <cstddef>
#include <cstdint>

namespace bitplane {
namespace bconv {

// One output pixel: the byte offset of its window's first tap, and its border class.
struct Pixel {
  int32_t input;
  int32_t border;
};

struct Segment {
  const uint8_t* weights;  // packed by Kernel::pack
  const uint8_t* input;    // prepared activations of the segment's group
  const Pixel* pixels;     // `pixelCount` of them
  int64_t pixelCount;
  const int32_t* offsets;  // [words] byte offsets of the window's prepared words from its first
  int64_t words;
  bool halves;    // no word of the window has more than its lower 32 bits
  int32_t lanes;  // output channels, rounded up to Kernel::laneMultiple
  // Kernel::bits: y[p * yStride] = bits of popcount > threshold, xor flip.
  const uint8_t* thresholds;  // [border class] blocks of Kernel::thresholdBytes
  uint64_t flip;
  uint64_t* y;
  int64_t yStride;  // in words
  // Kernel::dots, Kernel::floats: block[p * blockStride + lane] = base[border * baseStride + lane]
  // - 2 * popcount.
  const int32_t* base;
  int64_t baseStride;
  void* block;  // int32 or float
  int64_t blockStride;
};

struct Kernel {
  int32_t laneMultiple;  // 64 is a multiple of it
  // Bytes per prepared 64-bit activation word; 8 with `expand` null means words as they are.
  int32_t expansion;
  int32_t weightExpansion;  // bytes per packed weight byte
  bool skipsHalves;         // words without upper bits take half the time
  int64_t maxTerms;         // the largest K whose popcounts fit the kernel's counters
  int32_t thresholdBytes;   // of 64 thresholds in the kernel's own form
  void (*expand)(const uint64_t* words, uint8_t* out, int64_t count);
  // Stores 64 weights: word `position` (of `positions`) of lane `lane` (of `lanes`).
  void (*pack)(uint8_t* packed, int64_t position, int64_t positions, int lane, int lanes,
               uint64_t bits);
  void (*packThresholds)(const int32_t* natural, uint8_t* packed);
  void (*bits)(const Segment& segment);
  void (*dots)(const Segment& segment);
  void (*floats)(const Segment& segment);
};

}  // namespace bconv
}  // namespace bitplane
