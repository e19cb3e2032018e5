// A few weights far from all others: integers of 16 bits, in a table beside the weights that they
// are added to. Baseline code. Not here: who adds them (qconv, wconv).
//
//   u32 [o + 1]    where each output's entries begin and end
//   entries        k, a product of the output's window, in the upper 16 bits, ascending; the
//                  integer in the lower
#pragma once
#include <cstddef>
#include <cstdint>

namespace bitplane {
namespace qconv {

inline int kOfFew(uint32_t entry) { return static_cast<int>(entry >> 16); }
inline int numberOfFew(uint32_t entry) { return static_cast<int16_t>(entry & 0xffff); }

// Whether a table of so many bytes is one of a layer: every k in order, within its window.
inline bool isFew(const void* table, size_t bytes, int o, int window) {
  const uint32_t* starts = static_cast<const uint32_t*>(table);
  const size_t outputs = static_cast<size_t>(o);
  if (starts == nullptr || bytes < (outputs + 1) * 4) return false;
  const uint32_t* entries = starts + outputs + 1;
  const size_t room = bytes / 4 - (outputs + 1);
  for (size_t i = 0; i < outputs; i++) {
    if (starts[i] > starts[i + 1] || starts[i + 1] > room) return false;
    for (uint32_t e = starts[i]; e < starts[i + 1]; e++) {
      if (kOfFew(entries[e]) >= window) return false;
      if (e > starts[i] && kOfFew(entries[e]) <= kOfFew(entries[e - 1])) return false;
    }
  }
  return true;
}

}  // namespace qconv
}  // namespace bitplane
