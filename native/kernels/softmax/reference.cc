// Softmax in double: the oracle.
#include <cmath>
#include <vector>

#include "kernels/softmax/softmax.h"

namespace bitplane {
namespace reference {

void softmax(const float* x, float* y, int64_t c) {
  double largest = -INFINITY;
  for (int64_t i = 0; i < c; i++) largest = largest < x[i] ? static_cast<double>(x[i]) : largest;
  std::vector<double> e(static_cast<size_t>(c));
  double sum = 0;
  for (int64_t i = 0; i < c; i++) sum += e[i] = std::exp(x[i] - largest);
  for (int64_t i = 0; i < c; i++) y[i] = static_cast<float>(e[i] / sum);
}

}  // namespace reference
}  // namespace bitplane
