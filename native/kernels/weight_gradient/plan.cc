// See plan.h. The constants are cache sizes, generous for every CPU that this runs on; no result
// depends on them but for the size of a box.
#include "kernels/weight_gradient/plan.h"

#include <algorithm>

namespace bitplane {
namespace weight_gradient {

namespace {

// Pixels of a box, about: so many that loading and storing the sums of a tile costs little, and so
// few that the strips of dy and x of a pair of blocks, 64 bytes a pixel each, all but stay in L1.
constexpr int kBoxPixels = 256;
// Input channels of a block: a cache line.
constexpr int kInWidth = 16;
// Below so many channels a kernel row is one group: tiles would be too narrow to hide the latency
// of an FMA.
constexpr int kRowChannels = 8;
// The copy of x of a strip: part of an L2, for so many of the channels.
constexpr int64_t kStripBytes = 192 << 10;
constexpr int kStripChannels = 64;
// Sums of a unit, which pass through L2 once a box.
constexpr int64_t kUnitSums = 80 << 10;
// Products of a task: at most some milliseconds, and at least what handing it out is worth.
constexpr int64_t kMostProducts = 1 << 28, kLeastProducts = 1 << 19;
constexpr int kTasksPerThread = 4;

// `count` channels from `first` on in `pieces` nearly equal blocks.
std::vector<Channels> blocksOf(int first, int count, int pieces) {
  std::vector<Channels> blocks;
  for (int i = 0; i < pieces; i++) {
    const int from = static_cast<int>(int64_t{count} * i / pieces);
    const int to = static_cast<int>(int64_t{count} * (i + 1) / pieces);
    blocks.push_back({first + from, to - from});
  }
  return blocks;
}

// As many blocks as full tiles, and what is left.
std::vector<Channels> tilesOf(int first, int count, int width) {
  std::vector<Channels> blocks;
  for (int c = 0; c < count; c += width) blocks.push_back({first + c, std::min(width, count - c)});
  return blocks;
}

template <typename T>
std::vector<T> piece(const std::vector<T>& all, int pieces, int i) {
  const Range range = partOf(static_cast<int64_t>(all.size()), pieces, i);
  return std::vector<T>(all.begin() + range.begin, all.begin() + range.end);
}

void planUnits(Plan& plan, const Tiles& tiles, int parts, int threads) {
  const ConvShape& s = plan.shape;
  const int full = tiles.vectors * tiles.lanes;
  if (plan.depthwise) {
    for (const Channels& block : tilesOf(0, s.c, full)) plan.units.push_back({{block}, {block}});
    return;
  }
  const int perGroup = s.o / s.g, depth = s.c / s.g, taps = s.kh * s.kw;
  const auto outBlocks = tilesOf(0, perGroup, full);
  const auto inBlocks = blocksOf(0, depth, plan.rowTaps ? 1 : ceilDiv(depth, kInWidth));
  const int64_t products = s.pixels() * taps * depth * perGroup;
  const int64_t each = std::max<int64_t>(1, products / parts);
  const int64_t tasks = int64_t{parts} * s.g;
  int64_t wanted = ceilDiv(each, kMostProducts);
  if (threads > 1)
    wanted =
        std::max(wanted, std::min(each / kLeastProducts,
                                  ceilDiv<int64_t>(int64_t{threads} * kTasksPerThread, tasks)));
  const int mostOuts = static_cast<int>(outBlocks.size());
  const int mostIns = static_cast<int>(inBlocks.size());
  int outs = 1, ins = 1;
  const auto unitSums = [&] {
    return int64_t{ceilDiv(mostOuts, outs)} * full * ceilDiv(depth, ins) * taps;
  };
  // The wider side first: what is copied for a unit is about its outputs and its inputs, what is
  // computed their product.
  while ((int64_t{outs} * ins < wanted || unitSums() > kUnitSums) &&
         (outs < mostOuts || ins < mostIns)) {
    const bool wide = int64_t{perGroup} * ins >= int64_t{depth} * outs;
    if (ins == mostIns || (wide && outs < mostOuts))
      outs++;
    else
      ins++;
  }
  for (int g = 0; g < s.g; g++) {
    for (int o = 0; o < outs; o++) {
      for (int i = 0; i < ins; i++) {
        Unit unit = {piece(outBlocks, outs, o), piece(inBlocks, ins, i)};
        for (Channels& block : unit.outs) block.first += g * perGroup;
        for (Channels& block : unit.ins) block.first += g * depth;
        plan.units.push_back(std::move(unit));
      }
    }
  }
}

void planTaps(Plan& plan) {
  const ConvShape& s = plan.shape;
  for (int ky = 0; ky < s.kh; ky++) {
    if (plan.depthwise || plan.rowTaps) {
      plan.taps.push_back({ky, 0, s.kw, {0, s.ow}});
      continue;
    }
    for (int kx = 0; kx < s.kw; kx++)
      plan.taps.push_back({ky, kx, 1, s.columns().outputsOfTap(kx)});
  }
}

void planBoxes(Plan& plan) {
  const ConvShape& s = plan.shape;
  plan.columnBoxes = std::max(1, s.ow / kBoxPixels);
  const int rows = std::clamp(kBoxPixels / s.ow, 1, s.oh);
  plan.rowBoxes = ceilDiv(s.oh, rows);
  const int64_t image = int64_t{s.oh} * s.ow;
  const int images = static_cast<int>(std::clamp<int64_t>(kBoxPixels / image, 1, s.n));
  plan.imageBoxes = ceilDiv(s.n, images);
  // Rows that two strips share are copied twice.
  const int64_t lineBytes = int64_t{4} * std::min(s.c / s.g, kStripChannels) *
                            plan.columns.lines(partOf(s.ow, plan.columnBoxes, 0)).count();
  const int64_t lines = std::max<int64_t>(1, kStripBytes / std::max<int64_t>(1, lineBytes));
  const int64_t outputs = (lines - s.rows().reach()) / s.sh + 1;
  const int boxRows = ceilDiv(s.oh, plan.rowBoxes);
  const int boxes = static_cast<int>(std::clamp<int64_t>(outputs / boxRows, 1, plan.rowBoxes));
  plan.rowStrips = ceilDiv(plan.rowBoxes, boxes);
}

// A convolution of single pixels has no rows: dense layers too are one long row.
ConvShape joined(const ConvShape& s) {
  const bool single = s.kh == 1 && s.kw == 1 && s.sh == 1 && s.sw == 1 && s.pt == 0 && s.pl == 0;
  if (!single || s.h != s.oh || s.w != s.ow || s.pixels() >= 1 << 30) return s;
  ConvShape row = s;
  row.n = row.h = row.oh = 1;
  row.w = row.ow = static_cast<int>(s.pixels());
  return row;
}

}  // namespace

Span CopiedAxis::lines(Range outputs) const {
  const int from = static_cast<int>(outputs.begin), to = static_cast<int>(outputs.end);
  if (bordered) return {axis.start(from), axis.start(to - 1) + axis.reach()};
  if (!byOutput) return axis.inputsOf({from, to});
  const Span inside = axis.outputsOfTap(0);
  return {std::max(from, inside.from), std::min(to, inside.to)};
}

Range Plan::boxesOf(int64_t strip) const {
  return partOf(rowBoxes, rowStrips, static_cast<int>(strip / columnBoxes % rowStrips));
}

PixelBox Plan::strip(int64_t number) const {
  const Range boxes = boxesOf(number);
  return {partOf(shape.n, imageBoxes, static_cast<int>(number / columnBoxes / rowStrips)),
          {partOf(shape.oh, rowBoxes, static_cast<int>(boxes.begin)).begin,
           partOf(shape.oh, rowBoxes, static_cast<int>(boxes.end - 1)).end},
          partOf(shape.ow, columnBoxes, static_cast<int>(number % columnBoxes))};
}

PixelBox Plan::box(const PixelBox& strip, int64_t number) const {
  return {strip.images, partOf(shape.oh, rowBoxes, static_cast<int>(number)), strip.columns};
}

int64_t Plan::sums(const Unit& unit) const {
  int64_t lanesOfOuts = 0, elements = 0;
  for (const Channels& outs : unit.outs) lanesOfOuts += int64_t{vectorsOf(outs)} * lanes;
  for (const Channels& ins : unit.ins) {
    for (const TapGroup& group : taps) elements += elementsOf(group, ins);
  }
  return lanesOfOuts * elements;
}

int64_t Plan::mostRows() const {
  return ceilDiv<int64_t>(shape.n, imageBoxes) * ceilDiv(shape.oh, rowBoxes);
}

int64_t Plan::mostPixels() const { return mostRows() * ceilDiv(shape.ow, columnBoxes); }

int64_t Plan::mostCopied() const {
  int64_t height = 0, width = 0;
  for (int i = 0; i < rowStrips; i++)
    height = std::max<int64_t>(height, rows.lines(strip(int64_t{i} * columnBoxes).rows).count());
  for (int i = 0; i < columnBoxes; i++)
    width = std::max<int64_t>(width, columns.lines(partOf(shape.ow, columnBoxes, i)).count());
  return ceilDiv<int64_t>(shape.n, imageBoxes) * height * width;
}

Plan planGradient(const ConvShape& shape, const Tiles& tiles, int parts, int threads) {
  Plan plan = {};
  plan.shape = joined(shape);
  const ConvShape& s = plan.shape;
  plan.lanes = tiles.lanes;
  plan.depthwise = s.g > 1 && s.g == s.c && s.o == s.c;
  plan.rowTaps = !plan.depthwise && s.kw > 1 && s.dw == 1 && s.c / s.g < kRowChannels;
  const bool bordered = plan.depthwise || plan.rowTaps;
  plan.rows = {s.rows(), s.kh == 1, false};
  plan.columns = {s.columns(), s.kw == 1 && !bordered, bordered};
  planTaps(plan);
  planBoxes(plan);
  planUnits(plan, tiles, parts, threads);
  return plan;
}

}  // namespace weight_gradient
}  // namespace bitplane
