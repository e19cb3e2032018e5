// The question to an x86-64 CPU what it has; see isa.cc for why no library is asked. Not here: what
// the answers mean.
#pragma once
#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>

namespace bitplane {

struct CpuidLeaf {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zeros where the CPU has no such leaf.
inline CpuidLeaf cpuid(uint32_t leaf, uint32_t part = 0) {
  CpuidLeaf l;
  __get_cpuid_count(leaf, part, &l.eax, &l.ebx, &l.ecx, &l.edx);
  return l;
}

}  // namespace bitplane
#endif
