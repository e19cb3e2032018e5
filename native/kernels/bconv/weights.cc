// Packs weights from their disk form and derives the per-class integers. See weights.h for the
// algebra.
#include "kernels/bconv/weights.h"

#include <algorithm>
#include <cstdio>

namespace bitplane {
namespace bconv {
namespace {

struct Recipe {
  const Plan* plan;
  const Kernel* kernel;
};

void packAll(const void* source, void* packed, const void* how) {
  const Recipe& recipe = *static_cast<const Recipe*>(how);
  const Plan& plan = *recipe.plan;
  const Problem& p = plan.problem;
  const int64_t taps = int64_t{p.kh} * p.kw, words = p.groupWords(), channels = p.groupChannels();
  for (const OutputSpan& span : plan.spans) {
    for (int lane = 0; lane < span.count; ++lane) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t word = 0; word < words; ++word) {
          const int64_t first = ((span.first + lane) * taps + tap) * channels + 64 * word;
          const int count = static_cast<int>(std::min<int64_t>(64, channels - 64 * word));
          const uint64_t bits = bitsAt(static_cast<const uint8_t*>(source), first, count);
          recipe.kernel->pack(static_cast<uint8_t*>(packed) + span.weightBytes, tap * words + word,
                              plan.words(), lane, span.lanes, bits);
        }
      }
    }
  }
}

// Sum of the weights of one tap over its channels, +1 or -1 each.
int32_t tapSum(const uint8_t* weights, int64_t firstBit, int channels) {
  int32_t ones = 0;
  for (int c = 0; c < channels; ++c)
    ones += weights[(firstBit + c) / 8] >> ((firstBit + c) % 8) & 1;
  return channels - 2 * ones;
}

}  // namespace

std::shared_ptr<const void> packedWeights(const Plan& plan, const Kernel& kernel, const char* name,
                                          BuildContext& context) {
  const Problem& p = plan.problem;
  char key[160];
  std::snprintf(key, sizeof key, "%s o%d kh%d kw%d c%d g%d", name, p.o, p.kh, p.kw, p.c, p.g);
  const Recipe recipe{&plan, &kernel};
  return context.packed(p.weights, key, static_cast<size_t>(plan.packedBytes), packAll, &recipe);
}

std::vector<int32_t> bases(const Plan& plan, const uint8_t* weights, int64_t stride) {
  const Problem& p = plan.problem;
  std::vector<int32_t> base(plan.classes() * stride, static_cast<int32_t>(p.terms()));
  if (p.padding != Padding::zero) return base;
  const int64_t channels = p.groupChannels();
  std::vector<int32_t> sums(static_cast<size_t>(p.kh) * p.kw);
  for (int o = 0; o < p.o; ++o) {
    for (size_t tap = 0; tap < sums.size(); ++tap) {
      sums[tap] = tapSum(weights, (static_cast<int64_t>(o) * sums.size() + tap) * channels,
                         static_cast<int>(channels));
    }
    int64_t row = 0;
    for (const Span& ys : plan.rowClasses) {
      for (const Span& xs : plan.columnClasses) {
        int32_t& value = base[row++ * stride + o];
        for (int ky = 0; ky < p.kh; ++ky) {
          for (int kx = 0; kx < p.kw; ++kx) {
            if (!ys.has(ky) || !xs.has(kx)) value -= sums[ky * p.kw + kx];
          }
        }
      }
    }
  }
  return base;
}

Thresholds thresholdsFor(const Plan& plan, const Kernel& kernel, const std::vector<int32_t>& base,
                         int64_t stride, const int32_t* constant) {
  const Problem& p = plan.problem;
  const int blocks = bitWords(p.o), classes = plan.classes();
  Thresholds out;
  out.packed.resize(static_cast<size_t>(blocks) * classes * kernel.thresholdBytes + kSlack);
  out.flip.resize(blocks);
  const int32_t never = static_cast<int32_t>(std::min<int64_t>(kernel.maxTerms, INT32_MAX));
  for (int block = 0; block < blocks; ++block) {
    for (int row = 0; row < classes; ++row) {
      int32_t natural[64];
      for (int i = 0; i < 64; ++i) {
        const int o = 64 * block + i;
        natural[i] = never;
        if (o >= p.o) continue;
        const int64_t twice = int64_t{base[row * stride + o]} - constant[o];
        natural[i] = twice < 0 ? -1 : static_cast<int32_t>(std::min<int64_t>(twice / 2, never));
        if (constant[p.o + o]) out.flip[block] |= uint64_t{1} << i;
      }
      kernel.packThresholds(
          natural, out.packed.data() + (int64_t{block} * classes + row) * kernel.thresholdBytes);
    }
  }
  return out;
}

}  // namespace bconv
}  // namespace bitplane
