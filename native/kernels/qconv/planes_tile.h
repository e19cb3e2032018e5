// What an inner loop over bit planes sees: plain data only, so that ISA files share no inline
// function with the rest (withDigit is another one for every lambda). Not here: which planes
// numbers have (planes.h), who fills the windows (planes_step.cc).
//
//   out[p][c] = from[p][c] + sum over passes of 2^place * count(window p, weights c)
//   count     = set bits over k of f(a plane of x, a digit of w)
//
// Lanes hold output channels; 64 elements of a window are a word, which meets a word of every lane,
// so that no sum crosses lanes.
//
// A digit of a weight is -1, 0 or 1, and f counts a * digit, and 1 more where the digit is -1:
//
//   natural    0, 1        a & w
//   negative   0, -1      ~a & w
//   bipolar    1, -1       a ^ w             w is 1 for -1
//   ternary    0, 1, -1   (a ^ sign) & some  two words: sign, and whether there is any
//
// A bit behind the window is 0 in all of them, and counts nothing.
#pragma once
#include <cstdint>
#include <type_traits>

namespace bitplane {
namespace qconv {

enum class Digit : int { natural, negative, bipolar, ternary };

// Planes of weights that a digit has.
constexpr int wordsOf(Digit digit) { return digit == Digit::ternary ? 2 : 1; }

// Calls f with a kind that the compiler knows.
template <typename F>
void withDigit(Digit kind, F f) {
  if (kind == Digit::natural)
    f(std::integral_constant<Digit, Digit::natural>());
  else if (kind == Digit::negative)
    f(std::integral_constant<Digit, Digit::negative>());
  else if (kind == Digit::bipolar)
    f(std::integral_constant<Digit, Digit::bipolar>());
  else
    f(std::integral_constant<Digit, Digit::ternary>());
}

// A plane of x meets a digit of the weights.
struct PlanePass {
  int plane, digit;
  Digit kind;
  int doublings;  // of what the passes before it have counted
};

struct PlaneTile {
  const uint8_t* windows;  // of the first pixel: [plane][word], each word `copies` times
  int64_t pixelBytes, planeBytes;
  const uint8_t* panel;  // [digit][word][word of the digit][lane]
  int64_t words;
  const PlanePass* passes;
  int passCount;
  const int32_t* start;  // [lane], or null: then `out` holds what the sums start from
  void* out;             // int32 or float, [pixel][ld]
  int64_t ld;
  bool floats;
};
using PlaneTileFn = void (*)(const PlaneTile& tile);

// Planes of x ^ flip, elements of `groups` of 64: bit e of word g of plane i is bit i of element
// 64 g + e. Planes are `pitch` words apart. Flipping the sign bit takes the least value off.
using SplitFn = void (*)(const uint8_t* x, int64_t groups, uint8_t flip, int planes, uint64_t* to,
                         int64_t pitch);

constexpr int kMostPlanePixels = 4;
// Counters are 16 bits of a sixteenth of a window's bits or more: 16 of a word.
constexpr int kCounts = 65535;
constexpr int kCountsOfWord = 16;

struct PlaneTiles {
  int lanes;
  int pixels;  // of a tile, at most
  int copies;  // of a word of a window: as many as lanes share a vector
  SplitFn split;
  PlaneTileFn run[kMostPlanePixels];  // by pixels less one
};

}  // namespace qconv
}  // namespace bitplane
