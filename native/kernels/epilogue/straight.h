// Loops without jumps over the moves of a row of straight_lines.inc or segments.inc, over a SIMD
// vocabulary, which the including file has chosen. A column of channels goes down the rows with its
// operands in registers, so that a step costs its arithmetic and nothing else; through generic.h
// the same steps take two to three times as long. Not here: what a step means (epilogue.h), which
// loop runs what (pieces.h).
#pragma once
#include <utility>

#include "kernels/epilogue/moves.h"
#include "kernels/epilogue/whole.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

// The narrowest column, which fills whole bytes of sign bits, and the widest: as much as leaves
// registers for the operands of the longest line.
constexpr int kNarrowColumn = 16;
constexpr int kWideColumn = kLanes >= 16 ? 64 : 16;

// Operands of moves that no step asks for; as many as a column is wide.
struct Neutral {
  float ones[kWideColumn], minusZeros[kWideColumn];
  constexpr Neutral() : ones(), minusZeros() {
    for (int i = 0; i < kWideColumn; i++) ones[i] = 1.0f, minusZeros[i] = -0.0f;
  }
};
alignas(64) constexpr Neutral kNeutral;

// Where a segment's values go at the end of a row: memory at row 0, null where they do not, and
// from there to the next row in bytes. `keep` is the block itself, for whoever comes next.
struct Ends {
  char* real;
  int64_t realStride;
  char* bits;
  int64_t bitsStride;
  char* bytes;
  int64_t bytesStride;
  float least, most;  // of a byte
  float* keep;
  int64_t keepStride;  // floats
};

// Which of them there are, where that is known when the loop is compiled: the commonest, for which
// asking at every row takes a third of the time.
enum class EndKind { any, real, realAndBits };

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

  // One move's operand or target, resolved once for all columns of a block: its bytes at row 0,
  // channel 0, and from there to row 1.
  struct Access {
    const char* base = nullptr;
    int64_t stride = 0;
    int64_t period = INT64_MAX;  // tensor: it repeats after so many channels
    int bits = 0;                // from channel to channel; 0 where every column reads the same
    const float* mean =
        nullptr;              // submul: the first operand, null where it is zero; `base`: second
    bool negates = false;     // add: its operand is subtracted
    bool isConstant = false;  // low is the operand of every channel
    bool isSigned = false;    // addscaled: i8, not u8
    float low = 0, high = 0;  // addscaled: what is taken off, and the factor

    BITPLANE_INLINE const char* at(int64_t c) const {
      return base + (c < period ? c : c % period) * bits / 8;
    }
  };

  // The step of a move, or null.
  template <size_t k>
  static BITPLANE_INLINE const EpilogueStep* stepOf(const EpilogueView& epilogue,
                                                    const Piece& piece) {
    if constexpr (!Open)
      return &epilogue.steps[piece.first + static_cast<int>(k)];
    else
      return piece.slots[k] < 0 ? nullptr : &epilogue.steps[piece.first + piece.slots[k]];
  }

  template <size_t k>
  static BITPLANE_INLINE void open(const EpilogueView& epilogue, const Piece& piece,
                                   const Buffers& buffers, int64_t pixel, int64_t image,
                                   Access* access) {
    constexpr Move m = kMoves[k];
    const EpilogueStep* asked = stepOf<k>(epilogue, piece);
    if (m.op == EpilogueOp::clip) {
      constexpr float kInfinity = __builtin_inff();
      access->low = asked == nullptr ? -kInfinity : (asked->op == m.op ? asked->a : 0.0f);
      access->high = asked == nullptr || asked->op != m.op ? kInfinity : asked->b;
      return;
    }
    if (Open && asked == nullptr) {
      const auto& same = m.op == EpilogueOp::add ? kNeutral.minusZeros : kNeutral.ones;
      access->base = reinterpret_cast<const char*>(same);
      return;
    }
    const EpilogueStep& step = *asked;
    const int64_t channels = epilogue.channels, pitch = step.pitch > 0 ? step.pitch : channels;
    if constexpr (m.lie == Lie::column) {
      if (step.op == EpilogueOp::leaky) {
        access->isConstant = true;
        access->low = step.a;
        return;
      }
      const int64_t start = step.kind == OperandKind::image_channel ? image * channels : 0;
      const bool two = step.second >= 0;
      access->negates = step.op == EpilogueOp::sub;
      access->base =
          reinterpret_cast<char*>(buffers.get<float>(two ? step.second : step.buffer) + start);
      access->bits = 32;
      if (two) access->mean = buffers.get<float>(step.buffer) + start;
    } else if constexpr (m.op == EpilogueOp::addscaled) {
      access->base = buffers.get<char>(step.buffer) + pixel * pitch;
      access->stride = access->period = pitch;
      access->bits = 8;
      access->isSigned = step.type == OperandType::i8;
      access->low = step.a;
      access->high = step.b;
    } else if constexpr (m.lie == Lie::tensor) {
      access->base = reinterpret_cast<char*>(buffers.get<float>(step.buffer) + pixel * pitch);
      access->stride = pitch * 4;
      access->period = pitch;
      access->bits = 32;
    } else if constexpr (m.lie == Lie::pixel) {
      access->base = reinterpret_cast<char*>(buffers.get<float>(step.buffer) + pixel);
      access->stride = 4;
    } else if constexpr (m.lie == Lie::store) {
      access->base = target(epilogue, step, buffers, pixel);
      access->stride = targetStride(epilogue, step);
      access->bits = step.op == EpilogueOp::store_bits ? 1 : 32;
    }
  }

  // Where a store writes floats or bits, and from there to the next pixel.
  static BITPLANE_INLINE char* target(const EpilogueView& epilogue, const EpilogueStep& step,
                                      const Buffers& buffers, int64_t pixel) {
    return buffers.get<char>(step.buffer) + pixel * targetStride(epilogue, step) +
           (step.op == EpilogueOp::store_bits ? step.first / 8 : int64_t{step.first} * 4);
  }
  static BITPLANE_INLINE int64_t targetStride(const EpilogueView& epilogue,
                                              const EpilogueStep& step) {
    const int64_t pitch = step.pitch > 0 ? step.pitch : epilogue.channels;
    return step.op == EpilogueOp::store_bits ? (pitch + 63) / 64 * 8 : pitch * 4;
  }

  // The first column of a word clears the rest, so that channels that do not exist are 0.
  template <int V>
  static BITPLANE_INLINE void storeBits(char* at, const Mask (&negative)[V], bool first) {
    const uint64_t bits = maskWord(negative);
    if (first)
      __builtin_memcpy(at, &bits, 8);
    else
      __builtin_memcpy(at, &bits, V * kLanes / 8);
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

  template <int V, EndKind E>
  static BITPLANE_INLINE void finish(const Ends& ends, int64_t r, bool first, const F32 (&v)[V]) {
    if (E != EndKind::any || ends.real != nullptr) {
      float* map = reinterpret_cast<float*>(ends.real + r * ends.realStride);
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) store(map + i * kLanes, v[i]);
    }
    if (E == EndKind::realAndBits || (E == EndKind::any && ends.bits != nullptr)) {
      Mask negative[V];
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) negative[i] = less(v[i], set1(0.0f));
      storeBits<V>(ends.bits + r * ends.bitsStride, negative, first);
    }
    if (E != EndKind::any) return;
    if (ends.bytes != nullptr) {
      char* map = ends.bytes + r * ends.bytesStride;
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++)
        storeBytesN(map + i * kLanes, truncateByte(v[i], ends.least, ends.most), kLanes);
    }
    if (ends.keep != nullptr) {
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) store(ends.keep + r * ends.keepStride + i * kLanes, v[i]);
    }
  }

  // What the columns of a block have in common.
  struct Opened {
    Access access[kRoom];
    const float* from;  // the values, at channel c0
    int64_t stride;     // floats
    Ends ends;          // at channel 0, but `keep` at c0
  };

  static bool storesBytes(const EpilogueView& epilogue, const Piece& piece) {
    return piece.whole >= 0 && epilogue.steps[piece.whole].op != EpilogueOp::store_i32;
  }
  static bool storesInts(const EpilogueView& epilogue, const Piece& piece) {
    return piece.whole >= 0 && !storesBytes(epilogue, piece);
  }

  static Opened openAll(const EpilogueView& epilogue, const Piece& piece, const Buffers& buffers,
                        float* values, int64_t ld, int64_t pixel, [[maybe_unused]] int64_t image,
                        int64_t c0) {
    Opened o = {};
    (open<K>(epilogue, piece, buffers, pixel, image, &o.access[K]), ...);
    // The values of the piece before, where it stored them, or the block's.
    o.from = values;
    o.stride = ld;
    if (piece.source >= 0) {
      const EpilogueStep& stored = epilogue.steps[piece.source];
      o.from = reinterpret_cast<const float*>(target(epilogue, stored, buffers, pixel)) + c0;
      o.stride = targetStride(epilogue, stored) / 4;
    }
    if (!Open) return o;
    if (piece.real >= 0) {
      o.ends.real = target(epilogue, epilogue.steps[piece.real], buffers, pixel);
      o.ends.realStride = targetStride(epilogue, epilogue.steps[piece.real]);
    }
    if (piece.bits >= 0) {
      o.ends.bits = target(epilogue, epilogue.steps[piece.bits], buffers, pixel);
      o.ends.bitsStride = targetStride(epilogue, epilogue.steps[piece.bits]);
    }
    if (storesBytes(epilogue, piece)) {
      const EpilogueStep& step = epilogue.steps[piece.whole];
      o.ends.bytesStride = step.pitch > 0 ? step.pitch : epilogue.channels;
      o.ends.bytes = buffers.get<char>(step.buffer) + pixel * o.ends.bytesStride + step.first;
      o.ends.least = leastByte(step.op);
      o.ends.most = mostByte(step.op);
    }
    if (piece.keeps || storesInts(epilogue, piece)) o.ends.keep = values, o.ends.keepStride = ld;
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

  // Moves with two numbers of their own.
  static constexpr bool hasNumbers(EpilogueOp op) {
    return op == EpilogueOp::clip || op == EpilogueOp::addscaled;
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
