// The convolution by fields of fused words, as its formula says: the oracle.
#include <cstring>
#include <vector>

#include "kernels/fconv/fconv.h"

namespace bitplane {
namespace fconv {

namespace {

float floatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

}  // namespace

std::unique_ptr<Step> referenceStep(const Instruction& instruction, const ConvShape& shape,
                                    const Weights& w, const BuildContext& context) {
  const auto bytesOf = [&](int buffer) {
    return buffer < 0 ? nullptr : static_cast<const uint8_t*>(context.constant(buffer));
  };
  const Codes codes = {bytesOf(w.buffer), w.bits}, noise = {bytesOf(w.noise), w.noiseBits};
  const float* scales = reinterpret_cast<const float*>(bytesOf(w.scales));
  const float* values = reinterpret_cast<const float*>(bytesOf(w.values));
  if (codes.bytes == nullptr || (w.values >= 0 && values == nullptr) ||
      (w.scales >= 0 && scales == nullptr) || (w.noise >= 0 && noise.bytes == nullptr))
    return nullptr;
  const int64_t depth = shape.window();
  std::vector<float> floats(static_cast<size_t>(shape.o * depth));
  for (int64_t i = 0; i < shape.o * depth; i++) {
    const uint32_t code = codes.at(i), sign = code >> (w.bits - 1);
    float& value = floats[static_cast<size_t>(i)];
    if (w.kind == Kind::mask) {
      value = sign == 1 ? values[i] : 0.0f;
    } else if (w.kind == Kind::signedMask) {
      value = sign == 0 ? 0.0f : (code & 1) == 1 ? -values[i] : values[i];
    } else if (w.kind == Kind::owner) {
      value = code >= 1 && code <= static_cast<uint32_t>(w.tasks) ? values[i] : 0.0f;
    } else if (w.kind == Kind::floatField) {
      uint32_t bits = code << (32 - w.bits);
      if (noise.bytes != nullptr) {
        const int below = w.noiseBits - kSignAndExponent;
        const uint32_t payload = noise.at(i) & ((uint32_t{1} << below) - 1);
        bits |= payload << (32 - w.bits - below);
      }
      value = floatOfBits(bits);
    } else {
      const int64_t k = i % depth;
      const int64_t group = k / w.row * ceilDiv(w.row, w.block) + k % w.row / w.block;
      const uint32_t payload = code & ((uint32_t{1} << (w.bits - 1)) - 1);
      const float magnitude = static_cast<float>(payload) * scales[group * shape.o + i / depth];
      value = sign == 1 ? -magnitude : magnitude;
    }
  }
  return makeReferenceConvOver(instruction, shape, std::move(floats), "fconv_f32_reference");
}

}  // namespace fconv
}  // namespace bitplane
