// The tile of the integer convolution that looks sums up (table.h), over a vocabulary D of one
// instruction set. For ISA files only. Not here: the vocabularies, the table.
//
//   D::Bytes add(Bytes, Row, W)   adds the entries of a row that a vector of weights chooses
//   D::flush(Sums&, Bytes)        adds those sums, a byte a channel, to sums of 16 bits
//   D::finish(Sums, from, to)     adds 32-bit sums to them
//
// Sums of 16 bits lie in memory; they hold the entries of 257 steps, and a panel has fewer.
#pragma once
#include <cstring>

#include "kernels/qconv/table.h"
#include "kernels/qconv/tiles.h"
#include "kernels/qconv/unpack.h"
#include "simd/attributes.h"

namespace bitplane {
namespace qconv {
namespace {

// The table's row of a step, whose byte offset is stored in as many bytes as the step has elements.
template <int kStep>
BITPLANE_INLINE const uint8_t* rowAt(const uint8_t* table, const uint8_t* x) {
  if constexpr (kStep == 4) {
    uint32_t offset;
    std::memcpy(&offset, x, 4);
    return table + offset;
  } else {
    uint16_t offset;
    std::memcpy(&offset, x, 2);
    return table + offset;
  }
}

template <typename D, int kStep, int V, int P>
BITPLANE_INLINE void lookUp(const uint8_t* table, const uint8_t* w, const uint8_t* const (&x)[P],
                            int64_t at, typename D::Bytes (&acc)[P][V]) {
  typename D::Bytes weights[V];
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) weights[v] = D::load(w + v * D::kLanes);
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    const typename D::Row row = D::row(rowAt<kStep>(table, x[p] + at));
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) acc[p][v] = D::add(acc[p][v], row, weights[v]);
  }
}

template <typename D, int kStep, int V, int P>
void lookupTile(const Tile& given) {
  const Tile t = given;  // a copy that no store can alias
  typename D::Bytes acc[P][V];
  typename D::Sums sums[P][V];
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) acc[p][v] = D::zero(), sums[p][v] = D::none();
  }
  const auto flush = [&] {
    BITPLANE_UNROLL
    for (int p = 0; p < P; p++) {
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++) D::flush(sums[p][v], acc[p][v]), acc[p][v] = D::zero();
    }
  };
  const uint8_t* w = t.panel;
  int64_t left = t.flush;
  for (int r = 0; r < t.runCount; r++) {
    const uint8_t* x[P];
    BITPLANE_UNROLL
    for (int p = 0; p < P; p++) x[p] = t.pixels[p] + t.shift + t.runs[r].offset;
    int64_t at = 0;
    for (int64_t rest = t.runs[r].length; rest > 0;) {
      const int64_t count = rest < left ? rest : left;
      rest -= count;
      left -= count;
      const int64_t end = at + count * kStep;
      constexpr int kUnroll = 4;
      for (; at + kUnroll * kStep <= end; at += kUnroll * kStep) {
        BITPLANE_UNROLL
        for (int i = 0; i < kUnroll; i++)
          lookUp<D, kStep>(t.table, w + i * V * D::kLanes, x, at + i * kStep, acc);
        w += kUnroll * V * D::kLanes;
      }
      for (; at < end; at += kStep, w += V * D::kLanes) lookUp<D, kStep>(t.table, w, x, at, acc);
      if (left == 0) flush(), left = t.flush;
    }
  }
  if (left != t.flush) flush();
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) {
      int32_t* to = static_cast<int32_t*>(t.out) + p * t.ld + v * D::kLanes;
      D::finish(sums[p][v], t.start ? t.start + v * D::kLanes : to, to, t.floats);
    }
  }
}

// Activations as rows: `count` bytes, whole steps.
template <int kStep>
void prepareRows(const RowCode& code, const uint8_t* from, int64_t count, uint8_t* to) {
  if constexpr (kStep == 4) {
    const uint32_t mask = code.mask * 0x01010101u, add = code.add * 0x01010101u;
    // Byte 3 of the product is the sum of byte e times 2^(e bits).
    const uint32_t places =
        1u << 24 | 1u << (16 + code.bits) | 1u << (8 + 2 * code.bits) | 1u << (3 * code.bits);
    for (int64_t i = 0; i < count; i += 4) {
      uint32_t four;
      std::memcpy(&four, from + i, 4);
      four = ((four & mask) + add) & mask;
      four = (four * places) >> 20 & 0xff0;
      std::memcpy(to + i, &four, 4);
    }
  } else {
    const uint32_t mask = code.mask, add = code.add;
    for (int64_t i = 0; i < count; i += 2) {
      const uint32_t first = (from[i] + add) & mask, second = (from[i + 1] + add) & mask;
      const uint16_t row = static_cast<uint16_t>((first | second << code.bits) * kRowBytes);
      std::memcpy(to + i, &row, 2);
    }
  }
}

template <typename D, int kStep>
struct Lookups : D {
  template <int V, int P>
  static constexpr TileFn of = lookupTile<D, kStep, V, P>;
};

template <typename D, int kStep>
constexpr Dot lookupOf() {
  constexpr int kVectors = sizeof(D::kPixels) / sizeof(int);
  Dot dot = {Operand::rows, D::kLanes, kVectors,          kStep, D::kPanelBytes, {}, {},
             unpackBytes,   {},        prepareRows<kStep>};
  listAllTiles<Lookups<D, kStep>>(&dot);
  return dot;
}

}  // namespace
}  // namespace qconv
}  // namespace bitplane
