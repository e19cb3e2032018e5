// Products of a few bits by table. Where weights have one or two bits and activations so few that
// a table of every combination stays in L1, sums of products are looked up: the activations of a
// step choose a row of 16 bytes, and 4 bits of weights choose a byte of it. One vector shuffle and
// one addition of bytes are then `step` multiply-adds of every byte lane, and lanes are output
// channels. Baseline code. Not here: the loop (lookup.h).
//
//   fields of 1 bit    4 weights index a row, 4 activations of up to 2 bits choose it
//   fields of 2 bits   2 weights, 2 activations of up to 4 bits
//
// An entry is the sum of its products less the least that a sum can be: 0 to `most`. So bytes hold
// the sums of 255 / most steps, and an output channel starts from the least sum of all its steps.
// Activations are told from each other by (x - zero) modulo 2^bits: what counts as 0 is row 0.
#pragma once
#include <vector>

#include "kernels/qconv/numbers.h"

namespace bitplane {
namespace qconv {

constexpr int kRowBytes = 16;
constexpr int kMostRowBits = 8;  // of a row's number: tables of 4 KiB

struct Table {
  int field;  // bits of a weight in the index: 1 or 2; 0 where the numbers have no table
  int bits;   // of an activation
  int zero;
  int least, most;  // of a step's sum; of an entry
  int step() const { return 4 / field; }
  int rows() const { return 1 << (bits * step()); }
  // Steps whose entries a byte can add up.
  int flush() const { return most == 0 ? 255 : 255 / most; }
};

// With fields of 4 / step bits.
Table tableOf(const Numbers& numbers, int step);

std::vector<uint8_t> entriesOf(const Table& table, const Numbers& numbers);

// A weight's bits in the index.
inline unsigned fieldOf(const Table& table, const Numbers& numbers, int weight) {
  if (table.field == 1 && numbers.weightKind == WeightKind::bipolar) return weight < 0;
  return static_cast<unsigned>(weight) & ((1u << table.field) - 1);
}

}  // namespace qconv
}  // namespace bitplane
