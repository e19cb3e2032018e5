// Compiler hints used by the vocabularies and the loops over them.
// Not here: anything that changes a result.
#pragma once

#define BITPLANE_INLINE inline __attribute__((always_inline))
#define BITPLANE_UNROLL _Pragma("GCC unroll 16")
