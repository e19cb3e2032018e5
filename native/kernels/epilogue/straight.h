// Loops without jumps over the moves of a row of straight_lines.inc or segments.inc, over a SIMD
// vocabulary, which the including file has chosen. A column of channels goes down the rows with its
// operands in registers, so that a step costs its arithmetic and nothing else; through generic.h
// the same steps take two to three times as long. Not here: what a step means (epilogue.h), where
// operands and stores lie (access.h, ends.h), which loop runs what (pieces.h).
#pragma once
#include <utility>

#include "kernels/epilogue/ends.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

// Of a line the moves are the steps, stores among them. Of a segment, which is `Open`, the moves
// have the steps that Piece::slots says, and stores follow them.
template <bool Open, typename Indices, int... Codes>
struct Straight;

template <bool Open, size_t... K, int... Codes>
struct Straight<Open, std::index_sequence<K...>, Codes...> {
  static constexpr int kLength = sizeof...(K);
  static constexpr int kRoom = kLength > 0 ? kLength : 1;
  static_assert(kLength <= kMostMoves, "Piece::slots has fewer");
  // There are many ways into a segment, so it is compiled for fewer widths.
  static constexpr int kWide = Open && kWideColumn > 32 ? 32 : kWideColumn;
  // An array of length 0 is not C++: a segment without moves has room for one.
  static constexpr Move kMoves[] = {decode(Codes)..., {}};

  // A line that ends in the sign of a sum needs no sum: v + b < 0 just where v < -b (no sum but v -
  // v is rounded to 0; infinities and NaN agree too).
  static constexpr bool isSummand(int k) {
    return !Open && k >= 0 && k + 2 == kLength && kMoves[k].op == EpilogueOp::add &&
           kMoves[k].lie == Lie::column && kMoves[k + 1].op == EpilogueOp::store_bits;
  }

  // The step of a move, or null.
  template <size_t k>
  static BITPLANE_INLINE const EpilogueStep* stepOf(const EpilogueView& epilogue,
                                                    const Piece& piece) {
    if constexpr (!Open)
      return &epilogue.steps[piece.first + static_cast<int>(k)];
    else
      return piece.slots[k] < 0 ? nullptr : &epilogue.steps[piece.first + piece.slots[k]];
  }

  // Elements of a shortcut of bytes.
  static BITPLANE_INLINE F32 loadBytes(const char* at, bool isSigned) {
    return isSigned ? toFloat(loadI8(reinterpret_cast<const int8_t*>(at)))
                    : toFloat(loadU8(reinterpret_cast<const uint8_t*>(at)));
  }

  template <size_t k, int V>
  static BITPLANE_INLINE void step(const char* row, bool first, bool isSigned,
                                   const F32 (&column)[kRoom][V], const F32 (&mean)[kRoom][V],
                                   F32 (&v)[V]) {
    constexpr Move m = kMoves[k];
    const F32 zero = set1(0.0f);
    if constexpr (m.op == EpilogueOp::store_bits) {
      Mask negative[V];
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) {
        if constexpr (isSummand(static_cast<int>(k) - 1))
          negative[i] = less(v[i], column[k > 0 ? k - 1 : 0][i]);
        else
          negative[i] = less(v[i], zero);
      }
      storeBits<V>(const_cast<char*>(row), negative, first);
    } else if constexpr (!isSummand(k)) {
      [[maybe_unused]] const float* map = reinterpret_cast<const float*>(row);
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) {
        F32 b = zero;
        if constexpr (m.lie == Lie::column) b = column[k][i];
        if constexpr (m.op == EpilogueOp::addscaled)
          b = mul(sub(loadBytes(row + i * kLanes, isSigned), column[k][0]), mean[k][0]);
        else if constexpr (m.lie == Lie::tensor)
          b = load(map + i * kLanes);
        if constexpr (m.lie == Lie::pixel) b = set1(*map);
        if constexpr (m.op == EpilogueOp::add || m.op == EpilogueOp::addscaled)
          v[i] = add(v[i], b);
        else if constexpr (m.op == EpilogueOp::sub)
          v[i] = sub(v[i], b);
        else if constexpr (m.op == EpilogueOp::rsub)
          v[i] = sub(b, v[i]);
        else if constexpr (m.op == EpilogueOp::gate)
          v[i] = gated(b, column[k][0], mean[k][0], v[i]);
        else if constexpr (m.op == EpilogueOp::rgate)
          v[i] = gated(v[i], column[k][0], mean[k][0], b);
        else if constexpr (m.op == EpilogueOp::div)
          v[i] = div(v[i], b);
        else if constexpr (m.op == EpilogueOp::poszero)
          v[i] = add(v[i], zero);
        else if constexpr (m.op == EpilogueOp::mul)
          v[i] = mul(v[i], b);
        else if constexpr (m.op == EpilogueOp::submul)
          v[i] = mul(sub(v[i], mean[k][i]), b);
        else if constexpr (m.op == EpilogueOp::prelu)
          v[i] = select(less(v[i], zero), mul(v[i], b), v[i]);
        else if constexpr (m.op == EpilogueOp::relu)
          v[i] = larger(zero, v[i]);
        else if constexpr (m.op == EpilogueOp::clip)
          v[i] = lesser(mean[k][0], larger(column[k][0], v[i]));
        else if constexpr (m.op == EpilogueOp::abs)
          v[i] = absolute(v[i]);
        else if constexpr (m.op == EpilogueOp::round)
          v[i] = roundEven(v[i]);
        else if constexpr (m.op == EpilogueOp::store_f32)
          store(const_cast<float*>(map) + i * kLanes, v[i]);
        else
          static_assert(m.op == EpilogueOp::add, "a move that straight.h does not know");
      }
    }
  }

  // What the columns of a block have in common.
  struct Opened {
    Access access[kRoom];
    const float* from;  // the values, at channel c0
    int64_t stride;     // floats
    Ends ends;          // at channel 0, but `keep` at c0
  };

  static Opened openAll(const EpilogueView& epilogue, const Piece& piece, const Buffers& buffers,
                        float* values, int64_t ld, int64_t pixel, [[maybe_unused]] int64_t image,
                        int64_t c0) {
    Opened o = {};
    (resolve<Open, Codes>(epilogue, stepOf<K>(epilogue, piece), buffers, pixel, image,
                          &o.access[K]),
     ...);
    // The values of the piece before, where it stored them, or the block's.
    o.from = values;
    o.stride = ld;
    if (piece.source >= 0) {
      const EpilogueStep& stored = epilogue.steps[piece.source];
      o.from = reinterpret_cast<const float*>(target(epilogue, stored, buffers, pixel)) + c0;
      o.stride = targetStride(epilogue, stored) / 4;
    }
    if (Open) resolveEnds(epilogue, piece, buffers, values, ld, pixel, &o.ends);
    return o;
  }

  // Channels [c, c + V vectors) of `rows` pixels of one image; done = c - c0.
  template <int V, EndKind E>
  static void run(const Opened& o, int rows, int64_t c, int64_t done) {
    const bool first = c % 64 == 0;
    [[maybe_unused]] F32 column[kRoom][V], mean[kRoom][V];
    [[maybe_unused]] const char* at[kRoom] = {o.access[K].at(c)...};
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++) {
      ((column[K][i] = operandOf(K, o.access[K], at[K], i)), ...);
      ((mean[K][i] = hasNumbers(kMoves[K].op)      ? set1(o.access[K].high)
                     : o.access[K].mean != nullptr ? load(o.access[K].mean + c + i * kLanes)
                                                   : set1(0.0f)),
       ...);
    }
    // Copies, because what the loop stores might be `o` for all that a compiler knows.
    [[maybe_unused]] const int64_t stride[kRoom] = {o.access[K].stride...};
    [[maybe_unused]] const bool isSigned[kRoom] = {o.access[K].isSigned...};
    const int64_t fromStride = o.stride;
    const float* from = o.from + done;
    Ends ends = o.ends;
    if (ends.real != nullptr) ends.real += c * 4;
    if (ends.bits != nullptr) ends.bits += c / 8;
    if (ends.bytes != nullptr) ends.bytes += c;
    if (ends.keep != nullptr) ends.keep += done;
    for (int64_t r = 0; r < rows; r++) {
      F32 v[V];
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) v[i] = load(from + r * fromStride + i * kLanes);
      (step<K, V>(at[K] + r * stride[K], first, isSigned[K], column, mean, v), ...);
      if constexpr (Open) finish<V, E>(ends, r, first, v);
    }
  }

  // What a column keeps in registers of a move's operand.
  static BITPLANE_INLINE F32 operandOf(size_t k, const Access& access, const char* at, int i) {
    if (hasNumbers(kMoves[k].op) || (Open && access.isConstant)) return set1(access.low);
    if (kMoves[k].lie != Lie::column) return set1(0.0f);
    const F32 operand = load(reinterpret_cast<const float*>(at) + i * kLanes);
    return isSummand(static_cast<int>(k)) || (Open && access.negates) ? negate(operand) : operand;
  }

  using Column = void (*)(const Opened& o, int rows, int64_t c, int64_t done);
  template <int V>
  static Column columnOf(const Ends& ends) {
    // Not on AVX-512: its columns of 32 channels hide the question, and its code is the largest.
    if constexpr (Open && kLanes < 16) {
      const bool others = ends.bytes != nullptr || ends.keep != nullptr;
      if (ends.real != nullptr && !others)
        return ends.bits == nullptr ? run<V, EndKind::real> : run<V, EndKind::realAndBits>;
    }
    return run<V, EndKind::any>;
  }

  // Channels [c, end), in columns as wide as fit and divide `period`, so that none straddles the
  // end of an operand that repeats.
  template <int V>
  static void runColumns(const Opened& o, int rows, int64_t c0, int64_t c, int64_t end,
                         int64_t period) {
    if (period % (V * kLanes) == 0) {
      const auto column = columnOf<V>(o.ends);
      for (; c + V * kLanes <= end; c += V * kLanes) column(o, rows, c, c - c0);
    }
    if constexpr (V * kLanes > kNarrowColumn) {
      if (c < end) runColumns<V / 2>(o, rows, c0, c, end, period);
    }
  }

  static void runAll(const Piece& piece, const EpilogueView& epilogue, const Buffers& buffers,
                     const EpilogueBlock& b) {
    bool perImage = false;
    // OR of all pitches: a power of two divides it exactly when it divides each.
    int64_t period = kWide;
    for (int k = piece.first; k < piece.first + piece.length; k++) {
      const EpilogueStep& step = epilogue.steps[k];
      perImage |= step.kind == OperandKind::image_channel;
      if (lieOf(step) == Lie::tensor) period |= step.pitch;
    }
    for (int done = 0; done < b.rows;) {
      const int64_t left =
          perImage ? epilogue.hw - (b.pixel + done) % epilogue.hw : int64_t{b.rows};
      const int count = left < b.rows - done ? static_cast<int>(left) : b.rows - done;
      const int64_t image = perImage ? (b.pixel + done) / epilogue.hw : 0;
      float* values = b.values + done * b.ld;
      const Opened opened =
          openAll(epilogue, piece, buffers, values, b.ld, b.pixel + done, image, b.c0);
      runColumns<kWide / kLanes>(opened, count, b.c0, b.c0, b.c0 + b.cn, period);
      if (Open && storesInts(epilogue, piece))
        storeInts(epilogue, epilogue.steps[piece.whole], buffers, values, b.ld, b.pixel + done,
                  count, b.c0, b.cn);
      done += count;
    }
  }
};

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
