// The weight gradient's step: a task is a unit of the result over a part of the pixels. It copies
// x strip by strip and dy box by box, block by block of channels, and lets tiles add their sums to
// its own, which it then writes in the order of the weights. Not here: the cuts (plan.cc), the
// arithmetic (generic.h).
//
// Scratch is: sums, rows of pixels, the copy of dy [block][pixel][vectors x lanes], the copy of x
// [block][row][column][width].
#include "kernels/weight_gradient/weight_gradient.h"

#include <algorithm>

#include "kernels/ahead.h"
#include "kernels/weight_gradient/plan.h"
#include "kernels/weight_gradient/reference.h"

namespace bitplane {

namespace weight_gradient {
#define BITPLANE_WEIGHT_GRADIENT(isa, name) \
  namespace isa { \
  void gradientTiles(Tiles* tiles); \
  }
#include "kernels/weight_gradient/variants.inc"
#undef BITPLANE_WEIGHT_GRADIENT

namespace {

Tiles tilesFor(Isa isa) {
  Tiles tiles = {};
#define BITPLANE_WEIGHT_GRADIENT(variant, text) \
  if (isa == Isa::variant || !tiles.name) { \
    tiles = {}; \
    variant::gradientTiles(&tiles); \
    tiles.name = text; \
  }
#include "kernels/weight_gradient/variants.inc"
#undef BITPLANE_WEIGHT_GRADIENT
  return tiles;
}

// Floats behind a copied block, into which the vectors of its last pixel may run.
constexpr int64_t kGap = 16;

class GradientStep final : public Step {
 public:
  GradientStep(const Instruction& in, const ConvShape& shape, const BuildContext& context)
      : tiles_(tilesFor(context.isa())),
        parts_(in.field(20)),
        plan_(planGradient(shape, tiles_, parts_, context.threads())),
        s_(plan_.shape),
        x_(in.field(0)),
        dy_(in.field(1)),
        y_(in.field(2)),
        isBits_(in.field(3) == 1) {
    const Unit& first = plan_.units.front();
    const bool alone = plan_.units.size() == 1 && first.outs.size() == 1;
    dyInPlace_ = alone && s_.o % tiles_.lanes == 0;
    xInPlace_ =
        !isBits_ && !plan_.columns.bordered && plan_.units.size() == 1 && first.ins.size() == 1;
    int64_t sums = 0, outs = 0, ins = 0;
    for (const Unit& unit : plan_.units) {
      sums = std::max(sums, plan_.sums(unit));
      int64_t o = 0, i = 0;
      for (const Channels& block : unit.outs) o += dyFloats(block);
      for (const Channels& block : unit.ins) i += xFloats(block);
      outs = std::max(outs, o);
      ins = std::max(ins, i);
    }
    sumBytes_ = bytesOf(sums);
    rowBytes_ = roundUp(static_cast<size_t>(s_.kh * plan_.mostRows()) * sizeof(Row) +
                            static_cast<size_t>(s_.kh) * sizeof(int),
                        kAlign);
    dyBytes_ = dyInPlace_ ? 0 : bytesOf(outs);
    xBytes_ = xInPlace_ ? 0 : bytesOf(ins);
  }

  int tasks() const override { return parts_ * static_cast<int>(plan_.units.size()); }
  size_t scratchBytes() const override { return sumBytes_ + rowBytes_ + dyBytes_ + xBytes_; }
  const char* kernelName() const override { return tiles_.name; }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const int units = static_cast<int>(plan_.units.size());
    const int part = task / units;
    char* memory = static_cast<char*>(scratch);
    Work work(plan_.units[task % units]);
    work.tiles = tilesOf(work.unit);
    work.sums = reinterpret_cast<float*>(memory);
    work.rows = reinterpret_cast<Row*>(memory + sumBytes_);
    work.rowCounts = reinterpret_cast<int*>(work.rows + s_.kh * plan_.mostRows());
    work.dy = reinterpret_cast<float*>(memory + sumBytes_ + rowBytes_);
    work.x = reinterpret_cast<float*>(memory + sumBytes_ + rowBytes_ + dyBytes_);
    const Range strips = partOf(plan_.strips(), parts_, part);
    if (strips.begin == strips.end) std::fill_n(work.sums, plan_.sums(work.unit), 0.0f);
    for (int64_t i = strips.begin; i < strips.end; i++) {
      work.strip = plan_.strip(i);
      if (!xInPlace_) copyX(work, buffers.get<const void>(x_));
      const Range boxes = plan_.boxesOf(i);
      if (!xInPlace_) lookAheadX(work, work.strip, boxes.end - boxes.begin, buffers);
      for (int64_t b = boxes.begin; b < boxes.end; b++) {
        work.box = plan_.box(work.strip, b);
        if (xInPlace_) lookAheadX(work, work.box, 1, buffers);
        lookAheadDy(work, buffers);
        runBox(work, buffers);
        work.isFirst = false;
      }
    }
    write(work, buffers.get<float>(y_) + int64_t{part} * s_.o * s_.kh * s_.kw * (s_.c / s_.g));
  }

 private:
  struct Work {
    explicit Work(const Unit& u) : unit(u) {}
    const Unit& unit;
    float* sums;
    Row* rows;  // [kh][mostRows]: those with the tap inside x
    int* rowCounts;
    float *dy, *x;
    PixelBox strip = {}, box = {};
    int64_t tiles = 0;  // of a box
    Ahead aheadX, aheadDy;
    bool isFirst = true;
  };

  static size_t bytesOf(int64_t floats) {
    return roundUp(static_cast<size_t>(floats) * 4 + kSlack, kAlign);
  }
  int dyWidth(const Channels& outs) const { return plan_.vectorsOf(outs) * tiles_.lanes; }
  int64_t dyFloats(const Channels& outs) const { return plan_.mostPixels() * dyWidth(outs) + kGap; }
  int64_t xFloats(const Channels& ins) const {
    return plan_.mostCopied() * plan_.widthOf(ins) + kGap;
  }

  int64_t tilesOf(const Unit& unit) const {
    int64_t tiles = 0;
    for (const Channels& outs : unit.outs) {
      for (const Channels& ins : unit.ins) {
        for (const TapGroup& group : plan_.taps)
          tiles +=
              ceilDiv(plan_.elementsOf(group, ins), tiles_.elements[plan_.vectorsOf(outs) - 1]);
      }
    }
    return tiles;
  }

  // What follows in memory is what the next strip, or box, reads.
  void lookAheadX(Work& work, const PixelBox& read, int64_t boxes, const Buffers& buffers) const {
    const int64_t pixelBytes = isBits_ ? int64_t{8} * bitWords(s_.c) : int64_t{4} * s_.c;
    const Unit& unit = work.unit;
    const int64_t rows = plan_.rows.lines(read.rows).to;
    const int64_t from =
        ((read.images.end - 1) * s_.h + plan_.rows.source(static_cast<int>(rows))) * s_.w;
    const int64_t pixels = (read.images.end - read.images.begin) *
                           std::min<int64_t>((read.rows.end - read.rows.begin) * s_.sh, s_.h) *
                           std::min<int64_t>((read.columns.end - read.columns.begin) * s_.sw, s_.w);
    const int64_t first = isBits_ ? 0 : int64_t{4} * unit.ins.front().first;
    work.aheadX =
        Ahead(buffers.get<const char>(x_) + from * pixelBytes + first, pixelBytes,
              isBits_ ? pixelBytes : int64_t{4} * unit.inputs(), pixels, work.tiles * boxes);
  }

  void lookAheadDy(Work& work, const Buffers& buffers) const {
    const PixelBox& box = work.box;
    const int64_t from =
        ((box.images.end - 1) * s_.oh + box.rows.end - 1) * s_.ow + box.columns.end;
    const int64_t pixels = (box.images.end - box.images.begin) * (box.rows.end - box.rows.begin) *
                           (box.columns.end - box.columns.begin);
    work.aheadDy = Ahead(buffers.get<const float>(dy_) + from * s_.o + work.unit.outs.front().first,
                         int64_t{4} * s_.o, int64_t{4} * work.unit.outputs(), pixels, work.tiles);
  }

  void runBox(Work& work, const Buffers& buffers) const {
    const PixelBox& box = work.box;
    const float* dy = buffers.get<const float>(dy_);
    const float* x = buffers.get<const float>(x_);
    findRows(work);
    if (!dyInPlace_) copyDy(work, dy);
    // Columns of both are counted from these on.
    const int64_t dyColumn = dyInPlace_ ? 0 : box.columns.begin;
    const int64_t xColumn = xInPlace_ ? 0 : plan_.columns.lines(box.columns).from;
    const float* dyBlock = dyInPlace_ ? dy : work.dy;
    float* sums = work.sums;
    for (const Channels& outs : work.unit.outs) {
      const float* xBlock = xInPlace_ ? x : work.x;
      for (const Channels& ins : work.unit.ins) {
        for (const TapGroup& group : plan_.taps) {
          const int64_t from = std::max<int64_t>(group.columns.from, box.columns.begin);
          const int64_t to = std::min<int64_t>(group.columns.to, box.columns.end);
          Pixels pixels = {};
          pixels.rows = work.rows + group.ky * plan_.mostRows();
          pixels.rowCount = work.rowCounts[group.ky];
          pixels.columns = static_cast<int>(to - from);
          pixels.dyPitch = dyInPlace_ ? s_.o : dyWidth(outs);
          pixels.xPitch = xInPlace_ ? s_.c : plan_.widthOf(ins);
          const int column = static_cast<int>(from);
          const int64_t line =
              xInPlace_ ? s_.columns().at(column, group.kx) : plan_.columns.line(column, group.kx);
          pixels.xStep = pixels.xPitch * (xInPlace_ ? s_.sw : plan_.columns.step());
          const int elements = plan_.elementsOf(group, ins);
          if (pixels.rowCount > 0 && pixels.columns > 0) {
            runTiles(work, pixels, plan_.vectorsOf(outs), elements,
                     dyBlock + (from - dyColumn) * pixels.dyPitch,
                     xBlock + (line - xColumn) * pixels.xPitch, sums, !work.isFirst);
          } else if (work.isFirst) {
            std::fill_n(sums, int64_t{elements} * dyWidth(outs), 0.0f);
          }
          sums += int64_t{elements} * dyWidth(outs);
        }
        if (!xInPlace_) xBlock += xFloats(ins);
      }
      if (!dyInPlace_) dyBlock += dyFloats(outs);
    }
  }

  // Elements of a group in tiles of nearly equal size: a last tile of one would wait for each of
  // its FMAs.
  void runTiles(Work& work, const Pixels& pixels, int vectors, int elements, const float* dy,
                const float* x, float* sums, bool accumulate) const {
    const TileFn* tiles = plan_.depthwise ? tiles_.channels[vectors - 1] : tiles_.run[vectors - 1];
    const int64_t step = plan_.depthwise ? s_.dw * pixels.xPitch : 1;
    const int count = ceilDiv(elements, tiles_.elements[vectors - 1]);
    for (int t = 0, e = 0; t < count; t++) {
      const int size = (elements + t) / count;
      work.aheadX.fetch();
      work.aheadDy.fetch();
      tiles[size - 1](dy, x + e * step, pixels, step, sums + int64_t{e} * vectors * tiles_.lanes,
                      accumulate);
      e += size;
    }
  }

  // For each kernel row the rows of the box whose tap lies inside x.
  void findRows(const Work& work) const {
    const PixelBox& box = work.box;
    const Span lines = plan_.rows.lines(work.strip.rows);
    const int64_t columns = box.columns.end - box.columns.begin;
    const int64_t copied = plan_.columns.lines(box.columns).count();
    for (int ky = 0; ky < s_.kh; ky++) {
      const Span inside = s_.rows().outputsOfTap(ky);
      Row* rows = work.rows + ky * plan_.mostRows();
      int count = 0;
      for (int64_t n = box.images.begin; n < box.images.end; n++) {
        const int64_t image = n - box.images.begin;
        for (int64_t oy = std::max<int64_t>(inside.from, box.rows.begin);
             oy < std::min<int64_t>(inside.to, box.rows.end); oy++) {
          const int o = static_cast<int>(oy);
          rows[count++] = {
              dyInPlace_
                  ? (n * s_.oh + oy) * s_.ow
                  : (image * (box.rows.end - box.rows.begin) + oy - box.rows.begin) * columns,
              xInPlace_ ? (n * s_.h + s_.rows().at(o, ky)) * s_.w
                        : (image * lines.count() + plan_.rows.line(o, ky) - lines.from) * copied};
        }
      }
      work.rowCounts[ky] = count;
    }
  }

  void copyDy(const Work& work, const float* dy) const {
    const PixelBox& box = work.box;
    const int columns = static_cast<int>(box.columns.end - box.columns.begin);
    float* block = work.dy;
    for (const Channels& outs : work.unit.outs) {
      const int width = dyWidth(outs);
      float* to = block;
      for (int64_t n = box.images.begin; n < box.images.end; n++) {
        for (int64_t oy = box.rows.begin; oy < box.rows.end; oy++, to += int64_t{columns} * width) {
          const float* from =
              dy + ((n * s_.oh + oy) * s_.ow + box.columns.begin) * s_.o + outs.first;
          tiles_.copy(from, s_.o, columns, width, to, width);
        }
      }
      block += dyFloats(outs);
    }
  }

  void copyX(const Work& work, const void* x) const {
    const PixelBox& strip = work.strip;
    const Span rows = plan_.rows.lines(strip.rows), columns = plan_.columns.lines(strip.columns);
    int64_t line = 0;
    for (int64_t n = strip.images.begin; n < strip.images.end; n++) {
      for (int r = rows.from; r < rows.to; r++, line++) {
        float* block = work.x;
        for (const Channels& ins : work.unit.ins) {
          copyRow(x, (n * s_.h + plan_.rows.source(r)) * s_.w, columns, ins,
                  block + line * columns.count() * plan_.widthOf(ins));
          block += xFloats(ins);
        }
      }
    }
  }

  // Columns [from, to) of the row of x that begins at pixel `row`; zeros outside of it.
  void copyRow(const void* x, int64_t row, Span columns, const Channels& ins, float* to) const {
    const int width = plan_.widthOf(ins);
    int from = columns.from, end = columns.to;
    if (plan_.columns.bordered) {
      from = std::clamp(0, columns.from, columns.to);
      end = std::clamp(s_.w, from, columns.to);
    }
    const int step = plan_.columns.byOutput ? s_.sw : 1;
    float* inside = to + int64_t{from - columns.from} * width;
    std::fill(to, inside, 0.0f);
    const int64_t pixel = row + plan_.columns.source(from);
    if (isBits_) {
      const int words = bitWords(s_.c);
      tiles_.expand(static_cast<const uint64_t*>(x) + pixel * words, int64_t{step} * words, words,
                    end - from, ins.first, ins.count, inside, width);
    } else {
      tiles_.copy(static_cast<const float*>(x) + pixel * s_.c + ins.first, int64_t{step} * s_.c,
                  end - from, ins.count, inside, width);
    }
    std::fill(inside + int64_t{end - from} * width, to + int64_t{columns.count()} * width, 0.0f);
  }

  // The sums [out block][in block][group][element][lane] as [o][kh][kw][c/g]: a row of a group of
  // taps over all input blocks after the other, because these follow each other in memory.
  void write(const Work& work, float* y) const {
    const int depth = s_.c / s_.g;
    const int64_t ld = int64_t{s_.kh} * s_.kw * depth;
    const float* sums = work.sums;
    for (const Channels& outs : work.unit.outs) {
      const int width = dyWidth(outs);
      int64_t before = 0;  // floats of the groups before, of a block of one element
      for (const TapGroup& group : plan_.taps) {
        for (int o = 0; o < outs.count; o++) {
          float* row = y + (outs.first + o) * ld + (int64_t{group.ky} * s_.kw + group.kx) * depth;
          int64_t block = 0;  // elements of the blocks before
          for (const Channels& ins : work.unit.ins) {
            const int elements = plan_.elementsOf(group, ins);
            const int each = plan_.depthwise ? 1 : ins.count;
            const float* from = sums + (block + before * each) * width + o;
            float* to = row + (plan_.depthwise ? 0 : ins.first % depth);
            for (int e = 0; e < elements; e++) to[e] = from[int64_t{e} * width];
            block += taps() * each;
          }
        }
        before += group.taps;
      }
      for (const Channels& ins : work.unit.ins)
        sums += taps() * (plan_.depthwise ? 1 : ins.count) * width;
    }
  }

  int64_t taps() const { return int64_t{s_.kh} * s_.kw; }

  const Tiles tiles_;
  const int parts_;
  const Plan plan_;
  const ConvShape& s_;
  int x_, dy_, y_;
  bool isBits_, dyInPlace_, xInPlace_;
  size_t sumBytes_, rowBytes_, dyBytes_, xBytes_;
};

}  // namespace
}  // namespace weight_gradient

std::unique_ptr<Step> make_weight_gradient(const Instruction& in, BuildContext& context) {
  const int xBits = in.field(3), parts = in.field(20);
  if (xBits != 32 && xBits != 1) return nullptr;
  const ConvShape shape = {in.field(4),  in.field(5),  in.field(6),  in.field(7),
                           in.field(8),  in.field(9),  in.field(10), in.field(11),
                           in.field(12), in.field(13), in.field(14), in.field(15),
                           in.field(16), in.field(17), in.field(18), in.field(19)};
  if (context.isa() == Isa::reference)
    return weight_gradient::makeReference(in, shape, xBits == 1, parts);
  return std::make_unique<weight_gradient::GradientStep>(in, shape, context);
}

}  // namespace bitplane
