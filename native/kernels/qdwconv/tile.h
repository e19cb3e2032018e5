// What the inner loop of the depthwise integer convolution sees: plain data only, so that ISA files
// share no inline function with the rest.
#pragma once
#include "kernels/qconv/tile.h"

namespace bitplane {
namespace qdwconv {

// What the inner loop sees: `count` pixels x `width` channels.
struct Part {
  const int16_t* const* pixels;  // the first tap of each pixel, channel 0
  int64_t channel;               // the first to compute
  int64_t count;
  const int64_t* offsets;  // [2 pairs] elements from a pixel's address to its taps
  int pairs;
  const int16_t* panel;  // weights, [2 pairs][width]
  int64_t width;         // channels, in whole vectors
  void* out;             // int32 or float, [pixel][ld]; whole vectors are written
  int64_t ld;
  bool floats;
};

struct Kernel {
  int lanes;  // channels of a row; `width` is a multiple of it
  // to = from - zero, for bytes that follow each other
  void (*subtract)(const uint8_t* from, bool isSigned, int zero, int64_t count, int16_t* to);
  void (*run)(const Part& part);
  void (*unpack)(const qconv::Rest& rest, uint8_t* panel);  // into 16 bits
};

}  // namespace qdwconv
}  // namespace bitplane
