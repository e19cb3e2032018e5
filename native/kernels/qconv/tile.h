// What an inner loop of the integer convolution sees: plain data only, so that ISA files share no
// inline function with the rest. Not here: shapes, borders, threads.
//
//   out[p][c] = from[p][c] + sum over k of x[pixel p][k] w[k][c]   modulo 2^32
//   p < P pixels, c < V vectors of output channels, k runs over a block of the kernel window
//
// Lanes hold output channels; a step multiplies `step` neighbouring elements of one pixel,
// broadcast to all lanes, with as many weights of every channel. So no sum crosses the lanes of two
// channels. `from` is what the out channels start from, or what `out` holds already.
//
// How x and w lie before a tile, by the operands of the instruction that multiplies them:
//   u8   x - least is 0 to 255, w is -128 to 127
//   i8   x + offset and w are -128 to 127
//   i16  both are 16-bit integers: x as it is
//   rows a step's x is the offset of a row of a table, its weights are an index in it (table.h)
#pragma once
#include <cstdint>

#include "kernels/conv/tile.h"

namespace bitplane {
namespace qconv {

struct Tile {
  const uint8_t* const* pixels;
  int64_t shift;       // bytes from a pixel's address to its group's first input channel
  const TapRun* runs;  // offsets in bytes, lengths in steps
  int runCount;
  const uint8_t* panel;  // weights, [step][vector][lane][element]
  const int32_t* start;  // [channel], or null: then `out` holds what the sums start from
  void* out;             // int32 or float, [pixel][ld]
  int64_t ld;
  int64_t flush;         // steps whose sums fit the accumulators, where these are 16-bit integers
  bool floats;           // out receives the sums as floats
  const uint8_t* table;  // of rows
};
using TileFn = void (*)(const Tile& tile);

enum class Operand : int { u8, i8, i16, rows };

// Packed weights of a panel (weights.h).
struct Rest {
  const uint8_t* bytes;
  int bits;
  int bias;          // an element is what its bits say, less the bias
  bool bipolar;      // or twice that, less the bias
  bool powers;       // and then a code of up to 4 bits, which stands for a power of two
  int64_t elements;  // of fewer than 8 bits they come in units of 256, which are unpacked whole
};

// One pixel times a panel that is unpacked on the way; `tile.panel` is not read. Its window is one
// run.
using StreamFn = void (*)(const Tile& tile, const Rest& rest);

// How activations become rows: (x + add) & mask, of so many bits each.
struct RowCode {
  uint32_t mask, add;
  int bits;
};
using PrepareFn = void (*)(const RowCode& code, const uint8_t* from, int64_t count, uint8_t* to);

constexpr int kMostStep = 16;

// One way to multiply.
struct Dot {
  Operand operand;
  int lanes;       // output channels of a vector
  int vectors;     // of a full tile
  int step;        // elements, at most kMostStep
  int panelBytes;  // of a block of k, about: what stays in L1
  // How many pixels a tile of v + 1 vectors takes at most.
  int pixels[kMaxTileVectors];
  TileFn run[kMaxTileVectors][kMaxTilePixels];  // [v - 1][p - 1]
  void (*unpack)(const Rest& rest, uint8_t* panel);
  StreamFn stream[8];  // of a full tile's vectors, by bits less one; null where there is none
  PrepareFn prepare;   // of rows alone

  // Elements of a panel that a channel has in a step.
  int weights() const { return operand == Operand::rows ? 1 : step; }
};

}  // namespace qconv
}  // namespace bitplane
