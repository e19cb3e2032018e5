// Sums looked up in plain C++: a load of an index, one of an entry and an addition for four or two
// multiply-adds.
#include "kernels/qconv/lookup.h"

namespace bitplane {
namespace qconv {
namespace scalar {
namespace {

constexpr int kChannels = 4;

struct Lookup {
  static constexpr int kLanes = kChannels;
  static constexpr int kPixels[] = {2};
  static constexpr int kPanelBytes = 4 << 10;
  struct Bytes {
    uint32_t of[kChannels];
  };
  using Row = const uint8_t*;
  using Sums = Bytes;
  static BITPLANE_INLINE Bytes load(const uint8_t* w) {
    Bytes weights;
    for (int c = 0; c < kChannels; c++) weights.of[c] = w[c];
    return weights;
  }
  static BITPLANE_INLINE Row row(const uint8_t* at) { return at; }
  static BITPLANE_INLINE Bytes zero() { return {}; }
  static BITPLANE_INLINE Sums none() { return {}; }
  static BITPLANE_INLINE Bytes add(Bytes acc, Row row, const Bytes& w) {
    for (int c = 0; c < kChannels; c++) acc.of[c] += row[w.of[c]];
    return acc;
  }
  static BITPLANE_INLINE void flush(Sums& sums, Bytes acc) {
    for (int c = 0; c < kChannels; c++) sums.of[c] += acc.of[c];
  }
  static BITPLANE_INLINE void finish(const Sums& sums, const int32_t* from, int32_t* to,
                                     bool floats) {
    for (int c = 0; c < kChannels; c++) {
      const int32_t sum = static_cast<int32_t>(sums.of[c] + static_cast<uint32_t>(from[c]));
      if (floats) {
        const float real = static_cast<float>(sum);
        std::memcpy(to + c, &real, sizeof real);
      } else {
        to[c] = sum;
      }
    }
  }
};

}  // namespace

extern const Dot lookup4, lookup2;
constexpr Dot lookup4 = lookupOf<Lookup, 4>();
constexpr Dot lookup2 = lookupOf<Lookup, 2>();

}  // namespace scalar
}  // namespace qconv
}  // namespace bitplane
