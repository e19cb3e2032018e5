// Binary convolution: reads the instruction, and chooses the variant when the step is built.
// Not here: arithmetic. Variants come from variants.inc alone.
#include "kernels/bconv/bconv.h"

#include "kernels/bconv/reference.h"
#include "kernels/bconv/segmented_step.h"

namespace bitplane {
namespace bconv {

namespace scalar {
extern const Kernel kernel;
}
namespace avx2_lookup {
extern const Kernel kernel;
}
namespace avx512_vpopcnt {
extern const Kernel kernel;
}
namespace neon_cnt {
extern const Kernel kernel;
}

namespace {

std::unique_ptr<Step> build_reference(const Variant&, const Instruction& instruction,
                                      BuildContext& context) {
  return referenceStep(instruction, context);
}

template <const Kernel& kernel>
std::unique_ptr<Step> build_segmented(const Variant& self, const Instruction& instruction,
                                      BuildContext& context) {
  return segmentedStep(self.name, self.isa, kernel, instruction, context);
}

std::unique_ptr<WeightPacking> reference_packing(const Problem& problem, int) {
  return referencePacking(problem);
}

template <const Kernel& kernel>
std::unique_ptr<WeightPacking> segmented_packing(const Problem& problem, int threads) {
  return segmentedPacking(kernel, problem, threads);
}

constexpr Variant kVariants[] = {
#define BITPLANE_BCONV(name, isa, features, build, packing) \
  {#name, Isa::isa, feature::features, build, packing},
#include "kernels/bconv/variants.inc"
#undef BITPLANE_BCONV
};

}  // namespace

const Variant* variants(int* count) {
  *count = static_cast<int>(sizeof kVariants / sizeof kVariants[0]);
  return kVariants;
}

Problem problemOf(const Instruction& instruction) {
  const int32_t* f = instruction.fields;
  return {f[0],  f[1],  f[2],  f[3],  f[4],  f[5],  f[6],
          f[7],  f[8],  f[9],  f[10], f[11], f[12], f[13],
          f[14], f[15], f[16], f[17], f[18], f[19], static_cast<Padding>(f[20])};
}

uint64_t bitsAt(const uint8_t* bytes, int64_t first, int count) {
  uint64_t word = 0;
  const int shift = static_cast<int>(first % 8);
  const int64_t begin = first / 8, end = (first + count + 7) / 8;
  for (int64_t at = begin; at < end; ++at) {
    const int place = static_cast<int>(at - begin) * 8 - shift;
    if (place < 0)
      word |= bytes[at] >> -place;
    else if (place < 64)
      word |= static_cast<uint64_t>(bytes[at]) << place;
  }
  return count < 64 ? word & ((uint64_t{1} << count) - 1) : word;
}

}  // namespace bconv

namespace bconv {

std::unique_ptr<WeightPacking> packingFor(const Problem& problem, Isa isa, Features features,
                                          int threads) {
  for (const Isa choice : {isa, Isa::scalar}) {
    for (const Variant& variant : kVariants) {
      if (!runsOn(variant, choice, features)) continue;
      if (auto packing = variant.packing(problem, threads)) return packing;
    }
  }
  return nullptr;
}

}  // namespace bconv

// The variant of the chosen instruction set, or the scalar one if the counters of the former cannot
// hold so many terms. packingFor chooses alike.
std::unique_ptr<Step> make_bconv(const Instruction& instruction, BuildContext& context) {
  for (const Isa isa : {context.isa(), Isa::scalar}) {
    for (const bconv::Variant& variant : bconv::kVariants) {
      if (!runsOn(variant, isa, context.features())) continue;
      if (auto step = variant.build(variant, instruction, context)) return step;
    }
  }
  return nullptr;
}

}  // namespace bitplane
