// Chooses the chain's implementation and decodes chains. Not here: the operations.
#include "kernels/epilogue/epilogue.h"

#include <algorithm>

namespace bitplane {

static_assert(sizeof(ChainStep) == kChainStepInts * sizeof(int32_t), "a chain step is encoded verbatim");

#define BITPLANE_CHAIN(isa, name, choose)                                  \
  namespace isa {                                                          \
  ChainFn choose(const ChainStep* steps, int length, int channels);        \
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

void prefetchMaps(const std::vector<ChainStep>& steps, const Buffers& buffers, int channels, int64_t pixel, int rows, int c0, int cn) {
  for (const ChainStep& step : steps) {
    if (step.kind != OperandKind::tensor || step.op == ChainOp::store_bits) continue;
    const int64_t pitch = step.pitch > 0 ? step.pitch : channels;
    const int64_t c = (step.first + c0) % pitch;
    const float* row = buffers.get<const float>(step.buffer) + pixel * pitch + c;
    const int64_t count = std::min<int64_t>(cn, pitch - c);
    for (int r = 0; r < rows; r++, row += pitch) {
      for (int64_t i = 0; i < count; i += 16) __builtin_prefetch(row + i, 1);
    }
  }
}

std::vector<ChainStep> decodeChain(const Instruction& instruction) {
  std::vector<ChainStep> steps(static_cast<size_t>(instruction.chainLength));
  if (!steps.empty()) std::memcpy(steps.data(), instruction.chain, steps.size() * sizeof(ChainStep));
  return steps;
}

}  // namespace bitplane
