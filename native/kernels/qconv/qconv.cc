// Integer convolution: reads the instruction, and chooses the variant when the step is built. Not
// here: arithmetic. Variants come from variants.inc alone.
#include "kernels/qconv/qconv.h"

#include <cstdlib>

#include "kernels/qconv/few.h"
#include "kernels/qconv/planes.h"
#include "kernels/qconv/step.h"
#include "kernels/qconv/weights.h"

namespace bitplane {
namespace qconv {

namespace scalar {
extern const Dot dot;
extern const PlaneTiles planes;
}  // namespace scalar
namespace avx2 {
extern const Dot vnni, maddubs, maddubs_madd, madd, lookup4, lookup2;
}
namespace avx512 {
extern const Dot vnni, maddubs, madd, lookup4, lookup2;
}
namespace neon {
extern const Dot smmla, usmmla, sdot, smlal, smull, lookup4;
extern const PlaneTiles planes;
}  // namespace neon

namespace {

// How sums come about: one of the two.
struct Way {
  const Dot* dot;
  const PlaneTiles* planes;
  constexpr Way(const Dot& way) : dot(&way), planes(nullptr) {}
  constexpr Way(const PlaneTiles& way) : dot(nullptr), planes(&way) {}
};

// One way to run the problem.
struct Variant {
  const char* name;
  Isa isa;
  Features features;  // that it needs beside the instruction set
  Way way;
  // How many narrow sums must fit: of two products int16, of a row of a table a byte; 0 where sums
  // have 32 bits.
  int sums;
  int operations;  // of a vector, for 1024 multiply-adds

  bool isTable() const { return way.dot != nullptr && way.dot->operand == Operand::rows; }
  bool countsPlanes() const { return way.planes != nullptr; }
};

constexpr Variant kVariants[] = {
#define BITPLANE_QCONV(name, isa, features, way, sums, operations) \
  {#name, Isa::isa, feature::features, way, sums, operations},
#include "kernels/qconv/variants.inc"
#undef BITPLANE_QCONV
};

// Pairs that fit int16 with x as the variant multiplies it.
int pairsOf(const Variant& variant, const Numbers& numbers) {
  const int offset = offsetOf(variant.way.dot->operand, numbers);
  return pairsWithinInt16(numbers, numbers.xLeast() + offset, numbers.xMost() + offset);
}

// Whether x needs no copy that brings it into the range of the operand.
bool takesAsIs(const Variant& variant, const Numbers& numbers) {
  return offsetOf(variant.way.dot->operand, numbers) == 0;
}

// Whether there are few enough planes; or a table holds the numbers' sums, and channels fill its
// steps; or sums of products fit.
bool fits(const Variant& variant, const ConvShape& shape, const Numbers& numbers) {
  if (variant.countsPlanes()) return planesOf(numbers).passes() <= kMostPasses;
  if (!variant.isTable()) return variant.sums <= pairsOf(variant, numbers);
  const int step = variant.way.dot->step;
  const Table table = tableOf(numbers, step);
  return table.field != 0 && table.flush() >= variant.sums && shape.c / shape.g % step == 0;
}

// What a variant takes for 1024 multiply-adds of this shape, in vector operations: lanes past the
// last channel of a group work for nothing, and sums of bytes are widened every few steps.
double costOf(const Variant& variant, const ConvShape& shape, const Numbers& numbers) {
  if (variant.countsPlanes())
    return costOfPlanes(shape, planesOf(numbers), variant.way.planes->lanes, variant.operations);
  const Dot& dot = *variant.way.dot;
  const int channels = shape.o / shape.g;
  const double used = double(channels) / roundUp(channels, dot.lanes);
  const double widening = variant.isTable() ? 2.0 / tableOf(numbers, dot.step).flush() : 0;
  return variant.operations * (1 + widening) / used;
}

// The variant of lowest cost among those that `method` allows. Method::planes falls back to
// products where the numbers have no table, and too many planes.
const Variant* variantFor(const ConvShape& shape, const Numbers& numbers, Method method, Isa isa,
                          Features features) {
  const Variant *dot = nullptr, *planes = nullptr;
  for (const Variant& variant : kVariants) {
    if (!runsOn(variant, isa, features) || !fits(variant, shape, numbers)) continue;
    if (variant.countsPlanes() || variant.isTable()) {
      if (planes == nullptr || costOf(variant, shape, numbers) < costOf(*planes, shape, numbers))
        planes = &variant;
    } else if (dot == nullptr || (variant.operations == dot->operations &&
                                  takesAsIs(variant, numbers) && !takesAsIs(*dot, numbers))) {
      dot = &variant;
    }
  }
  if (planes == nullptr || method == Method::dot) return dot;
  if (dot == nullptr || method == Method::planes) return planes;
  return costOf(*planes, shape, numbers) < costOf(*dot, shape, numbers) ? planes : dot;
}

}  // namespace

bool canRun(const ConvShape& shape, const Numbers& numbers) {
  return numbers.weightBits > 0 && sumFits(numbers, shape.window());
}

namespace {

// Reads the zero points of weights; false where there are too few, or a sum could leave int32.
bool readZeros(const Problem& problem, const BuildContext& context, std::vector<int>& zeros) {
  if (problem.zeros < 0) return true;
  const Numbers& n = problem.numbers;
  const uint8_t* bytes = static_cast<const uint8_t*>(context.constant(problem.zeros));
  const size_t count = static_cast<size_t>(problem.shape.o);
  if (bytes == nullptr || context.bufferBytes(problem.zeros) < count) return false;
  Numbers centred = n;
  for (size_t o = 0; o < count; o++) {
    const int zero = n.weightKind == WeightKind::natural ? bytes[o] : static_cast<int8_t>(bytes[o]);
    centred.weightLeast = std::min(centred.weightLeast, n.weightLeast - zero);
    centred.weightMost = std::max(centred.weightMost, n.weightMost - zero);
    zeros.push_back(zero);
  }
  return sumFits(centred, problem.shape.window());
}

// Whether few weights are those of the layer, and no sum of them leaves int32.
bool fewFit(const Problem& problem, const BuildContext& context) {
  if (problem.few < 0) return true;
  const ConvShape& s = problem.shape;
  const Numbers& n = problem.numbers;
  if (problem.scales < 0 || context.bufferBytes(problem.scales) < static_cast<size_t>(s.o) * 8)
    return false;
  const void* table = context.constant(problem.few);
  if (problem.y >= 0 || !isFew(table, context.bufferBytes(problem.few), s.o, s.window()))
    return false;
  const uint32_t* starts = static_cast<const uint32_t*>(table);
  const uint32_t* entries = starts + s.o + 1;
  const int64_t x = std::max(n.xMost() - n.zero, n.zero - n.xLeast());
  for (int o = 0; o < s.o; o++) {
    int64_t sum = 0;
    for (uint32_t i = starts[o]; i < starts[o + 1]; i++)
      sum += x * std::abs(numberOfFew(entries[i]));
    if (sum > INT32_MAX) return false;
  }
  return true;
}

}  // namespace

Claim claimOf(const Problem& problem, const Instruction& instruction, BuildContext& context) {
  const Numbers& n = problem.numbers;
  Claim claim = {false, {nullptr, n.weightBits, n.weightKind, false}, {}};
  if (!canRun(problem.shape, n)) return claim;
  if (problem.method < Method::cheapest || problem.method > Method::dot) return claim;
  if (problem.y >= 0 && instruction.epilogueLength > 0) return claim;
  if (!readZeros(problem, context, claim.zeros) || !fewFit(problem, context)) return claim;
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
           in.field(20), in.field(21), in.field(22), in.field(23)},
          static_cast<Method>(in.field(24)),
          in.field(25),
          in.field(26),
          in.field(27)};
}

std::unique_ptr<WeightPacking> packingFor(const ConvShape& shape, const Numbers& numbers, Isa isa,
                                          Features features, int threads) {
  if (!canRun(shape, numbers)) return nullptr;
  if (isa == Isa::reference)
    return referencePacking(shape.o, shape.kh * shape.kw, shape.c / shape.g, numbers);
  const Variant* variant = variantFor(shape, numbers, Method::dot, isa, features);
  if (variant == nullptr) return nullptr;
  return packingOf(layoutOf(shape, numbers, *variant->way.dot, threads));
}

namespace {

void packConstant(const void* source, void* packed, const void* how) {
  const Layout& layout = *static_cast<const Layout*>(how);
  const WeightSource weights = {static_cast<const uint8_t*>(source), layout.numbers.weightBits,
                                layout.numbers.weightKind, false};
  for (int part = 0; part < static_cast<int>(layout.blocks.size()); part++)
    packBlock(layout, weights, part, static_cast<uint8_t*>(packed));
}

void packPlaneConstant(const void* source, void* packed, const void* how) {
  const PlaneLayout& layout = *static_cast<const PlaneLayout*>(how);
  const WeightSource weights = {static_cast<const uint8_t*>(source), layout.numbers.weightBits,
                                layout.numbers.weightKind, false};
  for (int part = 0; part < static_cast<int>(layout.blocks.size()); part++)
    packPlanes(layout, weights, part, static_cast<uint8_t*>(packed));
}

std::unique_ptr<Step> buildPlanes(const Variant& variant, const Instruction& instruction,
                                  const Problem& problem, BuildContext& context) {
  PlaneLayout layout =
      planeLayoutOf(problem.shape, problem.numbers, *variant.way.planes, context.threads());
  auto packed =
      PackedWeights::of(problem.weights, keyOf(layout).text, static_cast<size_t>(layout.bytes),
                        packPlaneConstant, &layout, context);
  if (packed.empty()) return nullptr;
  return makePlanesStep(variant.name, instruction, problem, std::move(layout), std::move(packed),
                        context.isa());
}

std::unique_ptr<Step> build(const Instruction& instruction, BuildContext& context) {
  Problem problem = problemOf(instruction);
  const ConvShape& shape = problem.shape;
  const Claim claim = claimOf(problem, instruction, context);
  if (!claim.valid) return nullptr;
  if (context.isa() == Isa::reference)
    return makeReference("qconv_reference", instruction, problem, claim);
  if (claim.constant.bytes != nullptr)
    problem.numbers = narrowed(problem.numbers, claim.constant, int64_t{shape.o} * shape.window());
  // Only constants are known to have few enough values, and are worth a table, whose sums do not
  // start from what a pixel's window decides.
  const bool isProduct =
      claim.constant.bytes == nullptr || !claim.zeros.empty() || problem.few >= 0;
  const Method method = isProduct ? Method::dot : problem.method;
  const Variant* variant =
      variantFor(shape, problem.numbers, method, context.isa(), context.features());
  if (variant == nullptr) return nullptr;
  if (variant->countsPlanes()) return buildPlanes(*variant, instruction, problem, context);
  Layout layout = layoutOf(shape, problem.numbers, *variant->way.dot, context.threads());
  auto packed =
      PackedWeights::of(problem.weights, keyOf(layout).text, static_cast<size_t>(layout.bytes),
                        packConstant, &layout, context);
  if (packed.empty()) return nullptr;
  const uint32_t* few =
      static_cast<const uint32_t*>(problem.few < 0 ? nullptr : context.constant(problem.few));
  return makeStep(variant->name, instruction, problem, std::move(layout), std::move(packed),
                  claim.zeros, few, context.isa());
}

}  // namespace
}  // namespace qconv

std::unique_ptr<Step> make_qconv(const Instruction& instruction, BuildContext& context) {
  return qconv::build(instruction, context);
}

}  // namespace bitplane
