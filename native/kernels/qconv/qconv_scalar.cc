// The integer convolution's tiles in plain C++: quads of neighbouring elements times those of four
// output channels. 2 pixels x 4 channels are 8 sums in 16 registers.
#include <cstring>

#include "kernels/qconv/generic.h"
#include "kernels/qconv/unpack.h"

namespace bitplane {
namespace qconv {
namespace scalar {
namespace {

constexpr int kChannels = 4;

// Modulo 2^32, which signed numbers may not wrap around.
struct Sums {
  uint32_t of[kChannels];
};

struct Plain {
  static constexpr Operand kOperand = Operand::u8;
  static constexpr int kLanes = kChannels, kStep = 4, kStepBytes = 4, kVectorBytes = 16, kGroup = 1;
  static constexpr int kPixels[] = {2};
  static constexpr int kPanelBytes = 8 << 10;
  static constexpr bool kFlushes = false;
  using X = const uint8_t*;
  using W = const int8_t*;
  using Acc = Sums;
  using Sum = Sums;
  static BITPLANE_INLINE X broadcast(const uint8_t* x) { return x; }
  static BITPLANE_INLINE W weights(const uint8_t* w) { return reinterpret_cast<const int8_t*>(w); }
  static BITPLANE_INLINE Acc zero() { return {}; }
  template <int>
  static BITPLANE_INLINE Acc dot(Acc acc, X x, W w) {
    BITPLANE_UNROLL
    for (int c = 0; c < kChannels; c++) {
      BITPLANE_UNROLL
      for (int e = 0; e < kStep; e++) acc.of[c] += static_cast<uint32_t>(x[e] * w[c * kStep + e]);
    }
    return acc;
  }
  static BITPLANE_INLINE Sum load(const int32_t* from) {
    Sum sum;
    std::memcpy(&sum, from, sizeof sum);
    return sum;
  }
  static BITPLANE_INLINE Sum add(Sum a, Sum b) {
    for (int c = 0; c < kChannels; c++) a.of[c] += b.of[c];
    return a;
  }
  static BITPLANE_INLINE Sum sum(Acc acc) { return acc; }
  static BITPLANE_INLINE void store(int32_t* to, Sum sum) { std::memcpy(to, &sum, sizeof sum); }
  static BITPLANE_INLINE void storeFloats(float* to, Sum sum) {
    for (int c = 0; c < kChannels; c++) to[c] = static_cast<float>(static_cast<int32_t>(sum.of[c]));
  }
};

}  // namespace

extern const Dot dot;
constexpr Dot dot = dotOf<Plain>(unpackBytes);

}  // namespace scalar
}  // namespace qconv
}  // namespace bitplane
