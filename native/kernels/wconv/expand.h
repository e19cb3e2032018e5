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

}  // namespace wconv
}  // namespace bitplane
