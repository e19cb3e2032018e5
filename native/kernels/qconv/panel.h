// A panel: weights at rest in n bits, and how they are brought there. Baseline code. Not here:
// which weights follow each other in a panel (weights.h, qdwconv), unpacking (unpack.h).
//
// A panel of 8-bit weights is its bytes. Of n < 8 bits it is units of 256 elements, the last one
// filled up with elements that are 0. A unit has 8 parts of 32 elements; element e of part j is the
// number v = w + bias (or (w + 1) / 2 of bipolar weights; of powers of two w is their code), whose
// bits lie in pieces of 32 bytes:
//
//   lowest 4 bits, where n has 4:  piece j / 2 of four, byte e, from bit 4 (j mod 2) on
//   next 2 bits, where n has 2:    piece j / 4 of two, byte e, from bit 2 (j mod 4) on
//   next bit, where n is odd:      one piece, byte e, bit j
//
// so that a piece is unpacked with a shift and a mask, wherever it lies.
#pragma once
#include "kernels/qconv/numbers.h"
#include "kernels/qconv/tile.h"

namespace bitplane {
namespace qconv {

// What an element is when it is unpacked: its bits (twice of bipolar weights) less the bias.
inline int biasOf(const Numbers& n) {
  if (n.weightKind == WeightKind::natural) return 0;
  return n.weightKind == WeightKind::bipolar ? 1 : 1 << (n.weightBits - 1);
}

// Elements with those that fill the last unit.
inline int64_t paddedElements(int64_t elements) { return roundUp<int64_t>(elements, 256); }

inline int64_t panelBytes(const Numbers& n, int64_t elements) {
  return n.weightBits == 8 ? elements : paddedElements(elements) / 8 * n.weightBits;
}

inline Rest restOf(const Numbers& n, const uint8_t* panel, int64_t elements) {
  const bool powers = n.weightKind == WeightKind::power && n.weightBits <= kMostPowerBits;
  return {panel, n.weightBits, biasOf(n), n.weightKind == WeightKind::bipolar, powers, elements};
}

// Writes a panel's elements one after the other.
class PanelWriter {
 public:
  PanelWriter(const Numbers& n, uint8_t* to)
      : bits_(n.weightBits),
        bias_(biasOf(n)),
        bipolar_(n.weightKind == WeightKind::bipolar),
        power_(n.weightKind == WeightKind::power),
        to_(to) {}
  void put(int weight) {
    if (power_) weight = codeOfPower(weight);
    if (bits_ == 8) {
      *to_++ = static_cast<uint8_t>(weight);
      return;
    }
    unit_[count_++] = static_cast<uint8_t>(bipolar_ ? (weight + 1) / 2 : weight + bias_);
    if (count_ == 256) flush();
  }
  // Fills the last unit up.
  void end() {
    while (count_ > 0) put(0);
  }

 private:
  void flush() {
    count_ = 0;
    uint8_t* piece = to_;
    int from = 0;
    for (const int width : {4, 2, 1}) {
      if ((bits_ & width) == 0) continue;
      const int shared = 8 / width;  // parts in a piece
      for (int first = 0; first < 8; first += shared, piece += 32) {
        for (int e = 0; e < 32; e++) {
          unsigned byte = 0;
          for (int j = 0; j < shared; j++) {
            const unsigned value = unit_[(first + j) * 32 + e];
            byte |= (value >> from & ((1u << width) - 1)) << (width * j);
          }
          piece[e] = static_cast<uint8_t>(byte);
        }
      }
      from += width;
    }
    to_ = piece;
  }

  const int bits_, bias_;
  const bool bipolar_, power_;
  uint8_t* to_;
  uint8_t unit_[256] = {};
  int count_ = 0;
};

}  // namespace qconv
}  // namespace bitplane
