// See phases.h.
#include "kernels/input_gradient/phases.h"

#include <algorithm>
#include <cstring>

namespace bitplane {
namespace input_gradient {

// The 3x3 window of 16 channels in one block: of so narrow layers a fiftieth of the time. The
// weights of a block of 64 channels then fill most of a 48 KiB L1.
constexpr int64_t kSummands = 144;

// Pixels of a block, about, times 64 channels: where weights do not fit L2 each block reads them
// all again. Half as many are a tenth slower for 512 channels.
constexpr int64_t kSums = 144 * 64;

ConvCuts gradientCuts(const ConvTiles& tiles) {
  ConvCuts cuts = cutsFor(tiles);
  cuts.summands = kSummands;
  cuts.sums = kSums;
  return cuts;
}

AxisPhases axisPhases(const WindowAxis& axis) {
  AxisPhases all = {};
  all.reach = static_cast<int>(int64_t{axis.reach() - 1} / axis.stride);
  // Rounded down: padding before the map is at most one window, but a crop makes it negative.
  const auto cellOf = [&](int i) {
    const int64_t at = int64_t{i} + axis.before;
    return static_cast<int>(at >= 0 ? at / axis.stride : -ceilDiv<int64_t>(-at, axis.stride));
  };
  all.firstCell = cellOf(0);
  all.cells = cellOf(axis.size - 1) - all.firstCell + 1;
  for (int t = axis.taps - 1; t >= 0; t--) {
    const int64_t at = int64_t{t} * axis.dilation;
    const int residue = static_cast<int>(at % axis.stride);
    auto phase = std::find_if(all.phases.begin(), all.phases.end(),
                              [&](const AxisPhase& p) { return p.residue == residue; });
    if (phase == all.phases.end()) phase = all.phases.insert(phase, {residue, {}});
    phase->taps.push_back({t, all.reach - static_cast<int>(at / axis.stride)});
  }
  return all;
}

namespace {

// The axes of the convolution, whose input is the instruction's result.
WindowAxis rowsOf(const ConvShape& s) { return {s.oh, s.h, s.kh, s.sh, s.dh, s.pt}; }
WindowAxis columnsOf(const ConvShape& s) { return {s.ow, s.w, s.kw, s.sw, s.dw, s.pl}; }

// Two taps, at both ends of what a cell reads, stand for all.
ConvShape coverOf(const ConvShape& s, const AxisPhases& rows, const AxisPhases& columns) {
  ConvShape cover = s;
  cover.oh = rows.cells, cover.ow = columns.cells;
  cover.kh = rows.reach > 0 ? 2 : 1, cover.kw = columns.reach > 0 ? 2 : 1;
  cover.sh = cover.sw = 1;
  cover.dh = std::max(1, rows.reach), cover.dw = std::max(1, columns.reach);
  cover.pt = rows.reach - rows.firstCell, cover.pl = columns.reach - columns.firstCell;
  return cover;
}

}  // namespace

Phases::Phases(const ConvShape& s, const ConvTiles& tiles, int threads)
    : shape(s), lanes(tiles.lanes), rows(axisPhases(rowsOf(s))), columns(axisPhases(columnsOf(s))) {
  const ConvCuts cuts = gradientCuts(tiles);
  cover = planConv(coverOf(s, rows, columns), cuts, threads);
  int64_t before = 0;
  for (int b = 0; b < static_cast<int>(cover.blocks.size()); b++) {
    lanesBefore.push_back(before);
    before += width(b);
  }
  int64_t weights = 0;
  for (const AxisPhase& r : rows.phases) {
    for (const AxisPhase& c : columns.phases) {
      std::vector<TapRun> joined;
      for (const PhaseTap& ky : r.taps) {
        for (const PhaseTap& kx : c.taps)
          joinRun(joined, {ky.offset * cover.pitch + int64_t{kx.offset} * s.c, s.c / s.g});
      }
      phases.push_back({&r, &c, cutRuns(joined, cuts), weights});
      weights += phases.back().cut.steps * before;
    }
  }
}

int64_t Phases::floats() const {
  int64_t taps = 0;
  for (const Phase& phase : phases) taps += phase.cut.steps;
  return taps * (lanesBefore.back() + width(static_cast<int>(lanesBefore.size()) - 1));
}

void Phases::packBlock(const Phase& phase, int block, const void* weights, int weightBits,
                       int64_t pitch, float* packed) const {
  const ConvChannels& b = cover.blocks[block];
  const int inner = shape.o / shape.g, depth = shape.c / shape.g, w = width(block);
  const int group = b.first / inner;
  const int count = std::min(w, (group + 1) * inner - b.first);
  float* out = packed + floatsBefore(phase, block);
  for (const PhaseTap& ky : phase.rows->taps) {
    for (const PhaseTap& kx : phase.columns->taps) {
      for (int i = 0; i < depth; i++, out += w) {
        const int64_t tap = (int64_t{group * depth + i} * shape.kh + ky.tap) * shape.kw + kx.tap;
        const int64_t from = tap * pitch + (b.first - group * inner);
        if (weightBits == 32) {
          std::memcpy(out, static_cast<const float*>(weights) + from,
                      static_cast<size_t>(count) * 4);
        } else {
          for (int c = 0; c < count; c++) out[c] = weightAt(weights, weightBits, from + c);
        }
        std::fill(out + count, out + w, 0.0f);
      }
    }
  }
}

}  // namespace input_gradient
}  // namespace bitplane
