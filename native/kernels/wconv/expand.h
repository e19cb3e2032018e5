// What makes floats of a panel of packed weights is given: plain data, shared by baseline and ISA
// code. Not here: how packed weights lie (kernels/qconv/panel.h).
#pragma once
#include <cstdint>

#include "kernels/qconv/tile.h"

namespace bitplane {
namespace wconv {

struct Panel {
  qconv::Rest rest;      // [k][vector][lane], from the unit on in which the panel begins
  int64_t first;         // elements of it before the panel
  bool natural;          // unsigned
  int vectors;           // of output channels
  int64_t k, steps;      // the panel's first k, and how many it has
  const float* scales;   // [blocks][pitch] from the panel's first channel on, or null
  const uint8_t* zeros;  // likewise; whole vectors are read of both
  int64_t pitch, block;  // k of one scale
};

// out[k][vector][lane] = (q - zero) * scale; `bytes` has room for all elements of whole units.
using ExpandFn = void (*)(const Panel& panel, uint8_t* bytes, float* out);

// One pixel: out[vector][lane] (+)= the sum from 0 on over k of x[k] times those floats, which stay
// in registers. The window of the pixel is `runs` runs from x on.
struct Pixel {
  const float* x;
  const TapRun* runs;
  int runCount;
  float* out;
  bool accumulate;
};
using PixelFn = void (*)(const Panel& panel, uint8_t* bytes, const Pixel& pixel);

}  // namespace wconv
}  // namespace bitplane
