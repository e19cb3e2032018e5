// See table.h.
#include "kernels/qconv/table.h"

namespace bitplane {
namespace qconv {

namespace {

// Calls visit(weight) for every weight that there may be.
template <typename Visit>
void eachWeight(const Numbers& n, Visit visit) {
  const int by = n.weightKind == WeightKind::bipolar ? 2 : 1;
  for (int w = n.weightLeast; w <= n.weightMost; w += by) visit(w);
}

}  // namespace

Table tableOf(const Numbers& n, int step) {
  Table table = {4 / step, n.xBits, n.zero, 0, 0};
  // Two bits of -1 and +1 differ too, but take twice the steps of one.
  if (n.weightBits > table.field || table.bits * step > kMostRowBits) return {};
  int least = INT32_MAX, most = INT32_MIN;
  for (int x = n.xLeast(); x <= n.xMost(); x++) {
    eachWeight(n, [&](int w) {
      least = std::min(least, (x - n.zero) * w);
      most = std::max(most, (x - n.zero) * w);
    });
  }
  table.least = step * least;
  table.most = step * (most - least);
  return table.most <= 255 ? table : Table{};
}

std::vector<uint8_t> entriesOf(const Table& table, const Numbers& n) {
  const int step = table.step(), mask = (1 << table.bits) - 1;
  std::vector<int> x(mask + 1), w(size_t{1} << table.field);
  for (int value = n.xLeast(); value <= n.xMost(); value++)
    x[(value - n.zero) & mask] = value - n.zero;
  eachWeight(n, [&](int weight) { w[fieldOf(table, n, weight)] = weight; });
  std::vector<uint8_t> entries(static_cast<size_t>(table.rows()) * kRowBytes);
  for (int row = 0; row < table.rows(); row++) {
    for (int index = 0; index < kRowBytes; index++) {
      int sum = -table.least;
      for (int e = 0; e < step; e++)
        sum += x[row >> (e * table.bits) & mask] *
               w[index >> (e * table.field) & ((1 << table.field) - 1)];
      // Indices of weights that there are not hold anything: nothing reads them.
      entries[static_cast<size_t>(row) * kRowBytes + index] = static_cast<uint8_t>(sum);
    }
  }
  return entries;
}

}  // namespace qconv
}  // namespace bitplane
