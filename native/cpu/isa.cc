// CPU detection. On x86-64 it executes cpuid itself, because the compiler's __builtin_cpu_supports
// reads a table that not every system's run-time library has.
#include "cpu/isa.h"

#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "cpu/cpuid.h"

namespace bitplane {

namespace {
constexpr const char* kNames[kIsaCount] = {"reference", "scalar", "avx2", "avx512", "neon"};

#if defined(__x86_64__)
// Bits of cpuid's answers (Intel's manual, volume 2A; AMD's, volume 3).
constexpr uint32_t kFma = 1u << 12, kPopcnt = 1u << 23, kOsxsave = 1u << 27;  // leaf 1, ecx
constexpr uint32_t kBmi1 = 1u << 3, kAvx2 = 1u << 5, kBmi2 = 1u << 8;         // leaf 7, ebx
// F, DQ, CD, BW, VL: leaf 7, ebx
constexpr uint32_t kAvx512 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
constexpr uint32_t kVpopcntdq = 1u << 14;  // leaf 7, ecx
// leaf 0x80000001, ecx
constexpr uint32_t kLzcnt = 1u << 5;
// Registers that the operating system keeps for each thread (XCR0).
constexpr uint32_t kYmm = 0x6, kZmm = 0xe6;

constexpr bool has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

// Callable only if cpuid says kOsxsave.
uint32_t keptRegisters() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
#if defined(__APPLE__)
  // macOS enables the 512-bit registers at a thread's first use of them, and XCR0 lacks them
  // before.
  if (has(low, kYmm)) low |= kZmm;
#endif
  return low;
}

bool detectAvx2() {
  const uint32_t basic = cpuid(1).ecx;
  return has(basic, kFma | kPopcnt | kOsxsave) && has(cpuid(7).ebx, kBmi1 | kAvx2 | kBmi2) &&
         has(cpuid(0x80000001).ecx, kLzcnt) && has(keptRegisters(), kYmm);
}

bool detectAvx512() {
  const CpuidLeaf extended = cpuid(7);
  return detectAvx2() && has(extended.ebx, kAvx512) && has(extended.ecx, kVpopcntdq) &&
         has(keptRegisters(), kZmm);
}
#endif
}  // namespace

const char* isaName(Isa isa) { return kNames[static_cast<int>(isa)]; }

bool isaFromName(const char* name, Isa* out) {
  for (int i = 0; i < kIsaCount; i++) {
    if (std::strcmp(name, kNames[i]) == 0) {
      *out = static_cast<Isa>(i);
      return true;
    }
  }
  return false;
}

bool isaSupported(Isa isa) {
  switch (isa) {
    case Isa::reference:
    case Isa::scalar:
      return true;
#if defined(__x86_64__)
    // The CPU is asked once: in a virtual machine each question can take microseconds.
    case Isa::avx2: {
      static const bool avx2 = detectAvx2();
      return avx2;
    }
    case Isa::avx512: {
      static const bool avx512 = detectAvx512();
      return avx512;
    }
#elif defined(__aarch64__)
    case Isa::neon:
      return true;
#endif
    default:
      return false;
  }
}

Isa bestIsa() {
  for (Isa isa : {Isa::avx512, Isa::avx2, Isa::neon})
    if (isaSupported(isa)) return isa;
  return Isa::scalar;
}

}  // namespace bitplane
