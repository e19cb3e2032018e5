// Max pooling: clips windows to the map and hands rows of them to the chosen variant. See
// bpool.h for the contract.
#include "kernels/bpool/bpool.h"

#include <algorithm>
#include <vector>

namespace bitplane {
namespace bpool {

#define BITPLANE_BPOOL(name, isa, element, symbol) \
  namespace symbol { \
  void row_##element(const Row& r); \
  }
#include "kernels/bpool/variants.inc"
#undef BITPLANE_BPOOL

namespace {

constexpr Variant kVariants[] = {
#define BITPLANE_BPOOL(name, isa, element, symbol) \
  {#name, Isa::isa, Element::element, symbol::row_##element},
#include "kernels/bpool/variants.inc"
#undef BITPLANE_BPOOL
};

class PoolStep : public Step {
 public:
  PoolStep(const Problem& problem, const Variant& variant)
      : p_(problem), variant_(variant), columns_(problem.ow) {
    for (int ox = 0; ox < p_.ow; ++ox) {
      const WindowAxis axis = p_.columns();
      const Span taps = axis.tapsInside(ox);
      columns_[ox] = {taps.count() > 0 ? axis.at(ox, taps.from) * p_.units() : 0, taps.count()};
    }
  }
  int tasks() const override { return p_.n * ceilDiv(p_.oh, kRows); }
  size_t scratchBytes() const override { return static_cast<size_t>(pitch() * p_.unitBytes()); }
  const char* kernelName() const override { return variant_.name; }

  // A task is up to kRows output rows of one image.
  void run(int task, const Buffers& buffers, void* scratch) const override {
    const int perImage = ceilDiv(p_.oh, kRows), n = task / perImage,
              first = task % perImage * kRows;
    const int64_t units = p_.units(), bytes = p_.unitBytes();
    const char* x = buffers.get<const char>(p_.x) + int64_t{n} * p_.h * pitch() * bytes;
    char* y = buffers.get<char>(p_.y) + (int64_t{n} * p_.oh + first) * p_.ow * units * bytes;
    Row row;
    row.rowStride = p_.dh * pitch();
    row.tapStride = p_.dw * units;
    row.pixels = p_.ow;
    row.units = units;
    row.lastWord = p_.c % 64 ? (uint64_t{1} << (p_.c % 64)) - 1 : ~uint64_t{0};
    row.line = scratch;
    row.lineUnits = pitch();
    for (int oy = first; oy < std::min(p_.oh, first + kRows); ++oy, y += p_.ow * units * bytes) {
      const WindowAxis axis = p_.rows();
      const Span taps = axis.tapsInside(oy);
      // Rows of padding alone read no map.
      row.rows = std::max(1, taps.count());
      row.columns = taps.count() > 0 ? columns_.data() : nothing_.data();
      row.x = taps.count() > 0 ? x + axis.at(oy, taps.from) * pitch() * bytes : x;
      row.y = y;
      variant_.row(row);
    }
  }

 private:
  static constexpr int kRows = 4;
  // Units of a row of x.
  int64_t pitch() const { return int64_t{p_.w} * p_.units(); }

  Problem p_;
  const Variant& variant_;
  std::vector<Columns> columns_;
  std::vector<Columns> nothing_ = std::vector<Columns>(p_.ow);
};

}  // namespace

const Variant* variants(int* count) {
  *count = static_cast<int>(sizeof kVariants / sizeof kVariants[0]);
  return kVariants;
}

Problem problemOf(const Instruction& instruction) {
  const int32_t* f = instruction.fields;
  return {f[0],
          f[1],
          f[2],
          f[3],
          f[4],
          f[5],
          f[6],
          f[7],
          f[8],
          f[9],
          f[10],
          f[11],
          f[12],
          f[13],
          f[14],
          f[15],
          static_cast<Element>(f[16])};
}

}  // namespace bpool

std::unique_ptr<Step> make_bpool(const Instruction& instruction, BuildContext& context) {
  const bpool::Problem problem = bpool::problemOf(instruction);
  if (problem.element < bpool::Element::b1 || problem.element > bpool::Element::u8) return nullptr;
  for (const bpool::Variant& variant : bpool::kVariants) {
    if (variant.isa == context.isa() && variant.element == problem.element)
      return std::make_unique<bpool::PoolStep>(problem, variant);
  }
  return bpool::referenceStep(problem);
}

}  // namespace bitplane
