// Integer convolution: reads the instruction, and chooses the variant when the step is built. Not
// here: arithmetic. Variants come from variants.inc alone.
#include "kernels/qconv/qconv.h"

#include "kernels/qconv/step.h"
#include "kernels/qconv/weights.h"

namespace bitplane {
namespace qconv {

namespace scalar {
extern const Dot dot;
}
namespace avx2 {
extern const Dot vnni, maddubs, maddubs_madd, madd;
}
namespace avx512 {
extern const Dot vnni, maddubs, madd;
}
namespace neon {
extern const Dot sdot, smlal, smull;
}

namespace {

// One way to run the problem.
struct Variant {
  const char* name;
  Isa isa;
  Features features;  // that it needs beside the instruction set
  const Dot* dot;
  int pairs;  // how many sums of two products must fit int16; 0 where sums have 32 bits
};

constexpr Variant kVariants[] = {
#define BITPLANE_QCONV(name, isa, features, dot, pairs) \
  {#name, Isa::isa, feature::features, &dot, pairs},
#include "kernels/qconv/variants.inc"
#undef BITPLANE_QCONV
};

// Pairs that fit int16 with x as the variant multiplies it.
int pairsOf(const Variant& variant, const Numbers& numbers) {
  const int offset = offsetOf(variant.dot->operand, numbers);
  return pairsWithinInt16(numbers, numbers.xLeast() + offset, numbers.xMost() + offset);
}

const Variant* variantFor(const Numbers& numbers, Isa isa, Features features) {
  for (const Variant& variant : kVariants) {
    if (runsOn(variant, isa, features) && variant.pairs <= pairsOf(variant, numbers))
      return &variant;
  }
  return nullptr;
}

}  // namespace

bool canRun(const ConvShape& shape, const Numbers& numbers) {
  return numbers.weightBits > 0 && sumFits(numbers, shape.window());
}

Claim claimOf(const Problem& problem, const Instruction& instruction, BuildContext& context) {
  const Numbers& n = problem.numbers;
  Claim claim = {false, {nullptr, n.weightBits, n.weightKind, false}};
  if (!canRun(problem.shape, n)) return claim;
  if (problem.y >= 0 && instruction.epilogueLength > 0) return claim;
  if (!context.isPacked(problem.weights)) {
    const int64_t bits = int64_t{problem.shape.o} * problem.shape.window() * n.weightBits;
    claim.constant.bytes = static_cast<const uint8_t*>(context.constant(problem.weights));
    if (claim.constant.bytes == nullptr) return claim;
    if (context.bufferBytes(problem.weights) < static_cast<size_t>(ceilDiv<int64_t>(bits, 8)))
      return claim;
  }
  claim.valid = true;
  return claim;
}

int offsetOf(Operand operand, const Numbers& numbers) {
  if (operand == Operand::u8) return -numbers.xLeast();
  return operand == Operand::i8 && numbers.xMost() > 127 ? -128 : 0;
}

Problem problemOf(const Instruction& in) {
  return {in.field(0),
          in.field(3),
          in.field(7),
          numbersOf(in.field(1), in.field(2), in.field(4), in.field(5), in.field(6)),
          {in.field(8), in.field(9), in.field(10), in.field(11), in.field(12), in.field(13),
           in.field(14), in.field(15), in.field(16), in.field(17), in.field(18), in.field(19),
           in.field(20), in.field(21), in.field(22), in.field(23)}};
}

std::unique_ptr<WeightPacking> packingFor(const ConvShape& shape, const Numbers& numbers, Isa isa,
                                          Features features, int threads) {
  if (!canRun(shape, numbers)) return nullptr;
  if (isa == Isa::reference)
    return referencePacking(shape.o, shape.kh * shape.kw, shape.c / shape.g, numbers);
  const Variant* variant = variantFor(numbers, isa, features);
  if (variant == nullptr) return nullptr;
  return packingOf(layoutOf(shape, numbers, *variant->dot, threads));
}

namespace {

void packConstant(const void* source, void* packed, const void* how) {
  const Layout& layout = *static_cast<const Layout*>(how);
  const WeightSource weights = {static_cast<const uint8_t*>(source), layout.numbers.weightBits,
                                layout.numbers.weightKind, false};
  for (int part = 0; part < static_cast<int>(layout.blocks.size()); part++)
    packBlock(layout, weights, part, static_cast<uint8_t*>(packed));
}

std::unique_ptr<Step> build(const Instruction& instruction, BuildContext& context) {
  Problem problem = problemOf(instruction);
  const ConvShape& shape = problem.shape;
  const Claim claim = claimOf(problem, instruction, context);
  if (!claim.valid) return nullptr;
  if (context.isa() == Isa::reference)
    return makeReference("qconv_reference", instruction, problem, claim.constant);
  if (claim.constant.bytes != nullptr)
    problem.numbers = narrowed(problem.numbers, claim.constant, int64_t{shape.o} * shape.window());
  const Variant* variant = variantFor(problem.numbers, context.isa(), context.features());
  if (variant == nullptr) return nullptr;
  Layout layout = layoutOf(shape, problem.numbers, *variant->dot, context.threads());
  auto packed =
      PackedWeights::of(problem.weights, keyOf(layout).text, static_cast<size_t>(layout.bytes),
                        packConstant, &layout, context);
  if (packed.empty()) return nullptr;
  return makeStep(variant->name, instruction, problem, std::move(layout), std::move(packed),
                  context.isa());
}

}  // namespace
}  // namespace qconv

std::unique_ptr<Step> make_qconv(const Instruction& instruction, BuildContext& context) {
  return qconv::build(instruction, context);
}

}  // namespace bitplane
