// Makes floats of a panel over a SIMD vocabulary, which the including file has chosen. expand.h is
// the contract.
#pragma once
#include "kernels/qconv/unpack.h"
#include "kernels/wconv/expand.h"

namespace bitplane {
namespace wconv {
namespace BITPLANE_SIMD {
namespace {

using namespace bitplane::BITPLANE_SIMD;

template <bool kNatural>
BITPLANE_INLINE F32 floats(const uint8_t* p) {
  return toFloat(kNatural ? loadU8(p) : loadI8(reinterpret_cast<const int8_t*>(p)));
}

template <bool kNatural, int V>
void scaleAll(const Panel& p, const uint8_t* bytes, float* out) {
  for (int64_t done = 0; done < p.steps;) {
    const int64_t block = (p.k + done) / p.block;
    const int64_t last = (block + 1) * p.block - p.k;
    const int64_t end = last < p.steps ? last : p.steps;
    F32 scale[V], zero[V];
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) {
      const int64_t at = block * p.pitch + v * kLanes;
      scale[v] = p.scales ? load(p.scales + at) : set1(1.0f);
      zero[v] = p.zeros ? floats<kNatural>(p.zeros + at) : set1(0.0f);
    }
    for (; done < end; done++, bytes += V * kLanes, out += V * kLanes) {
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++)
        store(out + v * kLanes, mul(sub(floats<kNatural>(bytes + v * kLanes), zero[v]), scale[v]));
    }
  }
}

template <bool kNatural, int V = kMaxTileVectors>
void scaleVectors(const Panel& p, const uint8_t* bytes, float* out) {
  if (p.vectors == V) return scaleAll<kNatural, V>(p, bytes, out);
  if constexpr (V > 1) scaleVectors<kNatural, V - 1>(p, bytes, out);
}

}  // namespace

void expand(const Panel& panel, uint8_t* bytes, float* out) {
  const uint8_t* elements = panel.rest.bytes;
  if (panel.rest.bits < 8) {
    qconv::unpackBytes(panel.rest, bytes);
    elements = bytes;
  }
  elements += panel.first;
  if (panel.natural) return scaleVectors<true>(panel, elements, out);
  scaleVectors<false>(panel, elements, out);
}

}  // namespace BITPLANE_SIMD
}  // namespace wconv
}  // namespace bitplane
