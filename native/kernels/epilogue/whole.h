// Floats to integers, over a SIMD vocabulary, which the including file has chosen: what the integer
// stores of an epilogue write. Not here: which values they are given (generic.h, straight.h).
#pragma once
#include "kernels/epilogue/epilogue.h"
#include "simd/math.h"

namespace bitplane {
namespace BITPLANE_SIMD {
namespace {

// Truncated toward zero and held within [least, most], which are within a byte; NaN gives 0.
BITPLANE_INLINE I32 truncateByte(F32 v, float least, float most) {
  F32 inside = select(less(v, set1(least)), set1(least), v);
  inside = select(less(set1(most), inside), set1(most), inside);
  return truncate(select(isNan(v), set1(0.0f), inside));
}

BITPLANE_INLINE I32 truncateSaturating(F32 v) {
  const Mask above = lessEqual(set1(2147483648.0f), v);
  F32 inside = select(less(v, set1(-2147483648.0f)), set1(-2147483648.0f), v);
  inside = select(above, set1(0.0f), inside);
  inside = select(isNan(v), set1(0.0f), inside);
  return selectInt(above, set1Int(0x7fffffff), truncate(inside));
}

// What a byte of a store holds.
constexpr float leastByte(EpilogueOp op) { return op == EpilogueOp::store_i8 ? -128.0f : 0.0f; }
constexpr float mostByte(EpilogueOp op) { return op == EpilogueOp::store_i8 ? 127.0f : 255.0f; }

// Stores `count` channels from c on, whole vectors, of `rows` pixels of a block. The block is small
// and has just been written, so that a pass of its own costs little.
__attribute__((noinline, unused)) void storeInts(const EpilogueView& epilogue,
                                                 const EpilogueStep& step, const Buffers& buffers,
                                                 const float* block, int64_t ld, int64_t pixel,
                                                 int rows, int64_t c, int count) {
  const int64_t pitch = step.pitch > 0 ? step.pitch : epilogue.channels;
  int* map = buffers.get<int>(step.buffer) + pixel * pitch + step.first + c;
  for (int r = 0; r < rows; r++, block += ld, map += pitch) {
    for (int i = 0; i < count; i += kLanes)
      storeIntN(map + i, truncateSaturating(load(block + i)), kLanes);
  }
}

}  // namespace
}  // namespace BITPLANE_SIMD
}  // namespace bitplane
