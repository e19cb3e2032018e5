// The convolution by weights of few bits, as its formula says: the oracle.
#include <vector>

#include "kernels/qconv/few.h"
#include "kernels/wconv/wconv.h"

namespace bitplane {
namespace wconv {

std::unique_ptr<Step> referenceStep(const Instruction& instruction, const ConvShape& shape,
                                    const Weights& w, const BuildContext& context) {
  const void* bytes = context.constant(w.buffer);
  if (bytes == nullptr) return nullptr;
  const qconv::WeightSource source = {static_cast<const uint8_t*>(bytes), w.bits, w.kind, false};
  const float* scales =
      w.scales < 0 ? nullptr : static_cast<const float*>(context.constant(w.scales));
  const uint8_t* zeros =
      w.zeros < 0 ? nullptr : static_cast<const uint8_t*>(context.constant(w.zeros));
  const int64_t depth = shape.window();
  std::vector<float> floats(static_cast<size_t>(shape.o * depth));
  for (int64_t i = 0; i < shape.o * depth; i++) {
    const int64_t at = i % depth / w.block * shape.o + i / depth;
    const bool natural = w.kind == qconv::WeightKind::natural;
    const int zero = zeros == nullptr ? 0 : natural ? zeros[at] : static_cast<int8_t>(zeros[at]);
    const float centered = static_cast<float>(source.at(i)) - static_cast<float>(zero);
    floats[static_cast<size_t>(i)] = centered * (scales == nullptr ? 1.0f : scales[at]);
  }
  if (w.few >= 0) {
    const uint32_t* starts = static_cast<const uint32_t*>(context.constant(w.few));
    const float* own = static_cast<const float*>(context.constant(w.fewScales));
    for (int o = 0; o < shape.o; o++) {
      for (uint32_t i = starts[o]; i < starts[o + 1]; i++) {
        const uint32_t entry = starts[shape.o + 1 + i];
        floats[static_cast<size_t>(o * depth + qconv::kOfFew(entry))] +=
            static_cast<float>(qconv::numberOfFew(entry)) * own[o];
      }
    }
  }
  return makeReferenceConvOver(instruction, shape, std::move(floats), "wconv_f32_reference");
}

}  // namespace wconv
}  // namespace bitplane
