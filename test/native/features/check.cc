// Holds the choice of variants (native/cpu/features.h) on a table of its own, for every mask of
// features. Prints what is wrong, and exits with whether anything is.
#include "cpu/features.h"

#include <cstdio>
#include <cstring>

using namespace bitplane;

namespace {

struct Row {
  const char* name;
  Isa isa;
  Features features;
};
// As in a kernel's table: the faster first.
constexpr Row kRows[] = {
    {"avx512 vnni", Isa::avx512, feature::vnni},
    {"avx512", Isa::avx512, feature::none},
    {"avx2 vnni", Isa::avx2, feature::vnni},
    {"avx2", Isa::avx2, feature::none},
    {"neon both", Isa::neon, feature::dotprod | feature::i8mm},
    {"neon dotprod", Isa::neon, feature::dotprod},
    {"neon", Isa::neon, feature::none},
};

int wrong = 0;

void expect(Isa isa, Features features, const char* name) {
  const Row* row = firstFor(kRows, sizeof kRows / sizeof kRows[0], isa, features);
  const char* found = row == nullptr ? "none" : row->name;
  if (std::strcmp(found, name) == 0) return;
  wrong++;
  std::printf("%s with %x: %s, not %s\n", isaName(isa), features, found, name);
}

}  // namespace

int main() {
  for (Features others = 0; others < 8; others++) {
    const Features vnni = others & feature::vnni, dotprod = others & feature::dotprod,
                   i8mm = others & feature::i8mm;
    expect(Isa::avx512, others, vnni ? "avx512 vnni" : "avx512");
    expect(Isa::avx2, others, vnni ? "avx2 vnni" : "avx2");
    expect(Isa::neon, others, !dotprod ? "neon" : i8mm ? "neon both" : "neon dotprod");
    // A table without a row for an instruction set.
    expect(Isa::scalar, others, "none");
  }
  // What a machine lacks altogether has no features, and nothing has those of another architecture.
  for (int i = 0; i < kIsaCount; i++) {
    const Isa isa = static_cast<Isa>(i);
    const Features may = isa == Isa::neon                         ? feature::dotprod | feature::i8mm
                         : isa == Isa::avx2 || isa == Isa::avx512 ? feature::vnni
                                                                  : feature::none;
    const bool odd = !isaSupported(isa) && featuresOf(isa) != feature::none;
    if (odd || (featuresOf(isa) & ~may) != 0) {
      wrong++;
      std::printf("features %x of %s\n", featuresOf(isa), isaName(isa));
    }
  }
  std::printf("%d wrong\n", wrong);
  return wrong == 0 ? 0 : 1;
}
