// Moves: the steps of an epilogue as specialised loops know them (straight.h), and which steps a
// loop can do. Compiled for an instruction set that the including file has chosen. Not here: loops,
// the lists of them.
#pragma once
#include "kernels/epilogue/epilogue.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

// How a move's operand lies against a column of channels.
enum class Lie { none, column, tensor, pixel, store };

struct Move {
  EpilogueOp op;
  Lie lie;
};

// Moves travel as numbers, which template arguments may be.
constexpr int code(EpilogueOp op, Lie lie) {
  return static_cast<int>(op) * 8 + static_cast<int>(lie);
}
constexpr Move decode(int code) {
  return {static_cast<EpilogueOp>(code / 8), static_cast<Lie>(code % 8)};
}

constexpr Lie lieOf(const EpilogueStep& step) {
  if (isStore(step.op)) return Lie::store;
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

// A line does each step as it is, but mul as submul with zeros in place of the mean, which gives
// the same bits (epilogue.h). So lines with a batch norm need no copies for what mergeAffines makes
// of it.
constexpr bool lineDoes(Move move, const EpilogueStep& step) {
  const bool same =
      step.op == move.op || (move.op == EpilogueOp::submul && step.op == EpilogueOp::mul);
  // A shortcut of integers is read as it lies.
  const bool bytes = step.op == EpilogueOp::addscaled &&
                     (step.type == OperandType::i8 || step.type == OperandType::u8);
  return same && lieOf(step) == move.lie && (bytes || step.type == OperandType::f32) &&
         bytes == (move.op == EpilogueOp::addscaled);
}

// A segment does more, always to the bit:
//   sub as add of -b;  leaky as prelu by its constant;
//   relu as clip to [0, inf];  clip where a <= b, so that it is a maximum and then a minimum.
constexpr bool segmentDoes(Move move, const EpilogueStep& step) {
  if (lineDoes(move, step)) return step.op != EpilogueOp::clip || step.a <= step.b;
  if (move.op == EpilogueOp::clip) return step.op == EpilogueOp::relu;
  if (move.lie != Lie::column) return false;
  if (move.op == EpilogueOp::prelu) return step.op == EpilogueOp::leaky;
  return move.op == EpilogueOp::add && step.op == EpilogueOp::sub && lieOf(step) == Lie::column &&
         step.type == OperandType::f32;
}

// And it passes over moves that no step asks for, where an operand of theirs changes no bit of any
// value: v + -0, v 1, v / 1, (v - 0) 1, v < 0 ? v 1 : v, clip to [-inf, inf].
constexpr bool isNeutral(Move move) {
  switch (move.op) {
    case EpilogueOp::add:
    case EpilogueOp::mul:
    case EpilogueOp::div:
    case EpilogueOp::submul:
    case EpilogueOp::prelu:
    case EpilogueOp::clip:
      return true;
    default:
      return false;
  }
}

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
