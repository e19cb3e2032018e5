// Packs weights from their disk form and derives the per-class integers. See weights.h for the
// algebra.
#include "kernels/bconv/weights.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace bitplane {
namespace bconv {
namespace {

struct Recipe {
  const Plan* plan;
  const Kernel* kernel;
  int64_t pitch;  // bits from a tap's channels to the next tap's: no gaps on disk, words in memory
};

int64_t memoryPitch(const Problem& p) { return 64 * int64_t{p.groupWords()}; }

// Word `word` of the taps from `tap` on of output o that a prepared pixel holds.
uint64_t joinedWord(const Recipe& recipe, const uint8_t* source, int64_t o, int64_t tap, int word) {
  const Plan& plan = *recipe.plan;
  const int64_t taps = int64_t{plan.problem.kh} * plan.problem.kw;
  uint64_t bits = 0;
  for (int i = 0; i < plan.taps; ++i) {
    const int64_t first = (o * taps + tap + i) * recipe.pitch;
    bits |= plan.placed(bitsAt(source, first, plan.problem.groupChannels()), i, word);
  }
  return bits;
}

void packSpan(const Recipe& recipe, const OutputSpan& span, const void* source, void* packed) {
  const Plan& plan = *recipe.plan;
  const Problem& p = plan.problem;
  const int64_t taps = int64_t{p.kh} * p.kw, words = plan.pixelWords(),
                channels = p.groupChannels();
  for (int lane = 0; lane < span.count; ++lane) {
    for (int64_t tap = 0; tap < taps; tap += plan.taps) {
      for (int64_t word = 0; word < words; ++word) {
        const auto* bytes = static_cast<const uint8_t*>(source);
        const int64_t o = span.first + lane;
        const int64_t first = (o * taps + tap) * recipe.pitch + 64 * word;
        const int count = static_cast<int>(std::min<int64_t>(64, channels - 64 * word));
        const uint64_t bits = plan.taps > 1
                                  ? joinedWord(recipe, bytes, o, tap, static_cast<int>(word))
                                  : bitsAt(bytes, first, count);
        recipe.kernel->pack(static_cast<uint8_t*>(packed) + span.weightBytes,
                            tap / plan.taps * words + word, plan.words(), lane, span.lanes, bits);
      }
    }
  }
}

// Into fresh memory, which is zero.
void packAll(const void* source, void* packed, const void* how) {
  const Recipe& recipe = *static_cast<const Recipe*>(how);
  for (const OutputSpan& span : recipe.plan->spans) packSpan(recipe, span, source, packed);
}

// Sum of the weights of one tap over its channels, +1 or -1 each.
int32_t tapSum(const uint8_t* weights, int64_t firstBit, int channels) {
  int32_t ones = 0;
  for (int c = 0; c < channels; c += 64)
    ones += __builtin_popcountll(bitsAt(weights, firstBit + c, std::min(64, channels - c)));
  return channels - 2 * ones;
}

}  // namespace

int64_t baseStride(const Plan& plan) { return roundUp(plan.problem.o, 64) + 64; }

namespace {

// The bases of output o with a border of zeros, from row 0 of the classes on.
void basesOf(const Plan& plan, const uint8_t* weights, int64_t pitch, int o, int32_t* base) {
  const Problem& p = plan.problem;
  const int taps = p.kh * p.kw;
  const int64_t stride = baseStride(plan);
  for (int row = 0; row < plan.classes(); ++row)
    base[row * stride + o] = static_cast<int32_t>(p.terms());
  for (int tap = 0; tap < taps; ++tap) {
    const int64_t first = (int64_t{o} * taps + tap) * pitch;
    const int32_t sum = tapSum(weights, first, p.groupChannels());
    int32_t* value = base + o;
    for (const Span& ys : plan.rowClasses) {
      for (const Span& xs : plan.columnClasses) {
        if (!ys.has(tap / p.kw) || !xs.has(tap % p.kw)) *value -= sum;
        value += stride;
      }
    }
  }
}

bool zeroBorder(const Plan& plan) { return plan.problem.padding == Padding::zero; }

// Of the packed form of weights that a run computes, their bases included.
size_t wholeBytes(const Plan& plan) {
  const int64_t bases = zeroBorder(plan) ? plan.classes() * baseStride(plan) * 4 : 0;
  return static_cast<size_t>(basesAt(plan) + bases);
}

class SegmentedPacking final : public WeightPacking {
 public:
  SegmentedPacking(Plan plan, const Kernel& kernel)
      : plan_(std::move(plan)), recipe_{&plan_, &kernel, memoryPitch(plan_.problem)} {}
  size_t bytes() const override { return wholeBytes(plan_); }
  int parts() const override { return static_cast<int>(plan_.spans.size()); }
  void pack(int part, const void* weights, void* packed) const override {
    const OutputSpan& span = plan_.spans[part];
    auto* bytes = static_cast<uint8_t*>(packed);
    const bool last = part + 1 == parts();
    const int64_t end = last ? plan_.packedBytes : plan_.spans[part + 1].weightBytes;
    std::memset(bytes + span.weightBytes, 0, static_cast<size_t>(end - span.weightBytes));
    packSpan(recipe_, span, weights, packed);
    if (!zeroBorder(plan_)) return;
    auto* base = reinterpret_cast<int32_t*>(bytes + basesAt(plan_));
    for (int o = span.first; o < span.first + span.count; ++o)
      basesOf(plan_, static_cast<const uint8_t*>(weights), recipe_.pitch, o, base);
    // The lanes past the last output are computed, and never read.
    if (!last) return;
    for (int row = 0; row < plan_.classes(); ++row) {
      for (int64_t o = plan_.problem.o; o < baseStride(plan_); ++o)
        base[row * baseStride(plan_) + o] = 0;
    }
  }

 private:
  const Plan plan_;
  const Recipe recipe_;
};

}  // namespace

PackedWeights packedWeights(const Plan& plan, const Kernel& kernel, const char* name,
                            BuildContext& context) {
  const Problem& p = plan.problem;
  char key[160];
  std::snprintf(key, sizeof key, "%s o%d kh%d kw%d c%d g%d", name, p.o, p.kh, p.kw, p.c, p.g);
  const Recipe recipe{&plan, &kernel, p.groupChannels()};
  if (context.isPacked(p.weights) && context.bufferBytes(p.weights) < wholeBytes(plan)) return {};
  return PackedWeights::of(p.weights, key, static_cast<size_t>(plan.packedBytes), packAll, &recipe,
                           context);
}

int64_t basesAt(const Plan& plan) { return roundUp<int64_t>(plan.packedBytes, kAlign); }

std::unique_ptr<WeightPacking> weightPacking(Plan plan, const Kernel& kernel) {
  return std::make_unique<SegmentedPacking>(std::move(plan), kernel);
}

std::vector<int32_t> bases(const Plan& plan, const uint8_t* weights) {
  const Problem& p = plan.problem;
  std::vector<int32_t> base(plan.classes() * baseStride(plan), static_cast<int32_t>(p.terms()));
  if (!zeroBorder(plan)) return base;
  for (int o = 0; o < p.o; ++o) basesOf(plan, weights, p.groupChannels(), o, base.data());
  return base;
}

Thresholds thresholdsFor(const Plan& plan, const Kernel& kernel, const std::vector<int32_t>& base,
                         const int32_t* constant) {
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
        const int64_t twice = int64_t{base[row * baseStride(plan) + o]} - constant[o];
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
