// The bounds of this machine: rates of register-only loops, with which a kernel's rate is compared
// in the same process. Not here: kernels. Rates are multiply-adds per second on one thread.
#pragma once
#include <cstddef>

#include "cpu/features.h"

namespace bitplane {

// The popcount primitive of an instruction set as its binary convolution uses it, on registers
// alone with 16 (scalar: 4) independent accumulators: scalar xor + shift-and-add popcount; avx2
// vpshufb + vpaddb; avx512 vpxord + vpopcntd + vpaddd; neon eor + cnt + add. 0 for the reference,
// and for an instruction set that this machine or this build lacks.
double popcountBound(Isa isa);

// fp32 multiply-add (mul then add where no fused instruction is used: scalar) with that instruction
// set's widest vectors; the same rules.
double fmaBound(Isa isa);

// Products of integers summed into 32 bits, as the integer convolution does it with these features;
// the same rules. `narrow`: of numbers that are small enough for sums in 16 bits, which are never
// added up here. vnni and dotprod: vpdpbusd, sdot, for all numbers. Without: avx2 and avx512
// vpmaddwd + vpaddd, narrow vpmaddubsw + vpaddw; neon smull + smlal2 + sadalp; scalar plain
// multiplications.
double dotBound(Isa isa, Features features, bool narrow);

// fp32 fused multiply-add with 256-bit vectors: what AVX2 rates are a multiple of.
inline double fmaBound256() { return fmaBound(Isa::avx2); }

// Bytes per second of a copy between two buffers that hold `bytes` together (read and written bytes
// both counted): what kernels that only move or map data are held against. `bytes` should be what
// the kernel touches, so that both live in the same cache.
double streamBound(size_t bytes);

}  // namespace bitplane
