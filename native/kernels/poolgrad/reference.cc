// The pool gradients as their definition says, one element at a time: the oracle.
#include <cmath>

#include "kernels/poolgrad/poolgrad.h"

namespace bitplane {
namespace reference {

namespace {

// Sums term(p, q, ky, kx, window) over the windows that have a tap at pixel (i, j).
template <typename Term>
float gathered(const PoolGradPart& part, int j, Term term) {
  const WindowAxis &ys = part.rows->axis, &xs = part.columns->axis;
  float sum = 0;
  for (int p = 0; p < ys.outputs; p++) {
    for (int q = 0; q < xs.outputs; q++) {
      const int ky = ys.tapAt(p, part.i), kx = xs.tapAt(q, j);
      if (ky >= 0 && kx >= 0) sum += term(p, q, ky * xs.taps + kx);
    }
  }
  return sum;
}

float upstream(const PoolGradPart& part, int p, int q, int c) {
  return part.dy[(int64_t{p} * part.columns->axis.outputs + q) * part.c + part.c0 + c];
}

template <typename Term>
void eachElement(const PoolGradPart& part, Term term) {
  for (int i = 0; i < part.count; i++) {
    for (int c = 0; c < part.cn; c++)
      part.out[i * part.ld + c] =
          gathered(part, part.j + i, [&](int p, int q, int tap) { return term(p, q, tap, c); });
  }
}

}  // namespace

void averageGradient(const PoolGradPart& part) {
  eachElement(part, [&](int p, int q, int, int c) {
    return upstream(part, p, q, c) /
           static_cast<float>(part.rows->counts[p] * part.columns->counts[q]);
  });
}

void maximumGradient(const PoolGradPart& part) {
  eachElement(part, [&](int p, int q, int tap, int c) {
    const int64_t kept = int64_t{p % part.kept} * part.columns->axis.outputs + q;
    return part.largest[kept * part.ld + c] == static_cast<float>(tap) ? upstream(part, p, q, c)
                                                                       : 0.0f;
  });
}

void largestOf(const LargestPart& part) {
  const WindowAxis &ys = part.rows->axis, &xs = part.columns->axis;
  for (int q = 0; q < xs.outputs; q++) {
    for (int c = 0; c < part.cn; c++) {
      float most = -INFINITY;
      int tap = -1;
      for (int t = 0; t < ys.taps * xs.taps; t++) {
        const int y = ys.at(part.p, t / xs.taps), x = xs.at(q, t % xs.taps);
        if (y < 0 || y >= ys.size || x < 0 || x >= xs.size) continue;
        const float value = part.x[(int64_t{y} * xs.size + x) * part.c + part.c0 + c];
        if (value != value || (tap >= 0 && value <= most)) continue;
        most = value;
        tap = t;
      }
      part.out[q * part.ld + c] = static_cast<float>(tap);
    }
  }
}

}  // namespace reference
}  // namespace bitplane
