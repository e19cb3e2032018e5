// Cuts an epilogue into pieces, each run by a line, a segment or the interpreter, over a SIMD
// vocabulary, which the including file has chosen. Not here: the loops (straight.h, generic.h).
#pragma once
#include "kernels/epilogue/straight.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

// A row of straight_lines.inc or segments.inc, compiled.
struct Row {
  const Move* moves;
  int length;
  PieceFn run;
};

#define U(name) code(EpilogueOp::name, Lie::none)
#define C(name) code(EpilogueOp::name, Lie::column)
#define T(name) code(EpilogueOp::name, Lie::tensor)
#define P(name) code(EpilogueOp::name, Lie::pixel)
#define S(name) code(EpilogueOp::name, Lie::store)

template <bool Open, int... Codes>
constexpr Row rowOf() {
  using Loop = Straight<Open, std::make_index_sequence<sizeof...(Codes)>, Codes...>;
  return {Loop::kMoves, Loop::kLength, Loop::runAll};
}

template <int... Codes>
constexpr Row line() {
  return rowOf<false, Codes...>();
}
template <int... Codes>
constexpr Row segment() {
  return rowOf<true, Codes...>();
}

#ifdef BITPLANE_NO_LINES
PieceFn lineFor(const EpilogueStep*, int) { return nullptr; }
#else
constexpr Row kLines[] = {
#define BITPLANE_LINE(...) line<__VA_ARGS__>(),
#include "kernels/epilogue/straight_lines.inc"
#undef BITPLANE_LINE
};

// The line that these steps are, or null.
PieceFn lineFor(const EpilogueStep* steps, int length) {
  for (const Row& row : kLines) {
    bool same = row.length == length;
    for (int k = 0; k < length && same; k++) same = lineDoes(row.moves[k], steps[k]);
    if (same) return row.run;
  }
  return nullptr;
}
#endif

#ifdef BITPLANE_NO_SEGMENTS
PieceFn segmentFor(const EpilogueStep*, int, Piece*) { return nullptr; }
#else
constexpr Row kSegments[] = {
#define BITPLANE_SEGMENT(...) segment<__VA_ARGS__>(),
#include "kernels/epilogue/segments.inc"
#undef BITPLANE_SEGMENT
};

// How many moves a row passes over to do these steps, which have no stores; -1 if it cannot. Each
// step takes the first move that can do it: later moves serve the more steps.
int passedOver(const Row& row, const EpilogueStep* steps, int length, int8_t* slots) {
  int done = 0;
  for (int k = 0; k < row.length; k++) {
    const bool does = done < length && segmentDoes(row.moves[k], steps[done]);
    if (!does && !isNeutral(row.moves[k])) return -1;
    slots[k] = static_cast<int8_t>(does ? done++ : -1);
  }
  return done == length ? row.length - length : -1;
}

// Finds the segment of the first `length` steps of a piece; null if no row has them.
PieceFn segmentFor(const EpilogueStep* steps, int length, Piece* piece) {
  PieceFn best = nullptr;
  int least = kMostMoves + 1;
  int8_t slots[kMostMoves] = {};
  for (const Row& row : kSegments) {
    const int passed = passedOver(row, steps, length, slots);
    if (passed < 0 || passed >= least) continue;
    least = passed;
    best = row.run;
    for (int k = 0; k < row.length; k++) piece->slots[k] = slots[k];
  }
  return best;
}
#endif

#undef U
#undef C
#undef T
#undef P
#undef S

// The piece that begins with step `first`: the rest as a line, or what stands before the next
// stores together with these, at most one of floats, of bits and of integers. A store of planes is
// a piece by itself. `run` is null where only the interpreter can.
Piece pieceAt(const EpilogueStep* steps, int first, int length) {
  Piece piece = {};
  piece.first = first;
  piece.source = piece.real = piece.bits = piece.whole = -1;
  if (steps[first].op == EpilogueOp::store_planes) {
    piece.run = storePlanes;
    piece.length = 1;
    return piece;
  }
  piece.length = length - first;
  piece.run = lineFor(steps + first, piece.length);
  if (piece.run != nullptr) return piece;
  int end = first;
  while (end < length && !isStore(steps[end].op)) end++;
  piece.run = segmentFor(steps + first, end - first, &piece);
  for (; end < length && isStore(steps[end].op); end++) {
    if (steps[end].op == EpilogueOp::store_planes) break;
    int& store = steps[end].op == EpilogueOp::store_f32    ? piece.real
                 : steps[end].op == EpilogueOp::store_bits ? piece.bits
                                                           : piece.whole;
    if (store >= 0) break;
    store = end;
  }
  piece.length = end - first;
  return piece;
}

// Cuts an epilogue over maps of so many channels into at most `length` pieces; `interpret` runs
// what no row has.
int cut(const EpilogueStep* steps, int length, int channels, PieceFn interpret, Piece* pieces) {
  int count = 0;
  for (int at = 0; at < length;) {
    Piece piece = pieceAt(steps, at, length);
    if (channels % kNarrowColumn != 0 && piece.run != storePlanes) {
      piece.run = nullptr;
      piece.length = 1;
    }
    at += piece.length;
    if (piece.run == nullptr) {
      piece.run = interpret;
      if (count > 0 && pieces[count - 1].run == interpret) {
        pieces[count - 1].length += piece.length;
        continue;
      }
    }
    pieces[count++] = piece;
  }
  // Who comes next reads the values where they were stored, or else the block.
  for (int i = 1; i < count; i++) {
    Piece& before = pieces[i - 1];
    if (before.run == interpret || before.real < 0 || pieces[i].run == interpret ||
        pieces[i].run == storePlanes)
      before.keeps = true;
    else
      pieces[i].source = before.real;
  }
  return count;
}

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
