// How a convolution step walks a strip of its plan (plan.h): the copy of the strip with its border,
// and the addresses of the pixels of a block. Baseline code. Not here: arithmetic on values.
#pragma once
#include <algorithm>

#include "kernels/conv/plan.h"

namespace bitplane {

// Copies what the windows of a strip read from map x to `copy`. Outside of x stands `border`;
// `move(from, count, to)` copies elements that follow each other.
template <typename From, typename To, typename Move>
void copyStrip(const ConvPlan& plan, const ConvStrip& strip, const From* x, To* copy, To border,
               Move move) {
  const ConvShape& s = plan.shape;
  const int width = static_cast<int>(plan.pitch / s.c);
  // Column i of the copy is column i - pl of the picture.
  const Span inside = WindowAxis{s.w, width, 1, 1, 1, s.pl}.interior();
  const int rows = s.rows().span(strip.rows), top = s.rows().start(strip.oy);
  for (int i = 0; i < strip.images; i++) {
    for (int r = 0; r < rows; r++) {
      To* out = copy + i * plan.imagePitch + r * plan.pitch;
      const int y = top + r;
      if (y < 0 || y >= s.h) {
        std::fill(out, out + plan.pitch, border);
        continue;
      }
      const From* in = x + (int64_t{strip.image + i} * s.h + y) * s.w * s.c;
      const int64_t before = int64_t{inside.from} * s.c, count = int64_t{inside.count()} * s.c;
      std::fill(out, out + before, border);
      move(in + (before - int64_t{s.pl} * s.c), count, out + before);
      std::fill(out + before + count, out + plan.pitch, border);
    }
  }
}

// Where the first pixel of a strip finds its window, in elements from the map's first.
inline int64_t stripOrigin(const ConvPlan& plan, const ConvStrip& strip) {
  return strip.image * plan.imagePitch + int64_t{strip.oy} * plan.shape.sh * plan.pitch;
}

// Calls visit(pixels, first, count) for each block of pixels of a strip: the number of the block's
// first output pixel, and where each of its windows starts. `origin` is the first pixel's;
// `pixels` has room for plan.pixelBlock addresses.
template <typename T, typename Visit>
void eachPixelBlock(const ConvPlan& plan, const ConvStrip& strip, const T* origin, const T** pixels,
                    Visit visit) {
  const ConvShape& s = plan.shape;
  const int64_t firstPixel = (int64_t{strip.image} * s.oh + strip.oy) * s.ow;
  const int64_t total = int64_t{strip.rows} * s.ow * strip.images;
  const int64_t blocks = ceilDiv<int64_t>(total, plan.pixelBlock);
  const int64_t step = int64_t{s.sw} * s.c;
  const int64_t rowStep = s.sh * plan.pitch - s.ow * step;
  const int64_t imageStep = plan.imagePitch - int64_t{strip.rows} * s.sh * plan.pitch;
  const T* at = origin;
  int x = 0, y = 0;
  for (int64_t b = 0; b < blocks; b++) {
    const int64_t first = total * b / blocks;
    const int count = static_cast<int>(total * (b + 1) / blocks - first);
    for (int i = 0; i < count; i++) {
      pixels[i] = at;
      at += step;
      if (++x == s.ow) {
        x = 0;
        at += rowStep;
        if (++y == strip.rows) y = 0, at += imageStep;
      }
    }
    visit(pixels, firstPixel + first, count);
  }
}

// The part of a plan's chunks that a task computes.
struct ChunkRange {
  int first, end;
};
inline ChunkRange chunksOf(const ConvPlan& plan, int task) {
  const int64_t part = task % plan.chunkTasks, chunks = static_cast<int64_t>(plan.chunks.size());
  return {static_cast<int>(chunks * part / plan.chunkTasks),
          static_cast<int>(chunks * (part + 1) / plan.chunkTasks)};
}

}  // namespace bitplane
