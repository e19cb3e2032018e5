// The epilogue alone: y = epilogue(float(x)), x [N, HW, C] of f32, i32 (rounded to the nearest
// float), i8, u8 or bits (1 = -1).
#pragma once
#include "kernels/epilogue/epilogue.h"

namespace bitplane {

enum class MapInput : int32_t { f32, i32, b1, i8, u8 };

// Bytes of an element that is no bit.
inline int64_t elementBytes(MapInput type) {
  return type == MapInput::f32 || type == MapInput::i32 ? 4 : 1;
}

// Elements [first, first + n) of x, no bits, as floats.
void convertToFloat(MapInput type, const void* x, int64_t first, int64_t n, float* out);

// Pictures have 3 channels, of which a vector of 16 would waste 13. Where an epilogue allows it, 64
// pixels are taken as one of 64 C channels.
bool isNarrow(const Instruction& instruction);
std::unique_ptr<Step> makeNarrowMap(const Instruction& instruction, const BuildContext& context);

std::unique_ptr<Step> make_map(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
