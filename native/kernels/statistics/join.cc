// The second instruction of each statistic: what the blocks come to, in double, block by block, so
// that the bits are those of any number of threads. Tasks are runs of channels. Baseline code: it
// is some hundredth of the work. Not here: the sums of a block (generic.h).
#include <cmath>

#include "kernels/statistics/statistics.h"
#include "kernels/sweep.h"

namespace bitplane {

namespace {

constexpr int kChannels = 32;  // of a task at most at a time

// Calls visit(part, rows, n) for each run of n channels from c on of every block, in order: `part`
// is the block's first row of sums there, `rows` how many rows each of them has.
template <typename Visit>
void eachRun(const Rows& cut, const float* parts, int sums, int64_t c, int n, Visit visit) {
  for (int64_t block = 0; block < cut.blocks(); block++) {
    const float* part = parts + block * sums * cut.pitch();
    const double rows = static_cast<double>(cut.rowsOf(block));
    for (int64_t j = c; j < cut.columnsOf(block); j += cut.channels) visit(part + j, rows, n);
  }
}

// y rows: the mean, the variance. About the shift of the first block.
void joinMoments(const Rows& cut, const float* parts, float* y, int64_t c, int n) {
  double sum[kChannels] = {}, square[kChannels] = {};
  const float* about = parts + c;
  const int64_t pitch = cut.pitch();
  eachRun(cut, parts, 3, c, n, [&](const float* part, double rows, int count) {
    const double inverse = 1 / rows;
    for (int i = 0; i < count; i++) {
      const double first = part[pitch + i], offset = double{part[i]} - about[i];
      const double d = offset + first * inverse;
      sum[i] += rows * d;
      square[i] += rows * d * d + (part[2 * pitch + i] - first * first * inverse);
    }
  });
  const double rows = static_cast<double>(cut.rows);
  for (int i = 0; i < n; i++) {
    const double d = sum[i] / rows, variance = square[i] / rows - d * d;
    y[c + i] = static_cast<float>(about[i] + d);
    // Rounding may leave less than nothing of a constant; NaN stays.
    y[cut.channels + c + i] = static_cast<float>(variance < 0 ? 0 : variance);
  }
}

// y rows: both sums, both divided by the number of rows.
void joinNormSums(const Rows& cut, const float* parts, float* y, int64_t c, int n) {
  double sum[2][kChannels] = {};
  const int64_t pitch = cut.pitch();
  eachRun(cut, parts, 2, c, n, [&](const float* part, double, int count) {
    for (int k = 0; k < 2; k++) {
      for (int i = 0; i < count; i++) sum[k][i] += part[k * pitch + i];
    }
  });
  const double rows = static_cast<double>(cut.rows);
  for (int k = 0; k < 2; k++) {
    for (int i = 0; i < n; i++) {
      y[k * cut.channels + c + i] = static_cast<float>(sum[k][i]);
      y[(2 + k) * cut.channels + c + i] = static_cast<float>(sum[k][i] / rows);
    }
  }
}

using JoinFn = void (*)(const Rows& cut, const float* parts, float* y, int64_t c, int n);

class JoinStep final : public Step {
 public:
  JoinStep(const Instruction& in, const Rows& cut, JoinFn join, const char* name, int threads)
      : parts_(in.field(0)), y_(in.field(1)), cut_(cut), join_(join), name_(name) {
    tasks_ = static_cast<int>(std::min<int64_t>(ceilDiv(cut.channels, kChannels),
                                                tasksFor(cut.blocks() * cut.columns(), threads)));
  }
  int tasks() const override { return tasks_; }
  const char* kernelName() const override { return name_; }
  void run(int task, const Buffers& buffers, void*) const override {
    const Range part = partOf(cut_.channels, tasks_, task, kChannels);
    for (int64_t c = part.begin; c < part.end; c += kChannels)
      join_(cut_, buffers.get<const float>(parts_), buffers.get<float>(y_), c,
            static_cast<int>(std::min<int64_t>(kChannels, part.end - c)));
  }

 private:
  int parts_, y_;
  Rows cut_;
  JoinFn join_;
  const char* name_;
  int tasks_;
};

std::unique_ptr<Step> makeJoin(const Instruction& in, JoinFn join, const char* name, int threads) {
  const Rows cut = {in.field(2), in.field(3), in.field(4), in.field(5)};
  if (!cut.areSound()) return nullptr;
  return std::make_unique<JoinStep>(in, cut, join, name, threads);
}

}  // namespace

std::unique_ptr<Step> make_moments_join(const Instruction& in, BuildContext& context) {
  return makeJoin(in, joinMoments, "moments_join", context.threads());
}

std::unique_ptr<Step> make_normsums_join(const Instruction& in, BuildContext& context) {
  return makeJoin(in, joinNormSums, "normsums_join", context.threads());
}

}  // namespace bitplane
