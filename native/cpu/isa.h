// The instruction sets that kernels are written for, and which of them this machine runs.
// Not here: choosing a kernel (each kernel's variant table does that when a program is built).
#pragma once

namespace bitplane {

enum class Isa : int {
  reference,  // the readable oracles; for tests, never chosen by itself
  scalar,     // plain C++, any CPU
  avx2,       // AVX2 + FMA + BMI + BMI2 + POPCNT + LZCNT
  avx512,     // AVX-512 F + BW + VL + VPOPCNTDQ (with DQ and CD, which every such CPU has)
  neon,       // armv8.0 Advanced SIMD
};
constexpr int kIsaCount = 5;

const char* isaName(Isa isa);
bool isaSupported(Isa isa);  // by this CPU and its operating system
Isa bestIsa();               // the fastest supported one
bool isaFromName(const char* name, Isa* out);

}  // namespace bitplane
