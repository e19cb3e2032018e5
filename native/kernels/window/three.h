// Rows of a depthwise convolution whose windows are three neighbouring columns wide, one or two
// pixels apart, over a SIMD vocabulary, which the including file has chosen. A column that is read
// serves up to three outputs: 12 loads in place of 24 for 7 outputs of a row of the window. The
// order of every sum is that of generic.h. Not here: windows of other widths.
#pragma once
#include "kernels/window/window.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

constexpr int kThreePixels = 8;

// Neighbouring outputs of a row, whose columns lie inside the picture but for the first of the
// first output and the last of the last one.
struct Three {
  const float* x;        // the first column of the first output, the first row inside, channel 0
  const float* weights;  // [rows][3][weightLd], of the first row inside
  int rows;
  int64_t rowStep, columnStep;  // floats
  int64_t weightLd;
  bool left, right;  // whether those two columns lie inside
};

// P outputs, S columns apart, of a vector of channels from c on.
template <int P, int S>
BITPLANE_INLINE void threeTile(const Three& t, int c, float* out, int64_t ld) {
  F32 sum[P];
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) sum[p] = set1(0.0f);
  const float* row = t.x + c;
  const float* weights = t.weights + c;
  const int64_t step = t.columnStep;
  for (int r = 0; r < t.rows; r++, row += t.rowStep, weights += 3 * t.weightLd) {
    const F32 w0 = load(weights), w1 = load(weights + t.weightLd),
              w2 = load(weights + 2 * t.weightLd);
    const float* x = row;
    if (t.left) sum[0] = fma(load(x), w0, sum[0]);
    // Output p has its middle column at S p + 1.
    BITPLANE_UNROLL
    for (int column = 1; column < S * (P - 1) + 2; column++) {
      x += step;
      const F32 a = load(x);
      BITPLANE_UNROLL
      for (int p = 0; p < P; p++) {
        if (column - S * p == 0) sum[p] = fma(a, w0, sum[p]);
        if (column - S * p == 1) sum[p] = fma(a, w1, sum[p]);
        if (column - S * p == 2) sum[p] = fma(a, w2, sum[p]);
      }
    }
    x += step;
    if (t.right) sum[P - 1] = fma(load(x), w2, sum[P - 1]);
  }
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) store(out + p * ld + c, sum[p]);
}

template <int P, int S>
__attribute__((noinline)) void threePixels(const Three& of, int channels, float* out, int64_t ld,
                                           AheadOf* ahead) {
  // Copies, which no store can change: so addresses are computed once.
  const Three t = of;
  AheadOf soon = *ahead;
  for (int c = 0; c < channels; c += kLanes) {
    soon.fetch();
    threeTile<P, S>(t, c, out, ld);
  }
  *ahead = soon;
}

using ThreeFn = void (*)(const Three& t, int channels, float* out, int64_t ld, AheadOf* ahead);

template <int P, int S>
BITPLANE_INLINE ThreeFn threeFor(int pixels) {
  if (pixels == P) return threePixels<P, S>;
  if constexpr (P > 1) return threeFor<P - 1, S>(pixels);
  return nullptr;
}

// Whether rows of this window can be computed so.
BITPLANE_INLINE bool isThree(const Window& w) {
  if (w.kw != 3 || w.dw != 1 || w.sw > 2) return false;
  const WindowAxis xs = w.columns();
  const Span inside = xs.interior(), first = xs.tapsInside(0), last = xs.tapsInside(w.ow - 1);
  return inside.from <= 1 && inside.to >= w.ow - 1 && first.from <= 1 && first.to >= 2 &&
         last.from <= 1 && last.to >= 2;
}

// Outputs in tiles of nearly equal size.
void foldThree(const Window& w, const WindowPart& part) {
  const int64_t pitch = int64_t{w.w} * w.c;
  const WindowAxis ys = w.rows(), xs = w.columns();
  const Span rows = ys.tapsInside(part.oy);
  Three t = {};
  t.rows = rows.count();
  t.rowStep = w.dh * pitch;
  t.columnStep = w.c;
  t.weightLd = part.weightLd;
  t.weights = part.weights + (t.rows > 0 ? rows.from * 3 * part.weightLd : 0) + part.c0;
  const float* x = static_cast<const float*>(part.x) + part.c0;
  const float* row = t.rows > 0 ? x + ys.at(part.oy, rows.from) * pitch : x;
  const int tiles = (part.count + kThreePixels - 1) / kThreePixels;
  const int size = part.count / tiles, larger = part.count % tiles;
  for (int i = 0, done = 0; i < tiles; i++) {
    const int count = size + (i < larger ? 1 : 0), ox = part.ox + done;
    t.left = xs.tapsInside(ox).from == 0;
    t.right = xs.tapsInside(ox + count - 1).to == 3;
    // A first column outside is not read, and its address lies one pixel before the map.
    t.x = row + int64_t{xs.start(ox)} * w.c;
    const ThreeFn run =
        w.sw == 1 ? threeFor<kThreePixels, 1>(count) : threeFor<kThreePixels, 2>(count);
    run(t, part.cn, part.out + done * part.ld, part.ld, part.ahead);
    done += count;
  }
}

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
