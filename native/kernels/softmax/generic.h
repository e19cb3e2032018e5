// Softmax of a row over a SIMD vocabulary, which the including file has chosen.
#pragma once
#include "kernels/softmax/softmax.h"
#include "simd/fold.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {

void softmax(const float* x, float* y, int64_t c) {
  const F32 largest = set1(foldRow<Maximum>(x, c));
  for (int64_t i = 0; i < c; i += kLanes) {
    const F32 e = exponential(
        sub(c - i < kLanes ? loadN(x + i, static_cast<int>(c - i)) : load(x + i), largest));
    if (c - i < kLanes)
      storeN(y + i, e, static_cast<int>(c - i));
    else
      store(y + i, e);
  }
  const F32 sum = set1(foldRow<Sum>(y, c));
  for (int64_t i = 0; i < c; i += kLanes) {
    if (c - i < kLanes)
      storeN(y + i, div(loadN(y + i, static_cast<int>(c - i)), sum), static_cast<int>(c - i));
    else
      store(y + i, div(load(y + i), sum));
  }
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
