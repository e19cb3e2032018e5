// Depthwise convolution, x is 0 outside:
//
//   y[n,oy,ox,c] = epilogue(sum over ky,kx of
//     x[n, oy sh - pt + ky dh, ox sw - pl + kx dw, c] w[c,ky,kx])
//
// It moves more data than it computes, so it has its own loop (kernels/window) instead of the
// convolution's.
#include <cstdio>
#include <cstring>

#include "kernels/conv/conv.h"
#include "kernels/window/step.h"

namespace bitplane {

namespace {

struct PackDepthwise {
  int taps, channels, weightBits;
  int64_t ld;
  int64_t pitch;  // elements from a tap to the next one
};

int64_t pitchOf(int channels) { return roundUp(channels, 16); }

// w[C][KH KW] becomes [KH KW][ld], channels innermost as in x.
void packDepthwise(const void* source, void* packed, const void* how) {
  const PackDepthwise& h = *static_cast<const PackDepthwise*>(how);
  float* out = static_cast<float*>(packed);
  for (int t = 0; t < h.taps; t++) {
    for (int c = 0; c < h.channels; c++)
      out[t * h.ld + c] = weightAt(source, h.weightBits, (int64_t{c} * h.taps + t) * h.pitch);
  }
}

class DepthwisePacking final : public WeightPacking {
 public:
  DepthwisePacking(const ConvShape& s, int weightBits)
      : how_{s.kh * s.kw, s.c, weightBits, pitchOf(s.c), tapPitch(weightBits, 1)} {}
  size_t bytes() const override { return static_cast<size_t>(how_.taps * how_.ld) * 4; }
  int parts() const override { return 1; }
  void pack(int, const void* weights, void* packed) const override {
    std::memset(packed, 0, bytes());
    packDepthwise(weights, packed, &how_);
  }

 private:
  const PackDepthwise how_;
};

}  // namespace

std::unique_ptr<WeightPacking> depthwisePacking(const ConvShape& shape, int weightBits, Isa isa) {
  if (isa == Isa::reference)
    return referencePacking(shape.o, shape.kh * shape.kw, shape.c / shape.g, weightBits);
  return std::make_unique<DepthwisePacking>(shape, weightBits);
}

std::unique_ptr<Step> make_dwconv(const Instruction& in, BuildContext& context) {
  const int weights = in.field(1);
  const int weightBits = in.field(2);
  const int images = in.field(3);
  const Window w = {in.field(4),  in.field(5),  in.field(6),  in.field(7),  in.field(8),
                    in.field(9),  in.field(10), in.field(11), in.field(12), in.field(13),
                    in.field(14), in.field(15), in.field(16)};
  if (context.isa() == Isa::reference) {
    const ConvShape shape = {images, w.h,  w.w,  w.c,  w.oh, w.ow, w.c,  w.kh,
                             w.kw,   w.sh, w.sw, w.dh, w.dw, w.pt, w.pl, w.c};
    const void* constant = context.constant(weights);
    if (constant == nullptr && !context.isPacked(weights)) return nullptr;
    return makeReferenceConv(in, shape, constant, weights, weightBits);
  }
  WindowStepOptions options = {Fold::weighted,  images,       w,         0,
                               PackedWeights(), pitchOf(w.c), Elements()};
  const PackDepthwise how = {w.kh * w.kw, w.c, weightBits, options.weightLd, 1};
  char key[64];
  std::snprintf(key, sizeof key, "dwconv c%d taps%d bits%d", w.c, how.taps, weightBits);
  options.weights =
      PackedWeights::of(weights, key, static_cast<size_t>(how.taps * options.weightLd) * 4,
                        packDepthwise, &how, context);
  if (options.weights.empty()) return nullptr;
  return makeWindowStep(in, options, context);
}

}  // namespace bitplane
