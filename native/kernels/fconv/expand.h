// What makes floats of a panel of codes is given: plain data, shared by baseline and ISA code. Not
// here: which codes a panel has (fconv.cc).
//
// Vectors of codes come in units of 32, which W vectors of words hold: in every lane code j of a
// unit takes bits [j W, (j + 1) W) of the lane's words, counted from the highest bit of the first
// word on. So a code is brought to the top of its lane by one shift, or by two and an or where it
// lies in two words.
#pragma once
#include <cstdint>

namespace bitplane {
namespace fconv {

constexpr int kUnit = 32;

// In the order of the field `kind` of the instruction.
enum class Kind : int32_t { blockFloat = 0, floatField = 1, mask = 2, signedMask = 3, owner = 4 };

struct Panel {
  Kind kind;
  int bits;
  const int32_t* words;  // of whole units
  int64_t count;         // vectors: steps times `vectors`
  int vectors;           // of output channels
  // Of blockFloat, [blocks][pitch] from the panel's first channel on; whole vectors are read.
  const float* scales;
  int64_t pitch;
  int64_t k, row, block;  // the panel's first k; the products that share a scale (fconv.h)
  const float* values;    // of the last three: [count][lane], read in whole units
  const int32_t* noise;   // as words, or null
  int noiseBits;
  int tasks;  // of owner
};

// out[k][vector][lane]; whole units are written. `more` has room for as many where there is noise.
using ExpandFn = void (*)(const Panel& panel, float* out, int32_t* more);

}  // namespace fconv
}  // namespace bitplane
