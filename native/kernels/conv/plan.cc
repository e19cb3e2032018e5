// The cuts of plan.h. The constants are cache sizes; they are generous for every CPU that this runs
// on, and no result depends on them, but for `summands` where sums are floats.
#include "kernels/conv/plan.h"

#include <algorithm>

namespace bitplane {

namespace {

constexpr int kMostPixels = 192;
constexpr int kTasksPerThread = 4;

// The window as runs relative to a pixel's first input, neighbours joined.
std::vector<TapRun> joinTaps(const ConvPlan& plan) {
  const ConvShape& s = plan.shape;
  std::vector<TapRun> joined;
  for (int ky = 0; ky < s.kh; ky++) {
    for (int kx = 0; kx < s.kw; kx++)
      joinRun(joined, {ky * s.dh * plan.pitch + int64_t{kx} * s.dw * s.c, s.c / s.g});
  }
  return joined;
}

void planChannels(ConvPlan& plan, const ConvCuts& cuts) {
  const ConvShape& s = plan.shape;
  const int perGroup = s.o / s.g;
  const int depth = s.c / s.g;
  // The epilogue wants whole sign words, so a chunk is 64 channels unless groups end elsewhere;
  // then it is all of them.
  const bool narrow = s.g == 1 || perGroup % 64 == 0;
  const int width = narrow ? 64 : s.o;
  for (int c0 = 0; c0 < s.o; c0 += width) {
    ConvChunk chunk = {c0, std::min(width, s.o - c0), static_cast<int>(plan.blocks.size()), 0};
    for (int c = c0; c < c0 + chunk.cn;) {
      const int group = c / perGroup;
      const int end = std::min(c0 + chunk.cn, (group + 1) * perGroup);
      const int left = ceilDiv(end - c, cuts.lanes);
      const int vectors = left <= cuts.lastVectors ? left : std::min(cuts.vectors, left);
      plan.blocks.push_back({c, vectors, int64_t{group} * depth, plan.packed});
      plan.packed += plan.windowSteps * cuts.step * vectors * cuts.lanes;
      c = std::min(end, c + vectors * cuts.lanes);
      chunk.blocks++;
    }
    plan.chunks.push_back(chunk);
  }
  // Tiles write whole vectors, which may run past the last channel; and the epilogue may read
  // kSlack bytes past it.
  plan.ld = roundUp(std::min(width, s.o), cuts.lanes) + (narrow ? 0 : cuts.lanes);
}

void planStrips(ConvPlan& plan, const ConvCuts& cuts, int threads) {
  const ConvShape& s = plan.shape;
  // One pixel alone waits for its weights about as long as four would compute.
  const int64_t products = std::max<int64_t>(s.pixels(), 4) * s.window() * s.o;
  const int64_t wanted = threads == 1 ? 1
                                      : std::clamp<int64_t>(products / cuts.taskProducts, 1,
                                                            int64_t{threads} * kTasksPerThread);
  const int64_t perImage = int64_t{s.oh} * s.ow;
  const int64_t target = std::max<int64_t>(cuts.sums / 64, ceilDiv(s.pixels(), wanted));
  // Images.
  const int64_t fitting =
      plan.padded ? cuts.stripBytes / (cuts.elementBytes * s.h * plan.pitch) : s.n;
  if (perImage <= target && fitting > 0) {
    const int images = static_cast<int>(std::min({int64_t{s.n}, target / perImage, fitting}));
    const int count = static_cast<int>(ceilDiv<int64_t>(s.n, images));
    for (int i = 0; i < count; i++) {
      const int first = static_cast<int>(int64_t{s.n} * i / count);
      plan.strips.push_back(
          {first, static_cast<int>(int64_t{s.n} * (i + 1) / count) - first, 0, s.oh});
    }
  } else {
    int rows = static_cast<int>(std::min<int64_t>(s.oh, ceilDiv<int64_t>(target, s.ow)));
    if (plan.padded) {
      const int64_t fits =
          cuts.stripBytes / (cuts.elementBytes * plan.pitch) - (s.rows().reach() - 1);
      rows = static_cast<int>(std::clamp<int64_t>(fits / s.sh, 1, rows));
    }
    const int count = ceilDiv(s.oh, rows);
    for (int image = 0; image < s.n; image++) {
      for (int i = 0; i < count; i++) {
        const int first = static_cast<int>(int64_t{s.oh} * i / count);
        plan.strips.push_back(
            {image, 1, first, static_cast<int>(int64_t{s.oh} * (i + 1) / count) - first});
      }
    }
  }
  const int64_t strips = static_cast<int64_t>(plan.strips.size());
  plan.chunkTasks =
      static_cast<int>(std::min<int64_t>(plan.chunks.size(), ceilDiv(wanted, strips)));
  plan.stripRows = 0;
  plan.stripImages = 0;
  for (const ConvStrip& strip : plan.strips) {
    plan.stripRows = std::max(plan.stripRows, s.rows().span(strip.rows));
    plan.stripImages = std::max(plan.stripImages, strip.images);
  }
}

}  // namespace

void joinRun(std::vector<TapRun>& joined, TapRun run) {
  if (!joined.empty() && joined.back().offset + joined.back().length == run.offset)
    joined.back().length += run.length;
  else
    joined.push_back(run);
}

ConvCutRuns cutRuns(const std::vector<TapRun>& joined, const ConvCuts& cuts) {
  ConvCutRuns cut = {};
  for (const TapRun& run : joined) cut.steps += ceilDiv<int64_t>(run.length, cuts.step);
  // Equal blocks: a short last one would pay for loading and storing the sums without having work
  // to hide it.
  const int64_t count = ceilDiv<int64_t>(cut.steps, cuts.summands);
  const int64_t size = ceilDiv<int64_t>(cut.steps, count);
  int64_t k = 0;
  for (const TapRun& run : joined) {
    const int64_t steps = ceilDiv<int64_t>(run.length, cuts.step);
    for (int64_t done = 0; done < steps;) {
      if (k % size == 0)
        cut.windows.push_back({static_cast<int>(cut.runs.size()), 0, static_cast<int>(k), 0});
      const int64_t length = std::min(steps - done, size - k % size);
      cut.runs.push_back({run.offset + done * cuts.step, length});
      cut.windows.back().runs++;
      cut.windows.back().steps += static_cast<int>(length);
      done += length;
      k += length;
    }
  }
  return cut;
}

ConvPlan planConv(const ConvShape& shape, const ConvCuts& cuts, int threads) {
  ConvPlan plan = {};
  plan.shape = shape;
  const WindowAxis rows = shape.rows(), columns = shape.columns();
  plan.padded = cuts.copies || shape.pt != 0 || shape.pl != 0 ||
                rows.interior().count() < shape.oh || columns.interior().count() < shape.ow;
  plan.pitch = int64_t{plan.padded ? columns.span(shape.ow) : shape.w} * shape.c;
  const std::vector<TapRun> joined = joinTaps(plan);
  for (const TapRun& run : joined) plan.segments.push_back(static_cast<int>(run.length));
  ConvCutRuns cut = cutRuns(joined, cuts);
  plan.windowSteps = cut.steps;
  plan.runs = std::move(cut.runs);
  plan.windows = std::move(cut.windows);
  planChannels(plan, cuts);
  planStrips(plan, cuts, threads);
  plan.imagePitch = (plan.padded ? plan.stripRows : shape.h) * plan.pitch;

  const int64_t most = std::clamp<int64_t>(cuts.sums / plan.ld, kMaxTilePixels, kMostPixels);
  plan.pixelBlock = static_cast<int>(std::min(most, shape.pixels()));
  return plan;
}

}  // namespace bitplane
