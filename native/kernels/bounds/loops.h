// The loops behind bounds.h, one pair an instruction set. Each runs `rounds` rounds on registers
// and returns the multiply-adds done. `sink` receives a value that depends on every accumulator, so
// that nothing is optimised away.
#pragma once
#include <cstdint>

namespace bitplane {
namespace bounds {

struct Loops {
  int64_t (*popcount)(int64_t rounds, void* sink);
  int64_t (*fma)(int64_t rounds, void* sink);
};
namespace scalar {
extern const Loops loops;
}
namespace avx2 {
extern const Loops loops;
}
namespace avx512 {
extern const Loops loops;
}
namespace neon {
extern const Loops loops;
}

}  // namespace bounds
}  // namespace bitplane
