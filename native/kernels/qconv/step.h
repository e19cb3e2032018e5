// The integer convolution step: turns x into what the tiles multiply, walks the plan, unpacks
// weights. Not here: the choice of a variant (qconv.cc), the walk itself (conv/strip.h).
#pragma once
#include <cstring>

#include "kernels/qconv/weights.h"

namespace bitplane {
namespace qconv {

// Calls f with a 0 of the type in which x is multiplied.
template <typename F>
void withElement(Operand operand, F f) {
  if (operand == Operand::i16)
    f(int16_t{0});
  else if (operand == Operand::u8)
    f(uint8_t{0});
  else
    f(int8_t{0});
}

// Writes the sums of `count` pixels from `first` on, of a chunk's channels, to y.
inline void storeSums(const Problem& problem, const ConvChunk& chunk, const int32_t* sums,
                      int64_t ld, int64_t first, int count, const Buffers& buffers) {
  int32_t* y = buffers.get<int32_t>(problem.y) + first * problem.shape.o + chunk.c0;
  for (int p = 0; p < count; p++, y += problem.shape.o)
    std::memcpy(y, sums + p * ld, static_cast<size_t>(chunk.cn) * 4);
}

std::unique_ptr<Step> makeStep(const char* name, const Instruction& instruction,
                               const Problem& problem, Layout layout, PackedWeights weights,
                               const std::vector<int>& zeros, const uint32_t* few, Isa isa);

}  // namespace qconv
}  // namespace bitplane
