// CPU features below the instruction set, and the choice of the first variant that a machine can
// run. Not here: which variants there are (each kernel's table).
#pragma once
#include <cstdint>

#include "cpu/isa.h"

namespace bitplane {

// Bits of cpu/features.inc.
using Features = uint32_t;

enum FeatureIndex : int {
#define BITPLANE_FEATURE(name) kFeature_##name,
#include "cpu/features.inc"
#undef BITPLANE_FEATURE
  kFeatureCount
};

namespace feature {
#define BITPLANE_FEATURE(name) constexpr Features name = Features{1} << kFeature_##name;
#include "cpu/features.inc"
#undef BITPLANE_FEATURE
constexpr Features none = 0;
}  // namespace feature

const char* featureName(int index);

// What this CPU and its operating system have beside an instruction set. Asked once.
Features featuresOf(Isa isa);

// Whether a variant, a row with `isa` and `features`, runs on an instruction set with these
// features.
template <typename Row>
bool runsOn(const Row& row, Isa isa, Features features) {
  return row.isa == isa && (row.features & ~features) == 0;
}

// The first row that does, or null: rows stand with the faster first.
template <typename Row>
const Row* firstFor(const Row* rows, int count, Isa isa, Features features) {
  for (int i = 0; i < count; i++)
    if (runsOn(rows[i], isa, features)) return rows + i;
  return nullptr;
}

}  // namespace bitplane
