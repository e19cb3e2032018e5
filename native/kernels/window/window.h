// A window that slides over the pixels of each channel by itself: the loop under depthwise
// convolution and pooling. Plain data, shared by baseline and ISA code. Not here: weights, the
// epilogue, threads (kernels/dwconv, kernels/pool).
//
//   x is [H,W,C]
//   out[p][c] = fold over ky, kx inside the picture of x[oy sh - pt + ky dh, ox sw - pl + kx dw, c]
//
//   weighted: sum of x w, ky then kx, by FMA: the same bits on every ISA that has it;
//             scalar code rounds twice
//   sum:      plain additions, ky then kx, divided by `divisor` or by the number of taps inside;
//             the same bits on every ISA; x may be of bytes that stand for (x - zero) * scale
//             (base/elements.h)
//   maximum:  v = v < x ? x : v from -inf on, so padding and NaN never win;
//             the same bits on every ISA
#pragma once
#include <cstdint>

#include "base/elements.h"
#include "kernels/ahead.h"
#include "kernels/geometry.h"

namespace bitplane {

enum class Fold : int { weighted, sum, maximum };

struct Window {
  int h, w, c, oh, ow, kh, kw, sh, sw, dh, dw, pt, pl;
  BITPLANE_INLINE WindowAxis rows() const { return {h, oh, kh, sh, dh, pt}; }
  BITPLANE_INLINE WindowAxis columns() const { return {w, ow, kw, sw, dw, pl}; }
};

struct WindowPart {
  const void* x;         // the image
  Elements elements;     // of x; floats but for sums
  const float* weights;  // [KH][KW][weightLd], weighted only
  int64_t weightLd;
  int divisor;        // sum only; 0: the taps inside
  int oy, ox, count;  // pixels [ox, ox + count) of row oy
  int c0, cn;         // channels; whole vectors are read and written, so up to 15 more
  float* out;         // [count][ld]
  int64_t ld;
  AheadOf* ahead;  // what is needed soon; some of it may be asked for beside the arithmetic
};

using WindowFn = void (*)(Fold fold, const Window& window, const WindowPart& part);

}  // namespace bitplane
