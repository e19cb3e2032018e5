// The tables of a PoolAxis, which a step makes and keeps. Baseline code only.
#pragma once
#include <algorithm>
#include <vector>

#include "kernels/poolgrad/poolgrad.h"

namespace bitplane {

class AxisTables {
 public:
  // after: the padding behind the picture.
  AxisTables(const WindowAxis& axis, int after, bool countsPadding) : axis_(axis) {
    for (int i = 0; i < axis.size; i++) outputs_.push_back(axis.outputsOf(i));
    for (int o = 0; o < axis.outputs; o++) {
      taps_.push_back(axis.tapsInside(o));
      // A window that hangs over the end of the padding covers fewer cells than it has taps.
      const int cells = (axis.size + after - axis.start(o) - 1) / axis.dilation + 1;
      counts_.push_back(countsPadding ? std::min(axis.taps, cells) : taps_.back().count());
    }
  }

  PoolAxis view() const { return {axis_, outputs_.data(), taps_.data(), counts_.data()}; }
  Span outputsOf(int64_t i) const { return outputs_[static_cast<size_t>(i)]; }
  // Windows that an input lies between at most: rows of largest elements that are kept.
  int mostOutputs() const {
    int most = 1;
    for (const Span& span : outputs_) most = std::max(most, span.count());
    return most;
  }
  size_t bytes() const {
    return (outputs_.size() + taps_.size()) * sizeof(Span) + counts_.size() * sizeof(int);
  }

 private:
  WindowAxis axis_;
  std::vector<Span> outputs_, taps_;
  std::vector<int> counts_;
};

}  // namespace bitplane
