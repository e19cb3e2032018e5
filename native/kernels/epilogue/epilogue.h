// The epilogue: what happens to a value between the reduction that made it and memory. One
// vocabulary for every kernel, so that scale, bias, shortcut, activation, the float store and the
// sign bits of the next layer happen in one pass. Not here: reductions, layout changes.
//
//   v = start(pixel, channel);  for each step: v = step(v);  stores write v and pass it on.
//
// Every step is one IEEE single operation (mul, add, compare, select; tanh, sigmoid, exp, log and
// erf are fixed sequences of those), so the result is the same bits on every ISA. Selections, so
// that NaN and zeros behave the same everywhere (x86's max and min instructions are selections,
// NEON's are not):
//   relu(v) = v < 0 ? 0 : v;  clip(v) = v < a ? a : (b < v ? b : v)
//   max(v,b) = b is NaN ? b : (v < b ? b : v);  min(v,b) = b is NaN ? b : (b < v ? b : v)
//     so the result is NaN where either operand is
//   leaky(v) = v < 0 ? v * a : v;  prelu(v,b) = v < 0 ? v * b : v
//   bits: v < 0, so -0 and NaN give +1
// submul(v,b,c) = (v - b) * c, two operations of two operands: a batch norm but for its shift.
// With b = +0 it is mul(v,c) to the bit, because v - (+0) is v for every v, -0 and NaN too.
// addscaled(v,q) = v + (q - a) * b, three operations: a shortcut that is stored as integers.
// gate(v,x) = a <= x <= b ? v : +0;  rgate(v,w) = a <= v <= b ? w : +0. So 0 where x is NaN: what
//   the backward pass of relu and of clip lets through, with either of its operands in the flow.
// poszero(v) = v + (+0): what becomes of -0 when it is stored as an integer and read again.
#pragma once
#include "kernels/ahead.h"
#include "kernels/step.h"
#include "simd/attributes.h"

namespace bitplane {

// Epilogue operations. X(name, operand buffers)
// clang-format off
#define BITPLANE_EPILOGUE_OPS(X) \
  X(add, 1) X(sub, 1) X(rsub, 1) X(mul, 1) X(div, 1) X(rdiv, 1) X(max, 1) X(min, 1) X(prelu, 1) \
  X(submul, 2) X(addscaled, 1) X(gate, 1) X(rgate, 1) \
  X(relu, 0) X(leaky, 0) X(clip, 0) X(tanh, 0) X(sigmoid, 0) X(abs, 0) X(neg, 0) X(sqrt, 0) \
  X(exp, 0) X(log, 0) X(erf, 0) X(floor, 0) X(ceil, 0) X(round, 0) /* half to even */ \
  X(poszero, 0) \
  X(signum, 0) /* -1, 0, 1; NaN stays NaN, 0 keeps its sign */ \
  X(multithreshold, 1) /* operand f32 [count][C]: v = a * #{t : v >= T[t][c]} + b */ \
  X(store_f32, 1) X(store_bits, 1) \
  X(store_planes, 1) /* floats, y[n, c, p] in place of y[n, p, c]; no pitch */ \
  /* integers: truncate toward zero, saturate, NaN gives 0; `round` stands before them */ \
  X(store_i32, 1) X(store_i8, 1) X(store_u8, 1)
// clang-format on
enum class EpilogueOp : int32_t {
#define X(name, operand) name,
  BITPLANE_EPILOGUE_OPS(X)
#undef X
};

BITPLANE_INLINE constexpr bool isStore(EpilogueOp op) { return op >= EpilogueOp::store_f32; }

// An operation of the instruction `binary` that no epilogue has: a to the power of b. Numbered away
// from the epilogue's.
constexpr int32_t kPow = 1000;
// So does this one: the rest of a division toward zero, which is exact.
constexpr int32_t kRemainder = 1001;

// How an operand is laid against [N, HW, C].
enum class OperandKind : int32_t {
  none,
  channel,        // [C]
  tensor,         // [N, HW, C]
  image_channel,  // [N, C]
  pixel,          // [N, HW]
};

// What an operand holds. Integers are rounded to the nearest float; a bit reads as -1 or +1. Rows
// of bits (a map's pixels, an image's channels, the channels of all) start whole words. The tables
// of multithreshold are f32, and no operand by pixel is b1. A store's own op says what it writes.
enum class OperandType : int32_t { f32, i32, i8, u8, b1 };

// Elements from one row of `channels` to the next: bits fill whole words.
BITPLANE_INLINE constexpr int64_t rowElements(OperandType type, int64_t channels) {
  return type == OperandType::b1 ? (channels + 63) / 64 * 64 : channels;
}
// Bytes before element `index`, which for b1 is a multiple of 8.
BITPLANE_INLINE constexpr int64_t elementBytes(OperandType type, int64_t index) {
  if (type == OperandType::b1) return index / 8;
  return type == OperandType::i8 || type == OperandType::u8 ? index : index * 4;
}

constexpr int kEpilogueStepInts = 10;
struct EpilogueStep {  // exactly kEpilogueStepInts 4-byte fields, as encoded
  EpilogueOp op;
  OperandKind kind;
  OperandType type;  // of both operands
  int32_t buffer;    // operand or target; -1 if none
  int32_t second;    // the second operand of a step of two, laid as the first; -1 if none
  int32_t count;     // multithreshold: how many thresholds
  float a, b;        // immediates
  // pitch is the number of channels of a map, 0 for C. Stores: the target may be wider, and this
  // epilogue writes its channels [first, first + C). That is how a concatenation costs nothing. For
  // store_bits first and, unless the channels end the map, C are multiples of 64. Tensor operands:
  // the map may be narrower and repeats, channel c reads c mod pitch, so that a map beside itself
  // is never built. Then pitch divides C and is a multiple of 16.
  int32_t pitch, first;
};

// What the buffers of a step hold: of a store what it writes.
OperandType operandType(const EpilogueStep& step);

// The steps, and what they are applied to: [N, HW, C].
struct EpilogueView {
  const EpilogueStep* steps;
  int length;
  int channels;  // C
  int64_t hw;    // pixels per image
};

// `rows` consecutive pixels from `pixel` on (pixel counts over N*HW), channels [c0, c0 + cn).
// values is f32 [rows][ld], ld >= cn; it is consumed: its contents afterwards are unspecified. c0
// is a multiple of 64; c0 + cn is C or a multiple of 64 (so sign words are whole). Bit maps are
// [N*HW][bitWords(C)] words. The block and all operands may be read, never written, up to kSlack
// bytes past their ends.
struct EpilogueBlock {
  float* values;
  int64_t ld;
  int64_t pixel;
  int rows, c0, cn;
};

struct Piece;
using PieceFn = void (*)(const Piece& piece, const EpilogueView& epilogue, const Buffers& buffers,
                         const EpilogueBlock& block);

constexpr int kMostMoves = 16;

// Steps [first, first + length) of an epilogue, and the loop that runs them. What follows is for
// the loops of straight.h; step numbers are the epilogue's, -1 for none.
struct Piece {
  PieceFn run;
  int first, length;
  bool keeps;  // the block holds the values afterwards, for the next piece
  int source;  // the store whose target holds the values; the block does where there is none
  int real, bits, whole;     // the stores at its end: floats, bits, integers
  int8_t slots[kMostMoves];  // the step of each move, counted from `first`; -1 for none
};

// The piece of a store of planes, the same on every instruction set: it leaves the block as it is.
void storePlanes(const Piece& piece, const EpilogueView& epilogue, const Buffers& buffers,
                 const EpilogueBlock& block);

// An epilogue, ready to run over maps of so many channels on an instruction set; on the scalar one
// where this build has none for it.
class Epilogue {
 public:
  Epilogue() = default;
  Epilogue(Isa isa, std::vector<EpilogueStep> steps, int channels, int64_t hw);

  void run(const Buffers& buffers, const EpilogueBlock& block) const;
  // What `run` reads and writes of maps for pixels and channels of a block, to be asked for in so
  // many calls of `fetch` while the block is computed.
  AheadOf ahead(const Buffers& buffers, int64_t pixel, int rows, int c0, int cn,
                int64_t calls) const;

 private:
  std::vector<EpilogueStep> steps_;
  std::vector<Piece> pieces_;
  int channels_ = 0;
  int64_t hw_ = 1;
};

const char* epilogueName(Isa isa);

// The steps that follow an instruction's fields.
std::vector<EpilogueStep> decodeEpilogue(const Instruction& instruction);

}  // namespace bitplane
