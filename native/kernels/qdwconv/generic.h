// The loop of the depthwise integer convolution over a vocabulary D of one instruction set. For ISA
// files only.
//
//   D::Pair pair(const int16_t* a, const int16_t* b)   kLanes channels of two taps
//   D::Acc add(Acc, Pair x, Pair w)                    plus the products of both taps
//   D::store(int32_t*, Acc), D::storeFloats(float*, Acc)
#pragma once
#include "kernels/qconv/unpack.h"
#include "kernels/qdwconv/tile.h"
#include "simd/attributes.h"

namespace bitplane {
namespace qdwconv {
namespace {

template <typename D, int P>
BITPLANE_INLINE void pixels(const Part& part, int64_t first, int64_t channel) {
  const int16_t* x[P];
  typename D::Acc acc[P];
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    x[p] = part.pixels[first + p] + part.channel + channel;
    acc[p] = D::zero();
  }
  const int16_t* w = part.panel + channel;
  for (int i = 0; i < part.pairs; i++, w += 2 * part.width) {
    const int64_t a = part.offsets[2 * i], b = part.offsets[2 * i + 1];
    const typename D::Pair weights = D::pair(w, w + part.width);
    BITPLANE_UNROLL
    for (int p = 0; p < P; p++) acc[p] = D::add(acc[p], D::pair(x[p] + a, x[p] + b), weights);
  }
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    int32_t* to = static_cast<int32_t*>(part.out) + (first + p) * part.ld + channel;
    if (part.floats)
      D::storeFloats(reinterpret_cast<float*>(to), acc[p]);
    else
      D::store(to, acc[p]);
  }
}

// All channels of few pixels, and only then the next ones: their lines lie together, while those of
// a column of channels would compete for the same sets of a cache where C is a power of two.
template <typename D>
void run(const Part& given) {
  const Part part = given;  // a copy that no store can alias
  int64_t p = 0;
  for (; p + D::kPixels <= part.count; p += D::kPixels) {
    for (int64_t channel = 0; channel < part.width; channel += D::kLanes)
      pixels<D, D::kPixels>(part, p, channel);
  }
  for (; p < part.count; p++) {
    for (int64_t channel = 0; channel < part.width; channel += D::kLanes)
      pixels<D, 1>(part, p, channel);
  }
}

template <typename T>
BITPLANE_INLINE void subtractFrom(const T* from, int zero, int64_t count, int16_t* to) {
  for (int64_t i = 0; i < count; i++) to[i] = static_cast<int16_t>(from[i] - zero);
}

void subtract(const uint8_t* from, bool isSigned, int zero, int64_t count, int16_t* to) {
  if (isSigned)
    subtractFrom(reinterpret_cast<const int8_t*>(from), zero, count, to);
  else
    subtractFrom(from, zero, count, to);
}

template <typename D>
constexpr Kernel kernelOf() {
  return {D::kLanes, subtract, run<D>, qconv::unpackWide};
}

}  // namespace
}  // namespace qdwconv
}  // namespace bitplane
