// CPU detection. AVX state must be enabled by the operating system too, which the compiler's builtins check.
#include "cpu/isa.h"

#include <cstring>
#include <initializer_list>

namespace bitplane {

namespace {
constexpr const char* kNames[kIsaCount] = {"reference", "scalar", "avx2", "avx512", "neon"};
}

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
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
             __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    case Isa::avx512:
      return isaSupported(Isa::avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd") &&
             __builtin_cpu_supports("avx512vpopcntdq");
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
