// The reduction as its definition says, sums in double: the oracle.
#include <cmath>

#include "kernels/reduce/reduce.h"

namespace bitplane {
namespace reference {

void reduce(ReduceKind kind, const ReducePart& part) {
  for (int64_t c = 0; c < part.columns; c++) {
    double sum = 0;
    float largest = -INFINITY;
    float smallest = INFINITY;
    for (int64_t i = 0; i < part.k; i++) {
      const float v = part.elements.at(part.x, i * part.inner + c);
      sum += v;
      if (largest < v) largest = v;
      if (v < smallest) smallest = v;
    }
    if (kind == ReduceKind::mean) part.y[c] = static_cast<float>(sum / static_cast<double>(part.k));
    if (kind == ReduceKind::sum) part.y[c] = static_cast<float>(sum);
    if (kind == ReduceKind::maximum) part.y[c] = largest;
    if (kind == ReduceKind::minimum) part.y[c] = smallest;
  }
}

}  // namespace reference
}  // namespace bitplane
