// The input gradient's steps and packings: which way a shape takes, and stride 1. Not here: strides
// (strided.cc), depthwise (depthwise_step.cc), arithmetic (kernels/conv/generic.h, generic.h).
#include "kernels/input_gradient/input_gradient.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "kernels/conv/walk.h"
#include "kernels/input_gradient/depthwise_step.h"
#include "kernels/input_gradient/phases.h"
#include "kernels/input_gradient/reference.h"
#include "kernels/input_gradient/strided.h"

namespace bitplane {

namespace input_gradient {
#define BITPLANE_INPUT_GRADIENT(isa, name, depthwise_name) \
  namespace isa { \
  void depthwise(const DepthwisePart& part); \
  }
#include "kernels/input_gradient/variants.inc"
#undef BITPLANE_INPUT_GRADIENT
}  // namespace input_gradient

namespace {

using input_gradient::Phase;
using input_gradient::Phases;

struct Variant {
  Isa isa;
  input_gradient::DepthwiseFn depthwise;
  const char *name, *depthwiseName;
};
constexpr Variant kVariants[] = {
#define BITPLANE_INPUT_GRADIENT(isa, name, depthwise_name) \
  {Isa::isa, input_gradient::isa::depthwise, name, depthwise_name},
#include "kernels/input_gradient/variants.inc"
#undef BITPLANE_INPUT_GRADIENT
};

const Variant& variantFor(Isa isa) {
  for (const Variant& v : kVariants) {
    if (v.isa == isa) return v;
  }
  return kVariants[0];
}

// The convolution of dy that gives dx, where strides are 1.
ConvShape turned(const ConvShape& s) {
  ConvShape shape = s;
  shape.pt = (s.kh - 1) * s.dh - s.pt;
  shape.pl = (s.kw - 1) * s.dw - s.pl;
  return shape;
}

// Weights that are packed in the order of that convolution.
class TurnedStep final : public ConvWalk {
 public:
  TurnedStep(const Instruction& instruction, const ConvPlan& plan, const ConvTiles& tiles,
             PackedWeights weights, const char* name, Isa isa)
      : ConvWalk(instruction, plan, tiles, isa), weights_(std::move(weights)), name_(name) {}
  const char* kernelName() const override { return name_; }

 private:
  const float* panel(int block, int window, const Buffers& buffers, char*) const override {
    return weights_.at<float>(buffers) + floatsBefore(block, window);
  }

  PackedWeights weights_;
  const char* name_;
};

struct PackHow {
  const Phases* phases;
  int weightBits;
};

void packConstant(const void* source, void* packed, const void* how) {
  const PackHow& h = *static_cast<const PackHow*>(how);
  const Phases& phases = *h.phases;
  const int64_t pitch = phases.shape.o / phases.shape.g;
  for (const Phase& phase : phases.phases) {
    for (int b = 0; b < static_cast<int>(phases.cover.blocks.size()); b++)
      phases.packBlock(phase, b, source, h.weightBits, pitch, static_cast<float*>(packed));
  }
}

class PhasesPacking final : public WeightPacking {
 public:
  PhasesPacking(const ConvShape& shape, const ConvTiles& tiles, int weightBits, int threads)
      : phases_(shape, tiles, threads),
        weightBits_(weightBits),
        pitch_(tapPitch(weightBits, shape.o / shape.g)) {}
  size_t bytes() const override { return static_cast<size_t>(phases_.floats()) * 4; }
  int parts() const override { return static_cast<int>(phases_.phases.size()) * blocks(); }
  void pack(int part, const void* weights, void* packed) const override {
    phases_.packBlock(phases_.phases[part / blocks()], part % blocks(), weights, weightBits_,
                      pitch_, static_cast<float*>(packed));
  }

 private:
  int blocks() const { return static_cast<int>(phases_.cover.blocks.size()); }

  const Phases phases_;
  int weightBits_;
  int64_t pitch_;
};

}  // namespace

bool isDepthwiseGradient(const ConvShape& s) { return s.g > 1 && s.g == s.c && s.o == s.c; }

std::unique_ptr<WeightPacking> inputGradientPacking(const ConvShape& shape, int weightBits, Isa isa,
                                                    int threads) {
  if (isa == Isa::reference)
    return referencePacking(shape.c, shape.kh * shape.kw, shape.o / shape.g, weightBits);
  if (isDepthwiseGradient(shape)) return depthwisePacking(shape, weightBits, isa);
  return std::make_unique<PhasesPacking>(shape, tilesFor(isa), weightBits, threads);
}

std::unique_ptr<Step> make_input_gradient(const Instruction& instruction, BuildContext& context) {
  const ConvShape s = decodeConvShape(instruction);
  const int buffer = instruction.field(1), weightBits = instruction.field(2);
  if (context.isa() == Isa::reference) {
    const void* constant = context.constant(buffer);
    if (constant == nullptr && !context.isPacked(buffer)) return nullptr;
    return input_gradient::makeReference(instruction, s, constant, buffer, weightBits);
  }
  const Variant& variant = variantFor(context.isa());
  if (isDepthwiseGradient(s))
    return input_gradient::makeDepthwise(instruction, s, variant.depthwise, variant.depthwiseName,
                                         context);
  const ConvTiles tiles = tilesFor(context.isa());
  auto phases = std::make_shared<Phases>(s, tiles, context.threads());
  const PackHow how = {phases.get(), weightBits};
  char key[128];
  std::snprintf(key, sizeof key, "input_gradient %dx%d o%d c%d g%d k%dx%d s%dx%d d%dx%d bits%d",
                tiles.lanes, tiles.vectors, s.o, s.c, s.g, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw,
                weightBits);
  auto weights = PackedWeights::of(buffer, key, static_cast<size_t>(phases->floats()) * 4,
                                   packConstant, &how, context);
  if (weights.empty()) return nullptr;
  if (s.sh == 1 && s.sw == 1)
    return std::make_unique<TurnedStep>(
        instruction, planConv(turned(s), input_gradient::gradientCuts(tiles), context.threads()),
        tiles, std::move(weights), variant.name, context.isa());
  return input_gradient::makeStrided(instruction, std::move(phases), tiles, std::move(weights),
                                     variant.name, context.isa());
}

}  // namespace bitplane
