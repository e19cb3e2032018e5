// The first instruction of each statistic: sums of blocks. Tasks are runs of units, a unit is a
// block's columns or, where these are many, a piece of them. Not here: the sums (generic.h).
#include "kernels/statistics/statistics.h"
#include "kernels/sweep.h"

namespace bitplane {

#define BITPLANE_STATISTICS(isa, moments, normsums) \
  namespace isa { \
  void momentsOf(const BlockPart&); \
  void normSumsOf(const BlockPart&); \
  }
#include "kernels/statistics/variants.inc"
#undef BITPLANE_STATISTICS

namespace {

struct Variant {
  Isa isa;
  BlockFn moments, normSums;
  const char *momentsName, *normSumsName;
};
constexpr Variant kVariants[] = {
#define BITPLANE_STATISTICS(isa, moments, normsums) \
  {Isa::isa, isa::momentsOf, isa::normSumsOf, moments, normsums},
#include "kernels/statistics/variants.inc"
#undef BITPLANE_STATISTICS
};

const Variant& variantFor(Isa isa) {
  for (const Variant& v : kVariants) {
    if (v.isa == isa) return v;
  }
  return kVariants[1];
}

// Columns of a unit at most: 2 KiB of every row.
constexpr int kMostColumns = 512;

class PartsStep final : public Step {
 public:
  struct Operands {
    int x, dy, mean, parts;  // buffers; -1 for none
  };

  PartsStep(const Operands& operands, const Rows& rows, int sums, BlockFn run, const char* name,
            int threads)
      : o_(operands), rows_(rows), sums_(sums), run_(run), name_(name) {
    pieces_ = ceilDiv(rows.columns(), kMostColumns);
    pieceColumns_ = roundUp(ceilDiv(rows.columns(), pieces_), 16);
    units_ = rows.blocks() * pieces_;
    tasks_ = static_cast<int>(std::min<int64_t>(
        units_,
        tasksFor(rows.rows * ceilDiv<int64_t>(rows.channels, 16) * (o_.dy < 0 ? 1 : 2), threads)));
  }

  int tasks() const override { return tasks_; }
  const char* kernelName() const override { return name_; }
  // The mean of each column.
  size_t scratchBytes() const override {
    return o_.mean < 0 ? 0 : static_cast<size_t>(rows_.pitch()) * 4 + kSlack;
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    float* mean = static_cast<float*>(scratch);
    if (o_.mean >= 0) {
      const size_t bytes = static_cast<size_t>(rows_.channels) * 4;
      for (int i = 0; i < rows_.fold; i++)
        std::memcpy(mean + i * rows_.channels, buffers.get<const float>(o_.mean), bytes);
    }
    const Range part = partOf(units_, tasks_, task);
    for (int64_t i = part.begin; i < part.end; i++) {
      const int64_t block = i / pieces_;
      const int first = static_cast<int>(i % pieces_) * pieceColumns_;
      const int columns = std::min(pieceColumns_, rows_.columnsOf(block) - first);
      if (columns <= 0) continue;
      // Only whole blocks lie behind one another.
      const bool isWhole = pieces_ == 1 && block + 1 < rows_.blocks();
      const int64_t ahead = isWhole ? rows_.rowsOf(block) * rows_.columns() : 0;
      const int64_t at = rows_.firstOf(block) * rows_.columns() + first;
      run_({buffers.get<const float>(o_.x) + at,
            o_.dy < 0 ? nullptr : buffers.get<const float>(o_.dy) + at, mean + first,
            rows_.columns(), ahead, rows_.rowsOf(block), columns,
            buffers.get<float>(o_.parts) + block * sums_ * rows_.pitch() + first, rows_.pitch()});
    }
  }

 private:
  Operands o_;
  Rows rows_;
  int sums_;  // a block
  BlockFn run_;
  const char* name_;
  int pieces_, pieceColumns_;
  int64_t units_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_moments(const Instruction& in, BuildContext& context) {
  const Variant& v = variantFor(context.isa());
  const Rows rows = {in.field(2), in.field(3), in.field(4), in.field(5)};
  if (!rows.areSound()) return nullptr;
  return std::make_unique<PartsStep>(PartsStep::Operands{in.field(0), -1, -1, in.field(1)}, rows, 3,
                                     v.moments, v.momentsName, context.threads());
}

std::unique_ptr<Step> make_normsums(const Instruction& in, BuildContext& context) {
  const Variant& v = variantFor(context.isa());
  const Rows rows = {in.field(4), in.field(5), in.field(6), in.field(7)};
  if (!rows.areSound()) return nullptr;
  return std::make_unique<PartsStep>(
      PartsStep::Operands{in.field(1), in.field(0), in.field(2), in.field(3)}, rows, 2, v.normSums,
      v.normSumsName, context.threads());
}

}  // namespace bitplane
