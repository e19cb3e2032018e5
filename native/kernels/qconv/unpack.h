// Unpacks weights into bytes or 16-bit integers, for ISA files: vectors of the compiler, which it
// turns into those of the instruction set. panel.h says how packed weights lie. Not here: the way
// back.
#pragma once
#include <cstring>

#include "kernels/qconv/tile.h"
#include "simd/attributes.h"

namespace bitplane {
namespace qconv {
namespace {

constexpr int kPartBytes = 32;  // elements of a part of a unit, and bytes of a piece of it
typedef uint64_t Part __attribute__((vector_size(kPartBytes)));
typedef uint8_t PartBytes __attribute__((vector_size(kPartBytes)));

// Adds bits [from, from + count) of every byte of a piece, moved to bit `to`: one shift, which
// carries bits from byte to byte, and one mask, which removes them.
template <int from, int count, int to>
BITPLANE_INLINE void addBits(const uint8_t* piece, Part& value) {
  constexpr uint64_t kMask = (((1u << count) - 1) << to) * 0x0101010101010101u;
  Part part;
  std::memcpy(&part, piece, kPartBytes);
  if constexpr (from > to) part >>= from - to;
  if constexpr (from < to) part <<= to - from;
  value |= part & kMask;
}

// Part J of a unit: its bits come from the piece of four bits (two parts share one), that of two
// (four parts) and that of one (eight).
template <int N, int J>
BITPLANE_INLINE void readPart(const uint8_t* unit, const PartBytes& bias, const Part& twice,
                              PartBytes& to) {
  constexpr int kTwos = (N & 4) != 0 ? 4 : 0, kOnes = kTwos + ((N & 2) != 0 ? 2 : 0);
  Part value = {};
  if constexpr ((N & 4) != 0) addBits<J % 2 * 4, 4, 0>(unit + J / 2 * kPartBytes, value);
  if constexpr ((N & 2) != 0)
    addBits<J % 4 * 2, 2, kTwos>(unit + (kTwos + J / 4) * kPartBytes, value);
  if constexpr ((N & 1) != 0) addBits<J, 1, kOnes>(unit + kOnes * kPartBytes, value);
  if constexpr (N == 1) value += value & twice;
  to = reinterpret_cast<PartBytes>(value) - bias;
}

template <int N, int J>
BITPLANE_INLINE void unpackPart(const uint8_t* unit, const PartBytes& bias, const Part& twice,
                                uint8_t* to) {
  PartBytes bytes;
  readPart<N, J>(unit, bias, twice, bytes);
  std::memcpy(to + J * kPartBytes, &bytes, kPartBytes);
}

template <int N>
void unpackUnits(const Rest& rest, uint8_t* to) {
  const PartBytes bias = PartBytes{} + static_cast<uint8_t>(rest.bias);
  const Part twice = Part{} - static_cast<uint64_t>(rest.bipolar);
  const uint8_t* unit = rest.bytes;
  for (int64_t i = 0; i < rest.elements; i += 256, unit += N * kPartBytes, to += 8 * kPartBytes) {
    unpackPart<N, 0>(unit, bias, twice, to);
    unpackPart<N, 1>(unit, bias, twice, to);
    unpackPart<N, 2>(unit, bias, twice, to);
    unpackPart<N, 3>(unit, bias, twice, to);
    unpackPart<N, 4>(unit, bias, twice, to);
    unpackPart<N, 5>(unit, bias, twice, to);
    unpackPart<N, 6>(unit, bias, twice, to);
    unpackPart<N, 7>(unit, bias, twice, to);
  }
}

// What codes of powers stand for, in their place: sign(c) 2^(|c| - 1), which is 2^|c| / 2 without
// its fraction. The exponent's bits multiply by 2, 4 and 16; no product leaves its byte.
void readPowers(int64_t elements, uint8_t* panel) {
  typedef int8_t Signed __attribute__((vector_size(kPartBytes)));
  for (int64_t i = 0; i < elements; i += kPartBytes, panel += kPartBytes) {
    Signed code;
    std::memcpy(&code, panel, kPartBytes);
    const PartBytes sign = reinterpret_cast<PartBytes>(code < 0);
    const PartBytes exponent = (reinterpret_cast<PartBytes>(code) ^ sign) - sign;
    PartBytes value = PartBytes{} + uint8_t{1};
    value += value & reinterpret_cast<PartBytes>((exponent & 1) == 1);
    value += 3 * value & reinterpret_cast<PartBytes>((exponent & 2) == 2);
    value += 15 * value & reinterpret_cast<PartBytes>((exponent & 4) == 4);
    value >>= 1;
    value = (value ^ sign) - sign;
    std::memcpy(panel, &value, kPartBytes);
  }
}

void unpackNumbers(const Rest& rest, uint8_t* panel) {
  switch (rest.bits) {
    case 1:
      return unpackUnits<1>(rest, panel);
    case 2:
      return unpackUnits<2>(rest, panel);
    case 3:
      return unpackUnits<3>(rest, panel);
    case 4:
      return unpackUnits<4>(rest, panel);
    case 5:
      return unpackUnits<5>(rest, panel);
    case 6:
      return unpackUnits<6>(rest, panel);
    default:
      return unpackUnits<7>(rest, panel);
  }
}

void unpackBytes(const Rest& rest, uint8_t* panel) {
  unpackNumbers(rest, panel);
  if (rest.powers) readPowers(rest.elements, panel);
}

// Into 16 bits, of weights of up to 8. Fewer than 8 are unpacked into the second half of the panel
// first: what is read stays ahead of what is written.
[[maybe_unused]] void unpackWide(const Rest& rest, uint8_t* panel) {
  constexpr int kCount = 16;
  typedef int8_t Narrow __attribute__((vector_size(kCount)));
  typedef int16_t Wide __attribute__((vector_size(2 * kCount)));
  const uint8_t* bytes = rest.bytes;
  if (rest.bits < 8) {
    uint8_t* half = panel + (rest.elements + 255) / 256 * 256;
    unpackBytes(rest, half);
    bytes = half;
  }
  for (int64_t i = 0; i < rest.elements; i += kCount) {
    Narrow narrow;
    std::memcpy(&narrow, bytes + i, kCount);
    const Wide wide = __builtin_convertvector(narrow, Wide);
    std::memcpy(panel + 2 * i, &wide, sizeof wide);
  }
}

}  // namespace
}  // namespace qconv
}  // namespace bitplane
