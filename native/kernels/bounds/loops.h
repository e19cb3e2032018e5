// The loops behind bounds.h, one set an instruction set, and one loop a feature. Each runs `rounds`
// rounds on registers and returns the multiply-adds done. `sink` receives a value that depends on
// every accumulator, so that nothing is optimised away.
#pragma once
#include <cstdint>

namespace bitplane {
namespace bounds {

struct Loops {
  int64_t (*popcount)(int64_t rounds, void* sink);
  int64_t (*fma)(int64_t rounds, void* sink);
  // integers of 8 x 8 bits, and of so few that sums of products fit 16 bits
  int64_t (*bytes)(int64_t rounds, void* sink);
  int64_t (*narrow)(int64_t rounds, void* sink);
};
using Loop = int64_t (*)(int64_t rounds, void* sink);
namespace scalar {
extern const Loops loops;
}
namespace avx2 {
extern const Loops loops;
extern const Loop vnni;
}  // namespace avx2
namespace avx512 {
extern const Loops loops;
extern const Loop vnni;
}  // namespace avx512
namespace neon {
extern const Loops loops;
extern const Loop sdot;
}  // namespace neon

}  // namespace bounds
}  // namespace bitplane
