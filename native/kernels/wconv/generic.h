// Makes floats of a panel over a SIMD vocabulary, which the including file has chosen. expand.h is
// the contract. Without zero points nothing is subtracted: q - 0 is q to the bit.
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

template <bool kNatural, bool kZeros, int V>
void scaleAll(const Panel& p, const uint8_t* __restrict bytes, float* __restrict out) {
  for (int64_t done = 0; done < p.steps;) {
    const int64_t block = (p.k + done) / p.block;
    const int64_t last = (block + 1) * p.block - p.k;
    const int64_t end = last < p.steps ? last : p.steps;
    F32 scale[V], zero[V];
    BITPLANE_UNROLL
    for (int v = 0; v < V; v++) {
      const int64_t at = block * p.pitch + v * kLanes;
      scale[v] = p.scales ? load(p.scales + at) : set1(1.0f);
      zero[v] = kZeros ? floats<kNatural>(p.zeros + at) : set1(0.0f);
    }
    for (; done < end; done++, bytes += V * kLanes, out += V * kLanes) {
      BITPLANE_UNROLL
      for (int v = 0; v < V; v++) {
        F32 w = floats<kNatural>(bytes + v * kLanes);
        if (kZeros) w = sub(w, zero[v]);
        store(out + v * kLanes, mul(w, scale[v]));
      }
    }
  }
}

template <bool kNatural, bool kZeros, int V = kMaxTileVectors>
void scaleVectors(const Panel& p, const uint8_t* bytes, float* out) {
  if (p.vectors == V) return scaleAll<kNatural, kZeros, V>(p, bytes, out);
  if constexpr (V > 1) scaleVectors<kNatural, kZeros, V - 1>(p, bytes, out);
}

template <bool kNatural, bool kZeros, int V>
void multiply(const Panel& p, const uint8_t* bytes, const Pixel& pixel) {
  F32 sum[V], scale[V], zero[V];
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) sum[v] = scale[v] = zero[v] = set1(0.0f);
  int64_t k = p.k, last = p.k;  // where the scales that are loaded end
  for (int r = 0; r < pixel.runCount; r++) {
    const float* x = pixel.x + pixel.runs[r].offset;
    for (int64_t left = pixel.runs[r].length; left > 0;) {
      if (k == last) {
        const int64_t block = k / p.block;
        last = (block + 1) * p.block;
        BITPLANE_UNROLL
        for (int v = 0; v < V; v++) {
          const int64_t at = block * p.pitch + v * kLanes;
          scale[v] = p.scales ? load(p.scales + at) : set1(1.0f);
          zero[v] = kZeros ? floats<kNatural>(p.zeros + at) : set1(0.0f);
        }
      }
      const int64_t count = left < last - k ? left : last - k;
      for (int64_t i = 0; i < count; i++, bytes += V * kLanes) {
        const F32 a = set1(x[i]);
        BITPLANE_UNROLL
        for (int v = 0; v < V; v++) {
          F32 w = floats<kNatural>(bytes + v * kLanes);
          if (kZeros) w = sub(w, zero[v]);
          sum[v] = fma(a, mul(w, scale[v]), sum[v]);
        }
      }
      x += count, left -= count, k += count;
    }
  }
  BITPLANE_UNROLL
  for (int v = 0; v < V; v++) {
    float* at = pixel.out + v * kLanes;
    store(at, pixel.accumulate ? add(load(at), sum[v]) : sum[v]);
  }
}

template <bool kNatural, bool kZeros, int V = kMaxTileVectors>
void multiplyVectors(const Panel& p, const uint8_t* bytes, const Pixel& pixel) {
  if (p.vectors == V) return multiply<kNatural, kZeros, V>(p, bytes, pixel);
  if constexpr (V > 1) multiplyVectors<kNatural, kZeros, V - 1>(p, bytes, pixel);
}

// The elements of a panel, a byte each.
const uint8_t* elementsOf(const Panel& panel, uint8_t* bytes) {
  if (panel.rest.bits == 8) return panel.rest.bytes + panel.first;
  qconv::unpackBytes(panel.rest, bytes);
  return bytes + panel.first;
}

}  // namespace

void pixel(const Panel& panel, uint8_t* bytes, const Pixel& pixel) {
  const uint8_t* elements = elementsOf(panel, bytes);
  if (panel.natural)
    return panel.zeros ? multiplyVectors<true, true>(panel, elements, pixel)
                       : multiplyVectors<true, false>(panel, elements, pixel);
  return panel.zeros ? multiplyVectors<false, true>(panel, elements, pixel)
                     : multiplyVectors<false, false>(panel, elements, pixel);
}

void expand(const Panel& panel, uint8_t* bytes, float* out) {
  const uint8_t* elements = elementsOf(panel, bytes);
  if (panel.natural)
    return panel.zeros ? scaleVectors<true, true>(panel, elements, out)
                       : scaleVectors<true, false>(panel, elements, out);
  return panel.zeros ? scaleVectors<false, true>(panel, elements, out)
                     : scaleVectors<false, false>(panel, elements, out);
}

}  // namespace BITPLANE_SIMD
}  // namespace wconv
}  // namespace bitplane
