// Keeps the addon loadable with glibc 2.28, as Node 20 is. A newer system may link it: that linker
// binds to the newest version of each symbol, and that libstdc++, linked in statically, asks for
// further symbols. test/architecture/binary.test.ts checks the outcome. Nothing here is called by
// name; on other C libraries this file is empty.
#include <cstddef>  // defines __GLIBC__

#if defined(__GLIBC__) && (defined(__x86_64__) || defined(__aarch64__))

#if defined(__x86_64__)
#define BITPLANE_FIRST_GLIBC "GLIBC_2.2.5"
#else
#define BITPLANE_FIRST_GLIBC "GLIBC_2.17"
#endif
#define BITPLANE_LOCAL __attribute__((visibility("hidden"), used))

extern "C" {

// Since glibc 2.32. libstdc++ asks it whether std::shared_ptr may count without atomics: never
// here, there are worker threads.
BITPLANE_LOCAL char __libc_single_threaded = 0;

// glibc 2.29 gave these new versions that no longer set errno; the first ones compute the same
// values.
double bitplaneFirstExp(double x);
double bitplaneFirstPow(double x, double y);
__asm__(".symver bitplaneFirstExp, exp@" BITPLANE_FIRST_GLIBC);
__asm__(".symver bitplaneFirstPow, pow@" BITPLANE_FIRST_GLIBC);
// by symbol: the compiler has its own declarations of these names
double bitplaneExp(double x) __asm__("exp");
double bitplanePow(double x, double y) __asm__("pow");
BITPLANE_LOCAL double bitplaneExp(double x) { return bitplaneFirstExp(x); }
BITPLANE_LOCAL double bitplanePow(double x, double y) { return bitplaneFirstPow(x, y); }

}  // extern "C"

#endif
