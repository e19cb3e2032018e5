// The integers of an integer convolution: which values its inputs and weights can have, what a sum
// of products then needs, and how weights lie before they are packed. Baseline code. Not here:
// shapes, packed forms.
#pragma once
#include <algorithm>

#include "base/types.h"

namespace bitplane {
namespace qconv {

enum class WeightKind : int32_t {
  integer = 0,  // two's complement
  natural = 1,  // unsigned
  bipolar = 2,  // one bit: 0 is +1, 1 is -1
  power = 3,    // code c in two's complement is 0 or +-2^k: sign(c) 2^(|c| - 1)
};

// Codes of up to 4 bits are powers of two up to 64: integers of 8 bits.
constexpr int kMostPowerBits = 4;

// What a code of powers stands for; the least code of 4 bits, which no weight has, for 0.
inline int powerOf(int code) {
  const int magnitude = (1 << ((code < 0 ? -code : code) & 15)) >> 1;
  return code < 0 ? -magnitude : magnitude;
}
inline int codeOfPower(int power) {
  int code = 0;
  for (int rest = power < 0 ? -power : power; rest > 0; rest >>= 1) code++;
  return power < 0 ? -code : code;
}

struct Numbers {
  bool xSigned;
  int xBits;
  int weightBits;
  WeightKind weightKind;
  int zero;  // the value of x that counts as 0, and that stands outside of x
  // What weights are known to be within.
  int weightLeast, weightMost;

  int xLeast() const { return xSigned ? -(1 << (xBits - 1)) : 0; }
  int xMost() const { return (1 << (xSigned ? xBits - 1 : xBits)) - 1; }
};

// Numbers of valid fields; weightBits is 0 where the fields are not.
inline Numbers numbersOf(int xSigned, int xBits, int weightBits, int weightKind, int zero) {
  Numbers n = {xSigned != 0, xBits, 0, static_cast<WeightKind>(weightKind), zero, 0, 0};
  if (xSigned < 0 || xSigned > 1 || xBits < 1 || xBits > 8) return n;
  if (zero < n.xLeast() || zero > n.xMost()) return n;
  switch (n.weightKind) {
    case WeightKind::integer:
      if (weightBits < 1 || weightBits > 8) return n;
      n.weightLeast = -(1 << (weightBits - 1));
      n.weightMost = (1 << (weightBits - 1)) - 1;
      break;
    case WeightKind::natural:
      if (weightBits < 1 || weightBits > 7) return n;
      n.weightMost = (1 << weightBits) - 1;
      break;
    case WeightKind::power:
      if (weightBits < 2 || weightBits > kMostPowerBits) return n;
      n.weightMost = powerOf((1 << (weightBits - 1)) - 1);
      n.weightLeast = -n.weightMost;
      break;
    case WeightKind::bipolar:
      if (weightBits != 1) return n;
      n.weightLeast = -1;
      n.weightMost = 1;
      break;
    default:
      return n;
  }
  n.weightBits = weightBits;
  return n;
}

// True where no sum of `terms` products (x - zero) w leaves int32.
inline bool sumFits(const Numbers& n, int64_t terms) {
  const int64_t x = std::max(n.xMost() - n.zero, n.zero - n.xLeast());
  const int64_t w = std::max(n.weightMost, -n.weightLeast);
  return x * w == 0 || terms <= INT32_MAX / (x * w);
}

// How often the sum of two products x w with x from `least` to `most` can be added up within int16;
// INT32_MAX where it is always 0.
inline int pairsWithinInt16(const Numbers& n, int least, int most) {
  int64_t low = 0, high = 0;
  for (const int64_t x : {least, most}) {
    for (const int64_t w : {n.weightLeast, n.weightMost}) {
      low = std::min(low, 2 * x * w);
      high = std::max(high, 2 * x * w);
    }
  }
  const int64_t downward = low == 0 ? INT32_MAX : -32768 / low;
  const int64_t upward = high == 0 ? INT32_MAX : 32767 / high;
  return static_cast<int>(std::min(downward, upward));
}

// Weights before they are packed. A constant is a bit string without gaps, weightBits an element.
// Those that a run computed lie as values do in memory: a byte an element, or bits whose every tap
// starts a 64-bit word.
struct WeightSource {
  const uint8_t* bytes;
  int bits;
  WeightKind kind;
  bool computed;

  // Elements from a tap's channels to the next tap's.
  int64_t tapPitch(int channels) const {
    return computed && kind == WeightKind::bipolar ? int64_t{64} * bitWords(channels) : channels;
  }
  int at(int64_t i) const {
    if (kind == WeightKind::bipolar) return 1 - 2 * ((bytes[i / 8] >> (i % 8)) & 1);
    int value;
    if (computed || bits == 8) {
      value = bytes[i];
    } else {
      // An element touches two bytes at most. The second is read only where it does.
      const int64_t first = i * bits;
      const int place = static_cast<int>(first % 8);
      value = bytes[first / 8] >> place;
      if (place + bits > 8) value |= bytes[first / 8 + 1] << (8 - place);
    }
    value &= (1 << bits) - 1;
    if (kind != WeightKind::natural && value >> (bits - 1)) value -= 1 << bits;
    return kind == WeightKind::power ? powerOf(value) : value;
  }
};

// The numbers, with what a constant's weights really are within.
inline Numbers narrowed(Numbers n, const WeightSource& source, int64_t count) {
  int least = n.weightMost, most = n.weightLeast;
  const auto widen = [&](int w) {
    least = std::min(least, w);
    most = std::max(most, w);
  };
  if (source.bits == 8) {
    for (int64_t i = 0; i < count; i++) widen(static_cast<int8_t>(source.bytes[i]));
  } else {
    for (int64_t i = 0; i < count; i++) widen(source.at(i));
  }
  n.weightLeast = least;
  n.weightMost = most;
  return n;
}

}  // namespace qconv
}  // namespace bitplane
