// The tile of one pixel over weights that are unpacked in registers, for ISA files whose vectors
// are parts of a unit (panel.h) or several of them. A dense layer of one row reads each weight
// once: writing it to a panel and reading it back would cost as much as multiplying it. Not here:
// other tiles (generic.h).
//
//   D::W D::of(const PartBytes (&parts)[kParts])   a vector of weights
#pragma once
#include <utility>

#include "kernels/qconv/generic.h"
#include "kernels/qconv/unpack.h"

namespace bitplane {
namespace qconv {
namespace {

// Vector I of a unit times the step that it belongs to.
template <typename D, int N, int V, int I>
BITPLANE_INLINE void multiplyVector(const uint8_t* unit, const PartBytes& bias, const Part& twice,
                                    const uint8_t* x, typename D::Acc (&acc)[1][V]) {
  constexpr int kParts = D::kVectorBytes / kPartBytes;
  PartBytes parts[kParts];
  readPart<N, I * kParts>(unit, bias, twice, parts[0]);
  if constexpr (kParts == 2) readPart<N, I * kParts + 1>(unit, bias, twice, parts[1]);
  const typename D::X one = D::broadcast(x + I / V * D::kStepBytes);
  acc[0][I % V] = D::template dot<0>(acc[0][I % V], one, D::of(parts));
}

template <typename D, int N, int V, int... I>
BITPLANE_INLINE void multiplyUnit(const uint8_t* unit, const PartBytes& bias, const Part& twice,
                                  const uint8_t* x, typename D::Acc (&acc)[1][V],
                                  std::integer_sequence<int, I...>) {
  (multiplyVector<D, N, V, I>(unit, bias, twice, x, acc), ...);
}

template <typename D, int N, int V>
void stream(const Tile& given, const Rest& rest) {
  constexpr int kVectors = 256 / D::kVectorBytes, kSteps = kVectors / V;
  static_assert(kVectors % V == 0, "a unit holds whole steps");
  const Tile t = given;
  const PartBytes bias = PartBytes{} + static_cast<uint8_t>(rest.bias);
  const Part twice = Part{} - static_cast<uint64_t>(rest.bipolar);
  typename D::Acc acc[1][V];
  clear<D>(acc);
  const uint8_t* x = t.pixels[0] + t.shift + t.runs[0].offset;
  const uint8_t* unit = rest.bytes;
  const int32_t* start = t.start;
  int64_t left = t.flush - kSteps;
  for (int64_t i = 0; i < rest.elements; i += 256) {
    multiplyUnit<D, N, V>(unit, bias, twice, x, acc, std::make_integer_sequence<int, kVectors>());
    unit += N * kPartBytes;
    x += kSteps * D::kStepBytes;
    if constexpr (D::kFlushes) {
      left -= kSteps;
      if (left >= 0) continue;
      addUp<D, V, 1>(t, start, false, acc);
      clear<D>(acc);
      start = nullptr;
      left = t.flush - kSteps;
    }
  }
  addUp<D, V, 1>(t, start, t.floats, acc);
}

// Weights of 8 bits that D multiplies as 16: it widens what it loads.
template <typename D, int V>
void streamBytes(const Tile& given, const Rest& rest) {
  Tile t = given;
  t.panel = rest.bytes;
  tile<D, V, 1>(t);
}

// Fills the functions for weights of 1 to 7 bits in.
template <typename D, int N = 7>
constexpr void listStreams(Dot* dot) {
  dot->stream[N - 1] = stream<D, N, sizeof(D::kPixels) / sizeof(int)>;
  if constexpr (N > 1) listStreams<D, N - 1>(dot);
}

template <typename D>
constexpr Dot streamingDotOf() {
  Dot dot = dotOf<D>(unpackBytes);
  listStreams<D>(&dot);
  return dot;
}

}  // namespace
}  // namespace qconv
}  // namespace bitplane
