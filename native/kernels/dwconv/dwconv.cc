// Depthwise convolution: y[n,oy,ox,c] = epilogue(sum over ky,kx of x[n, oy sh - pt + ky dh, ox sw -
// pl + kx dw, c] w[c,ky,kx]), x is 0 outside. It moves more data than it computes, so it has its
// own loop (kernels/window) instead of the convolution's.
#include <cstdio>

#include "kernels/conv/conv.h"
#include "kernels/window/step.h"

namespace bitplane {

namespace {

struct PackDepthwise {
  int taps, channels, weightBits;
  int64_t ld;
};

// w[C][KH KW] becomes [KH KW][ld], channels innermost as in x.
void packDepthwise(const void* source, void* packed, const void* how) {
  const PackDepthwise& h = *static_cast<const PackDepthwise*>(how);
  float* out = static_cast<float*>(packed);
  for (int t = 0; t < h.taps; t++) {
    for (int c = 0; c < h.channels; c++)
      out[t * h.ld + c] = weightAt(source, h.weightBits, int64_t{c} * h.taps + t);
  }
}

}  // namespace

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
    return makeReferenceConv(in, shape, context.constant(weights), weightBits);
  }
  WindowStepOptions options = {Fold::weighted, images, w, 0, nullptr, roundUp(w.c, 16)};
  const PackDepthwise how = {w.kh * w.kw, w.c, weightBits, options.weightLd};
  char key[64];
  std::snprintf(key, sizeof key, "dwconv c%d taps%d bits%d", w.c, how.taps, weightBits);
  options.weights = context.packed(
      weights, key, static_cast<size_t>(how.taps * options.weightLd) * 4, packDepthwise, &how);
  if (options.weights == nullptr) return nullptr;
  return makeWindowStep(in, options, context);
}

}  // namespace bitplane
