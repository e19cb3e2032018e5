// The depthwise integer convolution in plain C++.
#include "kernels/qdwconv/generic.h"

namespace bitplane {
namespace qdwconv {
namespace scalar {
namespace {

struct Four {
  static constexpr int kLanes = 4, kPixels = 2;
  struct Pair {
    const int16_t *a, *b;
  };
  // Within int32: a layer whose sums could leave it is refused, and so could no part of them.
  struct Acc {
    int32_t of[kLanes];
  };
  static BITPLANE_INLINE Acc zero() { return {}; }
  static BITPLANE_INLINE Pair pair(const int16_t* a, const int16_t* b) { return {a, b}; }
  static BITPLANE_INLINE Acc add(Acc acc, Pair x, Pair w) {
    BITPLANE_UNROLL
    for (int c = 0; c < kLanes; c++) acc.of[c] += x.a[c] * w.a[c] + x.b[c] * w.b[c];
    return acc;
  }
  static BITPLANE_INLINE void store(int32_t* to, Acc acc) {
    for (int c = 0; c < kLanes; c++) to[c] = acc.of[c];
  }
  static BITPLANE_INLINE void storeFloats(float* to, Acc acc) {
    for (int c = 0; c < kLanes; c++) to[c] = static_cast<float>(acc.of[c]);
  }
};

}  // namespace

extern const Kernel kernel;
constexpr Kernel kernel = kernelOf<Four>();

}  // namespace scalar
}  // namespace qdwconv
}  // namespace bitplane
