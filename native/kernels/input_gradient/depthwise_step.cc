// See depthwise_step.h. Weights are packed as those of the depthwise convolution
// (kernels/dwconv).
#include "kernels/input_gradient/depthwise_step.h"

#include <cstdio>

#include "kernels/epilogue/epilogue.h"
#include "kernels/packing.h"
#include "kernels/sweep.h"

namespace bitplane {
namespace input_gradient {

namespace {

// What each input of an axis meets, in the order of the outputs.
struct AxisTable {
  std::vector<int> start;
  std::vector<Meeting> meetings;

  explicit AxisTable(const WindowAxis& axis) {
    for (int i = 0; i < axis.size; i++) {
      start.push_back(static_cast<int>(meetings.size()));
      const Span outputs = axis.outputsOf(i);
      for (int o = outputs.from; o < outputs.to; o++) {
        const int tap = axis.tapAt(o, i);
        if (tap >= 0) meetings.push_back({o, tap});
      }
    }
    start.push_back(static_cast<int>(meetings.size()));
  }
  size_t bytes() const { return start.size() * sizeof(int) + meetings.size() * sizeof(Meeting); }
};

class DepthwiseStep final : public Step {
 public:
  DepthwiseStep(const Instruction& instruction, const ConvShape& s, DepthwiseFn run,
                const char* name, PackedWeights weights, const BuildContext& context)
      : s_(s),
        run_(run),
        name_(name),
        weights_(std::move(weights)),
        x_(instruction.field(0)),
        rows_({s.oh, s.h, s.kh, s.sh, s.dh, s.pt}),
        columns_({s.ow, s.w, s.kw, s.sw, s.dw, s.pl}),
        epilogue_(context.isa(), decodeEpilogue(instruction), s.o, int64_t{s.oh} * s.ow),
        sweep_(planSweep(s.pixels(), s.o, 256,
                         ceilDiv<int64_t>(int64_t{std::min(s.kh, s.h)} * std::min(s.kw, s.w),
                                          int64_t{s.sh} * s.sw),
                         context.threads())) {}

  int tasks() const override { return sweep_.tasks(); }
  size_t scratchBytes() const override { return sweep_.blockBytes(); }
  size_t tableBytes() const override { return rows_.bytes() + columns_.bytes(); }
  const char* kernelName() const override { return name_; }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    const float* dy = buffers.get<const float>(x_);
    float* block = static_cast<float*>(scratch);
    DepthwisePart part = {};
    part.weights = weights_.at<float>(buffers);
    part.weightLd = roundUp(s_.o, 16);
    part.rowPitch = int64_t{s_.w} * s_.c;
    part.channels = s_.c;
    part.kw = s_.kw;
    part.columns = columns_.meetings.data();
    part.columnStart = columns_.start.data();
    part.ld = sweep_.ld;
    sweep_.each(task, [&](int64_t pixel, int count, int c0, int cn) {
      part.c0 = c0;
      part.cn = cn;
      for (int done = 0; done < count; done += part.count) {
        const int64_t row = (pixel + done) / s_.ow;
        const int i = static_cast<int>(row % s_.oh);
        part.dy = dy + row / s_.oh * s_.h * part.rowPitch;
        part.rows = rows_.meetings.data() + rows_.start[i];
        part.rowCount = rows_.start[i + 1] - rows_.start[i];
        part.first = static_cast<int>((pixel + done) % s_.ow);
        part.count = std::min(count - done, s_.ow - part.first);
        part.out = block + done * sweep_.ld;
        run_(part);
      }
      epilogue_.run(buffers, {block, sweep_.ld, pixel, count, c0, cn});
    });
  }

 private:
  const ConvShape s_;
  DepthwiseFn run_;
  const char* name_;
  PackedWeights weights_;
  int x_;
  AxisTable rows_, columns_;
  Epilogue epilogue_;
  Sweep sweep_;
};

struct Packing {
  ConvShape shape;
  int weightBits;
};

// w[C][KH KW] becomes [KH KW][ld].
void packConstant(const void* source, void* packed, const void* how) {
  const Packing& h = *static_cast<const Packing*>(how);
  const int taps = h.shape.kh * h.shape.kw;
  const int64_t ld = roundUp(h.shape.o, 16);
  for (int t = 0; t < taps; t++) {
    for (int c = 0; c < h.shape.o; c++)
      static_cast<float*>(packed)[t * ld + c] =
          weightAt(source, h.weightBits, int64_t{c} * taps + t);
  }
}

}  // namespace

std::unique_ptr<Step> makeDepthwise(const Instruction& instruction, const ConvShape& shape,
                                    DepthwiseFn run, const char* name, BuildContext& context) {
  const Packing how = {shape, instruction.field(2)};
  char key[64];
  std::snprintf(key, sizeof key, "dwconv c%d taps%d bits%d", shape.o, shape.kh * shape.kw,
                how.weightBits);
  const auto bytes = static_cast<size_t>(shape.kh * shape.kw) * roundUp(shape.o, 16) * 4;
  auto weights = PackedWeights::of(instruction.field(1), key, bytes, packConstant, &how, context);
  if (weights.empty()) return nullptr;
  return std::make_unique<DepthwiseStep>(instruction, shape, run, name, std::move(weights),
                                         context);
}

}  // namespace input_gradient
}  // namespace bitplane
