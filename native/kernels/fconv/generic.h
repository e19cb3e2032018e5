// Makes floats of a panel of codes over a SIMD vocabulary, which the including file has chosen.
// expand.h is the contract.
#pragma once
#include "kernels/conv/tile.h"
#include "kernels/fconv/expand.h"

namespace bitplane {
namespace fconv {
namespace BITPLANE_SIMD {
namespace {

using namespace bitplane::BITPLANE_SIMD;

constexpr int kMostBlockFloatBits = 25, kMostBits = 32, kMostOwnerBits = 8;

// Code J of a unit at the top of its lanes; what lies below it is other codes'.
template <int W, int J>
BITPLANE_INLINE I32 codeAt(const int32_t* words) {
  constexpr int kWord = J * W / 32, kFrom = J * W % 32;
  const I32 first = loadInt(words + kWord * kLanes);
  if constexpr (kFrom == 0) {
    return first;
  } else if constexpr (kFrom + W <= 32) {
    return shiftLeft<kFrom>(first);
  } else {
    constexpr int kLow = static_cast<int>((1u << kFrom) - 1);
    const I32 second = loadInt(words + (kWord + 1) * kLanes);
    const I32 low = andInt(shiftRight<32 - kFrom>(second), set1Int(kLow));
    return orInt(shiftLeft<kFrom>(first), low);
  }
}

// Calls make.at<J>(code J) for the codes of a unit.
template <int W, int J, typename Make>
BITPLANE_INLINE void eachCode(const int32_t* words, const Make& make) {
  if constexpr (J < kUnit) {
    make.template at<J>(codeAt<W, J>(words));
    eachCode<W, J + 1>(words, make);
  }
}

// The float of a block float: its payload is below 2^24, so all but its sign is exact.
template <int W>
struct MakeBlockFloat {
  F32 scale[4];  // of vector J mod 4
  float* __restrict out;
  template <int J>
  BITPLANE_INLINE void at(I32 code) const {
    const I32 payload = shiftRight<32 - W>(andInt(code, set1Int(INT32_MAX)));
    const F32 magnitude = mul(toFloat(payload), scale[J % 4]);
    const I32 sign = andInt(code, set1Int(INT32_MIN));
    store(out + J * kLanes, fromBits(orInt(bitsOf(magnitude), sign)));
  }
};

// A code at the top of a word is a float.
template <int W>
struct MakeFloatField {
  float* __restrict out;
  template <int J>
  BITPLANE_INLINE void at(I32 code) const {
    constexpr int kOwn = static_cast<int>(~uint32_t{0} << (32 - W));
    store(out + J * kLanes, fromBits(andInt(code, set1Int(kOwn))));
  }
};

struct MakeMasked {
  const float* __restrict values;
  float* __restrict out;
  template <int J>
  BITPLANE_INLINE void at(I32 code) const {
    const I32 value = bitsOf(load(values + J * kLanes));
    store(out + J * kLanes, fromBits(andInt(value, shiftRight<31>(code))));
  }
};

struct MakeSigned {
  const float* __restrict values;
  float* __restrict out;
  template <int J>
  BITPLANE_INLINE void at(I32 code) const {
    const I32 taken = shiftRight<31>(code);
    const I32 turned = andInt(shiftLeft<1>(code), set1Int(INT32_MIN));
    const I32 value = xorInt(bitsOf(load(values + J * kLanes)), turned);
    store(out + J * kLanes, fromBits(andInt(value, taken)));
  }
};

// An owner of 1 to `tasks` is one whose predecessor is not below 0 and below `tasks`.
template <int W>
struct MakeOwned {
  I32 tasks;
  const float* __restrict values;
  float* __restrict out;
  template <int J>
  BITPLANE_INLINE void at(I32 code) const {
    const I32 owner = andInt(shiftRight<32 - W>(code), set1Int((1 << W) - 1));
    const I32 before = subInt(owner, set1Int(1));
    const I32 isSome = xorInt(before, set1Int(-1));
    const I32 taken = shiftRight<31>(andInt(subInt(before, tasks), isSome));
    const I32 value = bitsOf(load(values + J * kLanes));
    store(out + J * kLanes, fromBits(andInt(value, taken)));
  }
};

template <int W>
void blockFloats(const int32_t* words, int64_t count, const F32* scale, float* out) {
  for (int64_t i = 0; i < count; i += kUnit) {
    eachCode<W, 0>(words, MakeBlockFloat<W>{{scale[0], scale[1], scale[2], scale[3]}, out});
    words += W * kLanes, out += kUnit * kLanes;
  }
}

template <int W>
void floatFields(const int32_t* words, int64_t count, float* out) {
  for (int64_t i = 0; i < count; i += kUnit) {
    eachCode<W, 0>(words, MakeFloatField<W>{out});
    words += W * kLanes, out += kUnit * kLanes;
  }
}

using BlockFloatsFn = void (*)(const int32_t*, int64_t, const F32*, float*);
using FloatFieldsFn = void (*)(const int32_t*, int64_t, float*);

template <int W = kMostBlockFloatBits>
BITPLANE_INLINE BlockFloatsFn blockFloatsOf(int bits) {
  if (bits == W) return blockFloats<W>;
  if constexpr (W > 2) return blockFloatsOf<W - 1>(bits);
  return nullptr;
}
template <int W = kMostBits>
BITPLANE_INLINE FloatFieldsFn floatFieldsOf(int bits) {
  if (bits == W) return floatFields<W>;
  if constexpr (W > 1) return floatFieldsOf<W - 1>(bits);
  return nullptr;
}

// Multiplies payloads by scales that change within the panel, or by those of three vectors.
void scaleAll(const Panel& p, float* out) {
  const int64_t perRow = (p.row + p.block - 1) / p.block, steps = p.count / p.vectors;
  for (int64_t i = 0; i < steps; i++) {
    const int64_t k = p.k + i, at = k / p.row * perRow + k % p.row / p.block;
    for (int v = 0; v < p.vectors; v++, out += kLanes)
      store(out, mul(load(out), load(p.scales + at * p.pitch + v * kLanes)));
  }
}

void expandBlockFloats(const Panel& p, float* out) {
  const int64_t last = p.k + p.count / p.vectors - 1;
  const int64_t within = p.k % p.row / p.block;
  const bool single = p.k / p.row == last / p.row && within == last % p.row / p.block;
  F32 scale[4] = {set1(1.0f), set1(1.0f), set1(1.0f), set1(1.0f)};
  const bool isFolded = single && p.vectors != 3;
  if (isFolded) {
    const int64_t at = p.k / p.row * ((p.row + p.block - 1) / p.block) + within;
    for (int j = 0; j < 4; j++) scale[j] = load(p.scales + at * p.pitch + j % p.vectors * kLanes);
  }
  blockFloatsOf(p.bits)(p.words, p.count, scale, out);
  if (!isFolded) scaleAll(p, out);
}

// Adds what stands below fields of W bits: codes of another task, without sign and exponent.
template <int W>
void addBelow(const int32_t* codes, int64_t count, float* out) {
  if constexpr (W < kMostBits) {
    constexpr int kBelow = static_cast<int>(~uint32_t{0} >> W);
    for (int64_t i = 0; i < count; i++, codes += kLanes, out += kLanes) {
      const I32 payload = shiftRight<W>(shiftLeft<9>(loadInt(codes)));
      store(out, fromBits(orInt(bitsOf(load(out)), andInt(payload, set1Int(kBelow)))));
    }
  }
}

using AddBelowFn = void (*)(const int32_t*, int64_t, float*);

template <int W = kMostBits>
BITPLANE_INLINE AddBelowFn addBelowOf(int bits) {
  if (bits == W) return addBelow<W>;
  if constexpr (W > 1) return addBelowOf<W - 1>(bits);
  return nullptr;
}

void addNoise(const Panel& p, float* out, int32_t* more) {
  floatFieldsOf(p.noiseBits)(p.noise, p.count, reinterpret_cast<float*>(more));
  addBelowOf(p.bits)(more, p.count, out);
}

template <int W>
void owned(const Panel& p, float* out) {
  const int32_t* words = p.words;
  for (int64_t i = 0; i < p.count; i += kUnit) {
    const int64_t at = i * kLanes;
    eachCode<W, 0>(words, MakeOwned<W>{set1Int(p.tasks), p.values + at, out + at});
    words += W * kLanes;
  }
}

using OwnedFn = void (*)(const Panel&, float*);

template <int W = kMostOwnerBits>
BITPLANE_INLINE OwnedFn ownedOf(int bits) {
  if (bits == W) return owned<W>;
  if constexpr (W > 2) return ownedOf<W - 1>(bits);
  return nullptr;
}

}  // namespace

void expand(const Panel& p, float* out, int32_t* more) {
  if (p.kind == Kind::blockFloat) return expandBlockFloats(p, out);
  if (p.kind == Kind::floatField) {
    floatFieldsOf(p.bits)(p.words, p.count, out);
    if (p.noise != nullptr) addNoise(p, out, more);
    return;
  }
  if (p.kind == Kind::owner) return ownedOf(p.bits)(p, out);
  for (int64_t i = 0; i < p.count; i += kUnit) {
    const int32_t* words = p.words + i / kUnit * p.bits * kLanes;
    const float* values = p.values + i * kLanes;
    if (p.kind == Kind::mask)
      eachCode<1, 0>(words, MakeMasked{values, out + i * kLanes});
    else
      eachCode<2, 0>(words, MakeSigned{values, out + i * kLanes});
  }
}

}  // namespace BITPLANE_SIMD
}  // namespace fconv
}  // namespace bitplane
