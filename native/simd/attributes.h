// Compiler hints used by the vocabularies and the loops over them.
// Not here: anything that changes a result.
#pragma once

#define BITPLANE_INLINE inline __attribute__((always_inline))
// Writes a loop out, of at most kUnrolled turns: g++ leaves a longer one a loop, and an array that
// such a loop indexes lies in memory.
#define BITPLANE_UNROLL _Pragma("GCC unroll 16")

namespace bitplane {
constexpr int kUnrolled = 16;
}  // namespace bitplane
