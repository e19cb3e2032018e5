// Chooses the implementation of an epilogue, walks blocks piece by piece and decodes epilogues. Not
// here: the operations.
#include "kernels/epilogue/epilogue.h"

#include <algorithm>

namespace bitplane {

static_assert(sizeof(EpilogueStep) == kEpilogueStepInts * sizeof(int32_t),
              "an epilogue step is encoded verbatim");

#define BITPLANE_EPILOGUE(isa, name) \
  namespace isa { \
  int cut(const EpilogueStep* steps, int length, int channels, Piece* pieces); \
  }
#include "kernels/epilogue/variants.inc"
#undef BITPLANE_EPILOGUE

namespace {

struct Variant {
  Isa isa;
  const char* name;
  // Cuts an epilogue into pieces, at most as many as steps; returns how many.
  int (*cut)(const EpilogueStep* steps, int length, int channels, Piece* pieces);
};
constexpr Variant kVariants[] = {
#define BITPLANE_EPILOGUE(isa, name) {Isa::isa, name, isa::cut},
#include "kernels/epilogue/variants.inc"
#undef BITPLANE_EPILOGUE
};

const Variant& variantFor(Isa isa) {
  const Variant* scalar = nullptr;
  for (const Variant& v : kVariants) {
    if (v.isa == isa) return v;
    if (v.isa == Isa::scalar) scalar = &v;
  }
  return *scalar;
}

}  // namespace

Epilogue::Epilogue(Isa isa, std::vector<EpilogueStep> steps, int channels, int64_t hw)
    : steps_(std::move(steps)), pieces_(steps_.size()), channels_(channels), hw_(hw) {
  const int length = static_cast<int>(steps_.size());
  pieces_.resize(variantFor(isa).cut(steps_.data(), length, channels, pieces_.data()));
}

void Epilogue::run(const Buffers& buffers, const EpilogueBlock& block) const {
  const EpilogueView view = {steps_.data(), static_cast<int>(steps_.size()), channels_, hw_};
  if (pieces_.size() == 1) return pieces_[0].run(pieces_[0], view, buffers, block);
  // So little at a time that what one piece leaves and the next reads stays in L1: 8 KiB.
  constexpr int kChannels = 64, kRows = 32;
  for (int row = 0; row < block.rows; row += kRows) {
    for (int c = 0; c < block.cn; c += kChannels) {
      const EpilogueBlock part = {
          block.values + row * block.ld + c, block.ld,     block.pixel + row,
          std::min(kRows, block.rows - row), block.c0 + c, std::min(kChannels, block.cn - c)};
      for (const Piece& piece : pieces_) piece.run(piece, view, buffers, part);
    }
  }
}

OperandType operandType(const EpilogueStep& step) {
  switch (step.op) {
    case EpilogueOp::store_i32:
      return OperandType::i32;
    case EpilogueOp::store_i8:
      return OperandType::i8;
    case EpilogueOp::store_u8:
      return OperandType::u8;
    case EpilogueOp::store_bits:
      return OperandType::b1;
    default:
      return isStore(step.op) ? OperandType::f32 : step.type;
  }
}

namespace {}  // namespace

AheadOf Epilogue::ahead(const Buffers& buffers, int64_t pixel, int rows, int c0, int cn,
                        int64_t calls) const {
  AheadOf maps;
  for (const EpilogueStep& step : steps_) {
    if (step.buffer < 0 || (!isStore(step.op) && step.kind != OperandKind::tensor)) continue;
    // The pixels of a block lie apart in planes, a few cache lines in each.
    if (step.op == EpilogueOp::store_planes) continue;
    // A map that repeats is narrow: it is soon in cache.
    if (!isStore(step.op) && step.pitch > 0) continue;
    const OperandType type = operandType(step);
    const int64_t row =
        elementBytes(type, rowElements(type, step.pitch > 0 ? step.pitch : channels_));
    const int64_t before = pixel * row + elementBytes(type, step.first + c0);
    const int64_t bytes = elementBytes(type, rowElements(type, cn));
    maps.add(Ahead(buffers.get<const char>(step.buffer) + before, row, bytes, rows, calls));
    if (step.second >= 0)
      maps.add(Ahead(buffers.get<const char>(step.second) + before, row, bytes, rows, calls));
  }
  return maps;
}

const char* epilogueName(Isa isa) { return variantFor(isa).name; }

std::vector<EpilogueStep> decodeEpilogue(const Instruction& instruction) {
  std::vector<EpilogueStep> steps(static_cast<size_t>(instruction.epilogueLength));
  if (!steps.empty())
    std::memcpy(steps.data(), instruction.epilogue, steps.size() * sizeof(EpilogueStep));
  return steps;
}

}  // namespace bitplane
