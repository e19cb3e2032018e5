// The sums of a block as their definitions say, in double: the oracle. The shift may be any number
// near the mean; here it is the block's own mean.
#include <cmath>

#include "kernels/statistics/statistics.h"

namespace bitplane {
namespace reference {

void momentsOf(const BlockPart& part) {
  for (int c = 0; c < part.columns; c++) {
    double sum = 0, first = 0, second = 0;
    for (int64_t r = 0; r < part.rows; r++) sum += part.x[r * part.ld + c];
    const float mean = static_cast<float>(sum / static_cast<double>(part.rows));
    const float shift = std::isfinite(mean) ? mean : 0;
    for (int64_t r = 0; r < part.rows; r++) {
      const double d = double{part.x[r * part.ld + c]} - shift;
      first += d;
      second += d * d;
    }
    part.out[c] = shift;
    part.out[part.outPitch + c] = static_cast<float>(first);
    part.out[2 * part.outPitch + c] = static_cast<float>(second);
  }
}

void normSumsOf(const BlockPart& part) {
  for (int c = 0; c < part.columns; c++) {
    double first = 0, second = 0;
    for (int64_t r = 0; r < part.rows; r++) {
      const double dy = part.dy[r * part.ld + c];
      first += dy;
      second += dy * (double{part.x[r * part.ld + c]} - part.mean[c]);
    }
    part.out[c] = static_cast<float>(first);
    part.out[part.outPitch + c] = static_cast<float>(second);
  }
}

}  // namespace reference
}  // namespace bitplane
