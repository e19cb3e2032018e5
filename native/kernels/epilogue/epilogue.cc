// Chooses the chain's implementation and decodes chains. Not here: the operations.
#include "kernels/epilogue/epilogue.h"

namespace bitplane {

static_assert(sizeof(ChainStep) == kChainStepInts * sizeof(int32_t), "a chain step is encoded verbatim");

#define BITPLANE_CHAIN(isa, name, function)                                                                        \
  namespace isa {                                                                                                  \
  void function(const ChainView&, const Buffers&, float*, int64_t, int64_t, int, int, int);                        \
  }
#include "kernels/epilogue/variants.inc"
#undef BITPLANE_CHAIN

namespace {

struct Variant {
  Isa isa;
  const char* name;
  ChainFn run;
};
constexpr Variant kVariants[] = {
#define BITPLANE_CHAIN(isa, name, function) {Isa::isa, name, isa::function},
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

ChainFn chainFor(Isa isa) { return variantFor(isa).run; }
const char* chainName(Isa isa) { return variantFor(isa).name; }

std::vector<ChainStep> decodeChain(const Instruction& instruction) {
  std::vector<ChainStep> steps(static_cast<size_t>(instruction.chainLength));
  if (!steps.empty()) std::memcpy(steps.data(), instruction.chain, steps.size() * sizeof(ChainStep));
  return steps;
}

}  // namespace bitplane
