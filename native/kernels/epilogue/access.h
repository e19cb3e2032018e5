// Where the moves of a loop find their operands and write their stores, for a whole block: bytes at
// row 0 and from row to row, over a SIMD vocabulary, which the including file has chosen. Not here:
// the values behind a segment's last move (ends.h), what a move computes (straight.h).
#pragma once
#include "kernels/epilogue/moves.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

// The narrowest column of channels, which fills whole bytes of sign bits, and the widest: as much
// as leaves registers for the operands of the longest line.
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

// Moves with two numbers of their own.
constexpr bool hasNumbers(EpilogueOp op) {
  return op == EpilogueOp::clip || op == EpilogueOp::addscaled || op == EpilogueOp::gate ||
         op == EpilogueOp::rgate;
}

// One move's operand or target, resolved once for all columns of a block: its bytes at row 0,
// channel 0, and from there to row 1.
struct Access {
  const char* base = nullptr;
  int64_t stride = 0;
  int64_t period = INT64_MAX;   // tensor: it repeats after so many channels
  int bits = 0;                 // from channel to channel; 0 where every column reads the same
  const float* mean = nullptr;  // submul: the first operand, null where it is zero; `base`: second
  bool negates = false;         // add: its operand is subtracted
  bool isConstant = false;      // low is the operand of every channel
  bool isSigned = false;        // addscaled: i8, not u8
  // clip, gates: the bounds; addscaled: what is taken off, and the factor
  float low = 0, high = 0;

  BITPLANE_INLINE const char* at(int64_t c) const {
    return base + (c < period ? c : c % period) * bits / 8;
  }
};

// Where a store writes floats or bits, and from there to the next pixel.
BITPLANE_INLINE int64_t targetStride(const EpilogueView& epilogue, const EpilogueStep& step) {
  const int64_t pitch = step.pitch > 0 ? step.pitch : epilogue.channels;
  return step.op == EpilogueOp::store_bits ? (pitch + 63) / 64 * 8 : pitch * 4;
}
BITPLANE_INLINE char* target(const EpilogueView& epilogue, const EpilogueStep& step,
                             const Buffers& buffers, int64_t pixel) {
  return buffers.get<char>(step.buffer) + pixel * targetStride(epilogue, step) +
         (step.op == EpilogueOp::store_bits ? step.first / 8 : int64_t{step.first} * 4);
}

// The access of the move `Code`, for the step that asks for it. `asked` is null where the loop of a
// segment, which is `Open`, passes over the move.
template <bool Open, int Code>
BITPLANE_INLINE void resolve(const EpilogueView& epilogue, const EpilogueStep* asked,
                             const Buffers& buffers, int64_t pixel, int64_t image, Access* access) {
  constexpr Move m = decode(Code);
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
    access->negates = m.op == EpilogueOp::add && step.op == EpilogueOp::sub;
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
    access->low = step.a;
    access->high = step.b;
  } else if constexpr (m.lie == Lie::pixel) {
    access->base = reinterpret_cast<char*>(buffers.get<float>(step.buffer) + pixel);
    access->stride = 4;
  } else if constexpr (m.lie == Lie::store) {
    access->base = target(epilogue, step, buffers, pixel);
    access->stride = targetStride(epilogue, step);
    access->bits = step.op == EpilogueOp::store_bits ? 1 : 32;
  }
}

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
