// Holds native/kernels/geometry.h against its definition, tap by tap, for every small axis. Prints
// each function that is wrong, and exits with their number.
#include "kernels/geometry.h"

#include <cstdio>

using bitplane::Span;
using bitplane::WindowAxis;

namespace {

int wrong = 0;

void expect(bool holds, const char* what, const WindowAxis& a, int i) {
  if (holds) return;
  if (wrong++ < 10)
    std::printf("%s at %d: size %d outputs %d taps %d stride %d dilation %d before %d\n", what, i,
                a.size, a.outputs, a.taps, a.stride, a.dilation, a.before);
}

bool isInside(const WindowAxis& a, int o, int t) {
  const int at = o * a.stride - a.before + t * a.dilation;
  return at >= 0 && at < a.size;
}

void check(const WindowAxis& a) {
  const Span interior = a.interior();
  for (int o = 0; o < a.outputs; o++) {
    const Span inside = a.tapsInside(o);
    int count = 0;
    for (int t = 0; t < a.taps; t++) {
      count += isInside(a, o, t);
      expect(inside.has(t) == isInside(a, o, t), "tapsInside", a, o);
      expect(a.outputsOfTap(t).has(o) == isInside(a, o, t), "outputsOfTap", a, t);
    }
    expect(inside.count() == count, "count of tapsInside", a, o);
    // A border class: taps before `from` lie before the picture, taps from `to` on behind it.
    for (int t = 0; t < inside.from; t++) expect(a.at(o, t) < 0, "tapsInside.from", a, o);
    for (int t = inside.to; t < a.taps; t++) expect(a.at(o, t) >= a.size, "tapsInside.to", a, o);
    expect(interior.has(o) == (count == a.taps), "interior", a, o);
  }
  for (int from = 0; from < a.outputs; from++) {
    for (int to = from; to <= a.outputs; to++) {
      // The rows of the picture between the first tap and the last of these outputs.
      int first = a.size, end = 0;
      for (int i = 0; i < a.size && to > from; i++) {
        if (i < a.start(from) || i > a.at(to - 1, a.taps - 1)) continue;
        first = i < first ? i : first;
        end = i + 1;
      }
      const Span rows = a.inputsOf({from, to});
      expect(rows.count() == (end > first ? end - first : 0), "inputsOf", a, from);
      expect(rows.count() == 0 || (rows.from == first && rows.to == end), "inputsOf", a, from);
    }
    expect(a.span(a.outputs - from) == a.at(a.outputs - 1, a.taps - 1) - a.start(from) + 1, "span",
           a, from);
  }
  for (int i = 0; i < a.size; i++) {
    const Span outputs = a.outputsOf(i);
    for (int o = 0; o < a.outputs; o++) {
      int tap = -1;
      for (int t = 0; t < a.taps; t++) tap = a.at(o, t) == i ? t : tap;
      expect(a.tapAt(o, i) == tap, "tapAt", a, i);
      expect(tap < 0 || outputs.has(o), "outputsOf", a, i);
      // Nothing is left out but what a dilation steps over.
      const bool reached = i >= a.start(o) && i <= a.at(o, a.taps - 1);
      expect(outputs.has(o) == reached, "outputsOf", a, i);
    }
  }
}

}  // namespace

int main() {
  int axes = 0;
  for (int size = 1; size <= 7; size++)
    for (int outputs = 1; outputs <= 5; outputs++)
      for (int taps = 1; taps <= 5; taps++)
        for (int stride = 1; stride <= 4; stride++)
          for (int dilation = 1; dilation <= 3; dilation++)
            for (int before = -3; before <= 9; before++, axes++)
              check({size, outputs, taps, stride, dilation, before});
  std::printf("%d axes, %d wrong\n", axes, wrong);
  return wrong == 0 ? 0 : 1;
}
