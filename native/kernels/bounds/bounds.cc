// Times the register-only loops. See bounds.h.
#include "kernels/bounds/bounds.h"

#include <chrono>
#include <cstring>

#include "base/memory.h"
#include "kernels/bounds/loops.h"

namespace bitplane {
namespace {

using Clock = std::chrono::steady_clock;

// The best of several short runs: an interruption only ever lowers a rate. All runs together take
// at least as long as those of a kernel (src/runtime/kernel-bench.ts): the core that measures has
// slept while another one ran the kernel, and needs milliseconds to reach its highest clock.
constexpr int kRepeats = 15;
constexpr double kSeconds = 0.06;
constexpr size_t kStreamBytes = 8 << 20;  // copied per run
constexpr int64_t kRounds = 60000;        // 0.1 to 0.5 ms

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const bounds::Loops* loopsOf(Isa isa) {
  if (!isaSupported(isa)) return nullptr;
  switch (isa) {
    case Isa::scalar:
      return &bounds::scalar::loops;
#if defined(__x86_64__)
    case Isa::avx2:
      return &bounds::avx2::loops;
    case Isa::avx512:
      return &bounds::avx512::loops;
#elif defined(__aarch64__)
    case Isa::neon:
      return &bounds::neon::loops;
#endif
    default:
      return nullptr;
  }
}

double rate(int64_t (*loop)(int64_t, void*)) {
  alignas(64) unsigned char sink[64];
  double best = 0;
  const auto begin = Clock::now();
  for (int i = 0; i < kRepeats || secondsSince(begin) < kSeconds; ++i) {
    const auto start = Clock::now();
    const int64_t done = loop(kRounds, sink);
    const double found = static_cast<double>(done) / secondsSince(start);
    if (found > best) best = found;
  }
  return best;
}

}  // namespace

double popcountBound(Isa isa) {
  const bounds::Loops* loops = loopsOf(isa);
  return loops ? rate(loops->popcount) : 0;
}

double fmaBound(Isa isa) {
  const bounds::Loops* loops = loopsOf(isa);
  return loops ? rate(loops->fma) : 0;
}

double dotBound(Isa isa, Features features, bool narrow) {
  const bounds::Loops* loops = loopsOf(isa);
  if (!loops) return 0;
  features &= featuresOf(isa);
#if defined(__x86_64__)
  if (features & feature::vnni)
    return rate(isa == Isa::avx512 ? bounds::avx512::vnni : bounds::avx2::vnni);
#elif defined(__aarch64__)
  if (features & feature::dotprod) return rate(bounds::neon::sdot);
#endif
  return rate(narrow ? loops->narrow : loops->bytes);
}

double streamBound(size_t bytes) {
  const size_t half = bytes / 2;
  if (half == 0) return 0;
  const Block from(half), to(half);
  const int copies = static_cast<int>(kStreamBytes / half) + 1;
  double best = 0;
  const auto begin = Clock::now();
  for (int i = 0; i < kRepeats || secondsSince(begin) < kSeconds; ++i) {
    const auto start = Clock::now();
    for (int k = 0; k < copies; ++k) {
      std::memcpy(to.data(), from.data(), half);
      __asm__ volatile("" : : "r"(to.data()) : "memory");  // each copy must happen
    }
    const double found = 2.0 * static_cast<double>(half) * copies / secondsSince(start);
    if (found > best) best = found;
  }
  return best;
}

}  // namespace bitplane
