// The sliding window over a SIMD vocabulary, which the including file has chosen. Lanes hold
// channels. Where the whole window lies inside the picture, eight neighbouring pixels share each
// weight; at the border pixels run one by one over the taps that exist, so no picture is ever
// copied for its padding.
#pragma once
#include "kernels/window/three.h"
#include "simd/elements.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

template <typename T>
struct Taps {
  const T* x;  // the first tap of the first pixel, first channel
  Reader<T> reader;
  const float* weights;
  int rows, columns;                       // taps inside the picture
  int64_t rowStep, columnStep, pixelStep;  // elements
  int64_t weightRowStep, weightColumnStep;
  float divisor;
  // divisor is a power of two: multiplying by its inverse gives the same bits, sixteen times as
  // fast
  bool exactInverse;
};

// P pixels x V vectors of channels from c on.
template <Fold F, int P, int V, typename T>
BITPLANE_INLINE void foldTile(const Taps<T>& t, int c, float* out, int64_t ld) {
  const int columns = t.columns;
  const Reader<T> reader = t.reader;
  const int64_t pixelStep = t.pixelStep, columnStep = t.columnStep, weightStep = t.weightColumnStep;
  F32 v[P][V];
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++) v[p][i] = set1(F == Fold::maximum ? -__builtin_inff() : 0.0f);
  }
  for (int row = 0; row < t.rows; row++) {
    const T* x = t.x + row * t.rowStep + c;
    const float* weights = nullptr;
    if (F == Fold::weighted) weights = t.weights + row * t.weightRowStep + c;
    for (int column = 0; column < columns; column++) {
      BITPLANE_UNROLL
      for (int i = 0; i < V; i++) {
        F32 w;
        if (F == Fold::weighted) w = load(weights + i * kLanes);
        BITPLANE_UNROLL
        for (int p = 0; p < P; p++) {
          const F32 a = reader.vector(x + p * pixelStep + i * kLanes);
          if (F == Fold::weighted) v[p][i] = fma(a, w, v[p][i]);
          if (F == Fold::sum) v[p][i] = add(v[p][i], a);
          if (F == Fold::maximum) v[p][i] = larger(a, v[p][i]);
        }
      }
      x += columnStep;
      if (F == Fold::weighted) weights += weightStep;
    }
  }
  BITPLANE_UNROLL
  for (int p = 0; p < P; p++) {
    BITPLANE_UNROLL
    for (int i = 0; i < V; i++) {
      if (F == Fold::sum)
        v[p][i] =
            t.exactInverse ? mul(v[p][i], set1(1.0f / t.divisor)) : div(v[p][i], set1(t.divisor));
      store(out + p * ld + c + i * kLanes, v[p][i]);
    }
  }
}

// Few pixels take more vectors of channels instead: eight sums in flight hide the latency of one.
template <Fold F, int P, typename T>
__attribute__((noinline)) void foldPixels(const Taps<T>& t, int channels, float* out, int64_t ld) {
  constexpr int kVectors = 8 / P;
  int c = 0;
  if constexpr (kVectors > 1) {
    for (; c + kVectors * kLanes <= channels; c += kVectors * kLanes)
      foldTile<F, P, kVectors>(t, c, out, ld);
  }
  for (; c < channels; c += kLanes) foldTile<F, P, 1>(t, c, out, ld);
}

// Neighbouring pixels that see the same taps, P at a time, what is left P / 2 at a time.
template <Fold F, int P, typename T>
BITPLANE_INLINE void foldRun(Taps<T> t, int count, int channels, float* out, int64_t ld) {
  for (; count >= P; count -= P, out += P * ld) {
    foldPixels<F, P>(t, channels, out, ld);
    // A window without a row inside has no address to move.
    t.x += t.rows > 0 ? P * t.pixelStep : 0;
  }
  if constexpr (P > 1) foldRun<F, P / 2>(t, count, channels, out, ld);
}

template <Fold F, typename T>
void foldRow(const Window& w, const WindowPart& part) {
  const int64_t pitch = int64_t{w.w} * w.c;
  const WindowAxis ys = w.rows(), xs = w.columns();
  const Span rows = ys.tapsInside(part.oy), interior = xs.interior();

  const T* x = static_cast<const T*>(part.x);
  Taps<T> t = {x, Reader<T>(part.elements), nullptr, 0, 0, 0, 0, 0, 0, 0, 0, false};
  t.rows = rows.count();
  t.rowStep = w.dh * pitch;
  t.columnStep = int64_t{w.dw} * w.c;
  t.pixelStep = int64_t{w.sw} * w.c;
  t.weightColumnStep = F == Fold::weighted ? part.weightLd : 0;
  t.weightRowStep = t.weightColumnStep * w.kw;
  const int end = part.ox + part.count;
  for (int ox = part.ox; ox < end;) {
    const Span columns = xs.tapsInside(ox);
    t.columns = columns.count();
    // A window without a tap inside reads nothing, so its address must not be formed.
    const bool any = t.rows > 0 && t.columns > 0;
    t.x = any ? x + ys.at(part.oy, rows.from) * pitch + xs.at(ox, columns.from) * int64_t{w.c} +
                    part.c0
              : x;
    if constexpr (F == Fold::weighted)
      t.weights =
          part.weights + rows.from * t.weightRowStep + columns.from * t.weightColumnStep + part.c0;
    const int taps = t.rows * t.columns;
    const int divisor = part.divisor ? part.divisor : (taps ? taps : 1);
    t.divisor = static_cast<float>(divisor);
    t.exactInverse = (divisor & (divisor - 1)) == 0;
    float* out = part.out + (ox - part.ox) * part.ld;
    const int run = interior.has(ox) ? (interior.to < end ? interior.to : end) - ox : 1;
    ox += run;
    foldRun<F, 8>(t, run, part.cn, out, part.ld);
  }
}

void foldSums(const Window& window, const WindowPart& part) {
  switch (part.elements.type) {
    case ElementType::f32:
      return foldRow<Fold::sum, float>(window, part);
    case ElementType::i8:
      return foldRow<Fold::sum, int8_t>(window, part);
    case ElementType::u8:
      return foldRow<Fold::sum, uint8_t>(window, part);
  }
}

}  // namespace

void foldWindow(Fold fold, const Window& window, const WindowPart& part) {
  switch (fold) {
    case Fold::weighted:
      if (isThree(window)) return foldThree(window, part);
      return foldRow<Fold::weighted, float>(window, part);
    case Fold::sum:
      return foldSums(window, part);
    case Fold::maximum:
      return foldRow<Fold::maximum, float>(window, part);
  }
}

}  // namespace BITPLANE_SIMD
}  // namespace bitplane
