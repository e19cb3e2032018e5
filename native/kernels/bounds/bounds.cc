// Times the register-only loops. See bounds.h.
#include "kernels/bounds/bounds.h"

#include <chrono>
#include <cstring>

#include "base/memory.h"
#include "kernels/bounds/loops.h"

namespace bitplane {
namespace {

// the best of several short runs: an interruption only ever lowers a rate
constexpr int kRepeats = 15;
constexpr size_t kStreamBytes = 8 << 20;  // copied per run
constexpr int64_t kRounds = 60000;        // about 0.3 ms

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
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const int64_t done = loop(kRounds, sink);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (done / seconds > best) best = done / seconds;
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
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    for (int k = 0; k < copies; ++k) {
      std::memcpy(to.data(), from.data(), half);
      __asm__ volatile("" : : "r"(to.data()) : "memory");  // each copy must happen
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double rate = 2.0 * static_cast<double>(half) * copies / seconds;
    if (rate > best) best = rate;
  }
  return best;
}

}  // namespace bitplane
