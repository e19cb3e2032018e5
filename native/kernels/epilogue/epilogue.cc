// Chooses the chain's implementation and decodes chains. Not here: the operations.
#include "kernels/epilogue/epilogue.h"

namespace bitplane {

static_assert(sizeof(ChainStep) == kChainStepInts * sizeof(int32_t),
              "a chain step is encoded verbatim");

#define BITPLANE_CHAIN(isa, name, choose) \
  namespace isa { \
  ChainFn choose(const ChainStep* steps, int length, int channels); \
  }
#include "kernels/epilogue/variants.inc"
#undef BITPLANE_CHAIN

namespace {

struct Variant {
  Isa isa;
  const char* name;
  ChainFn (*choose)(const ChainStep* steps, int length, int channels);
};
constexpr Variant kVariants[] = {
#define BITPLANE_CHAIN(isa, name, choose) {Isa::isa, name, isa::choose},
#include "kernels/epilogue/variants.inc"
#undef BITPLANE_CHAIN
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

ChainFn chainFor(Isa isa, const std::vector<ChainStep>& steps, int channels) {
  return variantFor(isa).choose(steps.data(), static_cast<int>(steps.size()), channels);
}
const char* chainName(Isa isa) { return variantFor(isa).name; }

std::vector<ChainStep> decodeChain(const Instruction& instruction) {
  std::vector<ChainStep> steps(static_cast<size_t>(instruction.chainLength));
  if (!steps.empty())
    std::memcpy(steps.data(), instruction.chain, steps.size() * sizeof(ChainStep));
  return steps;
}

}  // namespace bitplane
