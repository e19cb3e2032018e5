// Along the lines of x [outer, k, inner], a line being the k elements of one (outer, inner):
//
//   scan    y = the sum, product, largest or smallest of a line's elements so far, or of all
//   order   y = where the first n elements of a line stand when it is sorted
//
// f32 or int32, whose sums and products wrap. Elements are taken in the line's order, one operation
// each, so the bits are the same everywhere. Plain memory, one variant.
#pragma once
#include "kernels/step.h"

namespace bitplane {

// In the order of SCANS in src/runtime/lower/lines.ts.
enum class ScanKind : int32_t { sum, product, max, min };

std::unique_ptr<Step> make_scan(const Instruction& instruction, BuildContext& context);
std::unique_ptr<Step> make_order(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
