// Straight lines: the epilogues of straight_lines.inc, each compiled as one loop without jumps over
// a SIMD vocabulary, which the including file has chosen. A column of channels goes down the rows
// with its operands in registers, so that a step costs its arithmetic and nothing else; through
// generic.h the same steps take two to three times as long. Not here: what a step means
// (epilogue.h), epilogues that are not listed (generic.h).
#pragma once
#include <utility>

#include "kernels/epilogue/epilogue.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

// How a move's operand lies against a column of channels.
enum class Lie { none, column, tensor, pixel, store };

struct Move {
  EpilogueOp op;
  Lie lie;

  // A plain mul runs as submul with zeros in place of the mean, which gives the same bits
  // (epilogue.h). So lines with a batch norm need no copies for what mergeAffines makes of it.
  constexpr bool does(EpilogueOp step) const {
    return step == op || (op == EpilogueOp::submul && step == EpilogueOp::mul);
  }
};

constexpr Lie lieOf(const EpilogueStep& step) {
  if (step.op == EpilogueOp::store_f32 || step.op == EpilogueOp::store_bits) return Lie::store;
  switch (step.kind) {
    case OperandKind::channel:
    case OperandKind::image_channel:
      return Lie::column;
    case OperandKind::tensor:
      return Lie::tensor;
    case OperandKind::pixel:
      return Lie::pixel;
    default:
      return Lie::none;
  }
}

// One line of straight_lines.inc, compiled.
struct StraightLine {
  const Move* moves;
  int length;
  EpilogueFn run;

  bool matches(const EpilogueStep* steps, int count) const {
    if (count != length) return false;
    for (int k = 0; k < length; k++) {
      if (!moves[k].does(steps[k].op) || lieOf(steps[k]) != moves[k].lie) return false;
      if (steps[k].type != OperandType::f32) return false;
    }
    return true;
  }
};

// The narrowest column, which fills whole bytes of sign bits, and the widest: as much as leaves
// registers for the operands of the longest line.
constexpr int kNarrowColumn = 16;
constexpr int kWideColumn = kLanes >= 16 ? 64 : 16;

// Moves travel as numbers, which template arguments may be.
constexpr int code(EpilogueOp op, Lie lie) {
  return static_cast<int>(op) * 8 + static_cast<int>(lie);
}
constexpr Move decode(int code) {
  return {static_cast<EpilogueOp>(code / 8), static_cast<Lie>(code % 8)};
}

template <typename Indices, int... Codes>
struct Straight;

template <size_t... K, int... Codes>
struct Straight<std::index_sequence<K...>, Codes...> {
  static constexpr int kLength = sizeof...(K);
  static constexpr Move kMoves[] = {decode(Codes)...};

  // A line that ends in the sign of a sum needs no sum: v + b < 0 just where v < -b (no sum but v -
  // v is rounded to 0; infinities and NaN agree too).
  static constexpr bool isSummand(int k) {
    return k >= 0 && k + 2 == kLength && kMoves[k].op == EpilogueOp::add &&
           kMoves[k].lie == Lie::column && kMoves[k + 1].op == EpilogueOp::store_bits;
  }

  // One move's memory, for one column of channels: what it reads or writes at row 0, and from there
  // to row 1.
  struct Access {
    char* at;
    int64_t stride;  // bytes
    const float* mean =
        nullptr;  // submul: the first operand, null where it is zero; `at` is the second
  };

  template <size_t k>
  static BITPLANE_INLINE void open(const EpilogueView& epilogue, const Buffers& buffers,
                                   int64_t pixel, int64_t image, int64_t c, Access* access) {
    constexpr Move m = kMoves[k];
    const EpilogueStep& step = epilogue.steps[k];
    const int64_t channels = epilogue.channels, pitch = step.pitch > 0 ? step.pitch : channels;
    if constexpr (m.lie == Lie::column) {
      const int64_t start = (step.kind == OperandKind::image_channel ? image * channels : 0) + c;
      const bool two = step.second >= 0;
      *access = {
          reinterpret_cast<char*>(buffers.get<float>(two ? step.second : step.buffer) + start), 0};
      if (two) access->mean = buffers.get<float>(step.buffer) + start;
    } else if constexpr (m.lie == Lie::tensor) {
      *access = {reinterpret_cast<char*>(buffers.get<float>(step.buffer) + pixel * pitch +
                                         (c < pitch ? c : c % pitch)),
                 pitch * 4};
    } else if constexpr (m.lie == Lie::pixel) {
      *access = {reinterpret_cast<char*>(buffers.get<float>(step.buffer) + pixel), 4};
    } else if constexpr (m.op == EpilogueOp::store_f32) {
      *access = {
          reinterpret_cast<char*>(buffers.get<float>(step.buffer) + pixel * pitch + step.first + c),
          pitch * 4};
    } else if constexpr (m.op == EpilogueOp::store_bits) {
      const int64_t bytes = (pitch + 63) / 64 * 8;
      *access = {buffers.get<char>(step.buffer) + pixel * bytes + (step.first + c) / 8, bytes};
    } else {
      *access = {nullptr, 0};
    }
  }

  template <size_t k, int V>
  static BITPLANE_INLINE void step(const Access& access, int64_t r, bool first,
                                   const F32 (&column)[kLength][V], const F32 (&mean)[kLength][V],
                                   F32 (&v)[V]) {
    constexpr Move m = kMoves[k];
    const F32 zero = set1(0.0f);
    char* at = m.lie == Lie::none || m.lie == Lie::column ? nullptr : access.at + r * access.stride;
    if constexpr (m.op == EpilogueOp::store_bits) {
      Mask negative[V];
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) {
        if constexpr (isSummand(static_cast<int>(k) - 1))
          negative[i] = less(v[i], column[k > 0 ? k - 1 : 0][i]);
        else
          negative[i] = less(v[i], zero);
      }
      const uint64_t bits = maskWord(negative);
      // The first column of a word clears the rest, so that channels that do not exist are 0.
      if (first)
        __builtin_memcpy(at, &bits, 8);
      else
        __builtin_memcpy(at, &bits, V * kLanes / 8);
    } else if constexpr (!isSummand(k)) {
      float* map = reinterpret_cast<float*>(at);
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) {
        F32 b = zero;
        if constexpr (m.lie == Lie::column) b = column[k][i];
        if constexpr (m.lie == Lie::tensor) b = load(map + i * kLanes);
        if constexpr (m.lie == Lie::pixel) b = set1(*map);
        if constexpr (m.op == EpilogueOp::add)
          v[i] = add(v[i], b);
        else if constexpr (m.op == EpilogueOp::mul)
          v[i] = mul(v[i], b);
        else if constexpr (m.op == EpilogueOp::submul)
          v[i] = mul(sub(v[i], mean[k][i]), b);
        else if constexpr (m.op == EpilogueOp::prelu)
          v[i] = select(less(v[i], zero), mul(v[i], b), v[i]);
        else if constexpr (m.op == EpilogueOp::relu)
          v[i] = larger(zero, v[i]);
        else if constexpr (m.op == EpilogueOp::abs)
          v[i] = absolute(v[i]);
        else if constexpr (m.op == EpilogueOp::store_f32)
          store(map + i * kLanes, v[i]);
        else
          static_assert(m.op == EpilogueOp::add, "a move that straight.h does not know");
      }
    }
  }

  // Channels [c, c + V vectors) of `rows` pixels of one image.
  template <int V>
  static void run(const EpilogueView& epilogue, const Buffers& buffers, const float* block,
                  int64_t ld, int64_t pixel, int64_t image, int rows, int64_t c) {
    const bool first = c % 64 == 0;
    Access access[kLength];
    (open<K>(epilogue, buffers, pixel, image, c, &access[K]), ...);
    F32 column[kLength][V], mean[kLength][V];
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++) {
      ((column[K][i] = kMoves[K].lie == Lie::column
                           ? load(reinterpret_cast<const float*>(access[K].at) + i * kLanes)
                           : set1(0.0f)),
       ...);
      ((column[K][i] = isSummand(K) ? negate(column[K][i]) : column[K][i]), ...);
      ((mean[K][i] = access[K].mean ? load(access[K].mean + i * kLanes) : set1(0.0f)), ...);
    }
    for (int64_t r = 0; r < rows; r++) {
      F32 v[V];
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) v[i] = load(block + r * ld + i * kLanes);
      (step<K, V>(access[K], r, first, column, mean, v), ...);
    }
  }

  // Channels [c, end), in columns as wide as fit and divide `period`, so that none straddles the
  // end of an operand that repeats.
  template <int V>
  static void runColumns(const EpilogueView& epilogue, const Buffers& buffers, const float* block,
                         int64_t ld, int64_t pixel, int64_t image, int rows, int64_t c, int64_t end,
                         int64_t period) {
    if (period % (V * kLanes) == 0) {
      for (; c + V * kLanes <= end; c += V * kLanes, block += V * kLanes)
        run<V>(epilogue, buffers, block, ld, pixel, image, rows, c);
    }
    if constexpr (V * kLanes > kNarrowColumn) {
      if (c < end)
        runColumns<V / 2>(epilogue, buffers, block, ld, pixel, image, rows, c, end, period);
    }
  }

  static void runAll(const EpilogueView& epilogue, const Buffers& buffers, float* block, int64_t ld,
                     int64_t pixel, int rows, int c0, int cn) {
    bool perImage = false;
    int64_t period = kWideColumn;  // or a number that no wider column divides than may be used
    for (int k = 0; k < kLength; k++) {
      perImage |=
          kMoves[k].lie == Lie::column && epilogue.steps[k].kind == OperandKind::image_channel;
      if (kMoves[k].lie == Lie::tensor) period |= epilogue.steps[k].pitch;
    }
    for (int done = 0; done < rows;) {
      const int64_t left = perImage ? epilogue.hw - (pixel + done) % epilogue.hw : rows;
      const int count = left < rows - done ? static_cast<int>(left) : rows - done;
      const int64_t image = perImage ? (pixel + done) / epilogue.hw : 0;
      runColumns<kWideColumn / kLanes>(epilogue, buffers, block + done * ld, ld, pixel + done,
                                       image, count, c0, c0 + cn, period);
      done += count;
    }
  }

  static constexpr StraightLine line() { return {kMoves, kLength, runAll}; }
};

#define U(name) code(EpilogueOp::name, Lie::none)
#define C(name) code(EpilogueOp::name, Lie::column)
#define T(name) code(EpilogueOp::name, Lie::tensor)
#define P(name) code(EpilogueOp::name, Lie::pixel)
#define S(name) code(EpilogueOp::name, Lie::store)

template <int... Codes>
using Line = Straight<std::make_index_sequence<sizeof...(Codes)>, Codes...>;

constexpr StraightLine kStraightLines[] = {
#define BITPLANE_LINE(...) Line<__VA_ARGS__>::line(),
#include "kernels/epilogue/straight_lines.inc"
#undef BITPLANE_LINE
};

// The line that an epilogue is, or null.
EpilogueFn straightLine(const EpilogueStep* steps, int length, int channels) {
  if (channels % kNarrowColumn != 0) return nullptr;
  for (const StraightLine& line : kStraightLines) {
    if (line.matches(steps, length)) return line.run;
  }
  return nullptr;
}

#undef U
#undef C
#undef T
#undef P
#undef S

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
