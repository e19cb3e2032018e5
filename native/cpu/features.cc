// Detection of features. On ARM the operating system is asked, because user programs may not read
// the registers that say it.
#include "cpu/features.h"

#include "cpu/cpuid.h"
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__aarch64__) && defined(_WIN32)
#include <windows.h>
#endif

namespace bitplane {

namespace {

constexpr const char* kNames[kFeatureCount] = {
#define BITPLANE_FEATURE(name) #name,
#include "cpu/features.inc"
#undef BITPLANE_FEATURE
};

#if defined(__x86_64__)

Features detect(Isa isa) {
  // Intel's manual, volume 2A: AVX512_VNNI is leaf 7 part 0, ecx; AVX-VNNI part 1, eax. Part 1 is
  // there where part 0 says so in eax.
  constexpr uint32_t kAvx512Vnni = 1u << 11, kAvxVnni = 1u << 4;
  const CpuidLeaf leaf = cpuid(7);
  if (isa == Isa::avx512 && (leaf.ecx & kAvx512Vnni) != 0) return feature::vnni;
  if (isa == Isa::avx2 && leaf.eax >= 1 && (cpuid(7, 1).eax & kAvxVnni) != 0) return feature::vnni;
  return feature::none;
}

#elif defined(__aarch64__)

#if defined(__linux__)
// Bits of the kernel's arch/arm64/include/uapi/asm/hwcap.h, which older headers lack.
bool hasDotprod() { return (getauxval(AT_HWCAP) & 1ul << 20) != 0; }
bool hasI8mm() { return (getauxval(AT_HWCAP2) & 1ul << 13) != 0; }
#elif defined(__APPLE__)
bool says(const char* name) {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}
bool hasDotprod() { return says("hw.optional.arm.FEAT_DotProd"); }
bool hasI8mm() { return says("hw.optional.arm.FEAT_I8MM"); }
#elif defined(_WIN32)
// Windows' PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE and PF_ARM_V82_I8MM_INSTRUCTIONS_AVAILABLE, which
// older headers lack.
bool hasDotprod() { return IsProcessorFeaturePresent(43) != 0; }
bool hasI8mm() { return IsProcessorFeaturePresent(66) != 0; }
#else
bool hasDotprod() { return false; }
bool hasI8mm() { return false; }
#endif

Features detect(Isa isa) {
  if (isa != Isa::neon) return feature::none;
  return (hasDotprod() ? feature::dotprod : feature::none) |
         (hasI8mm() ? feature::i8mm : feature::none);
}

#else

Features detect(Isa) { return feature::none; }

#endif

}  // namespace

const char* featureName(int index) { return kNames[index]; }

Features featuresOf(Isa isa) {
  // In a virtual machine each question can take microseconds.
  struct All {
    Features of[kIsaCount];
    All() : of() {
      for (int i = 0; i < kIsaCount; i++) {
        const Isa isa = static_cast<Isa>(i);
        of[i] = isaSupported(isa) ? detect(isa) : feature::none;
      }
    }
  };
  static const All all;
  return all.of[static_cast<int>(isa)];
}

}  // namespace bitplane
