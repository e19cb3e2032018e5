// Chooses the epilogue's implementation and decodes epilogues. Not here: the operations.
#include "kernels/epilogue/epilogue.h"

namespace bitplane {

static_assert(sizeof(EpilogueStep) == kEpilogueStepInts * sizeof(int32_t),
              "an epilogue step is encoded verbatim");

#define BITPLANE_EPILOGUE(isa, name, choose) \
  namespace isa { \
  EpilogueFn choose(const EpilogueStep* steps, int length, int channels); \
  }
#include "kernels/epilogue/variants.inc"
#undef BITPLANE_EPILOGUE

namespace {

struct Variant {
  Isa isa;
  const char* name;
  EpilogueFn (*choose)(const EpilogueStep* steps, int length, int channels);
};
constexpr Variant kVariants[] = {
#define BITPLANE_EPILOGUE(isa, name, choose) {Isa::isa, name, isa::choose},
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

EpilogueFn epilogueFor(Isa isa, const std::vector<EpilogueStep>& steps, int channels) {
  return variantFor(isa).choose(steps.data(), static_cast<int>(steps.size()), channels);
}
const char* epilogueName(Isa isa) { return variantFor(isa).name; }

std::vector<EpilogueStep> decodeEpilogue(const Instruction& instruction) {
  std::vector<EpilogueStep> steps(static_cast<size_t>(instruction.epilogueLength));
  if (!steps.empty())
    std::memcpy(steps.data(), instruction.epilogue, steps.size() * sizeof(EpilogueStep));
  return steps;
}

}  // namespace bitplane
