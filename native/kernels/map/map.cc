// The map step. One variant: the work is in the epilogue, which has its own; converting is a plain
// loop that compilers vectorise.
#include "kernels/map/map.h"

#include <cstring>

#include "kernels/sweep.h"

namespace bitplane {

namespace {

// Four bits as four floats, lowest first: a load of 16 bytes in place of four shifts.
struct Nibbles {
  float of[16][4];
  constexpr Nibbles() : of() {
    for (int n = 0; n < 16; n++) {
      for (int i = 0; i < 4; i++) of[n][i] = n >> i & 1 ? -1.0f : 1.0f;
    }
  }
};
constexpr Nibbles kNibbles;

// n channels from c0 on, a multiple of 64, of one pixel. Writes whole groups of 4.
void expandBits(const uint64_t* words, int c0, int n, float* out) {
  for (int c = 0; c < n; c += 4) {
    std::memcpy(out + c, kNibbles.of[words[(c0 + c) / 64] >> (c % 64) & 15], 16);
  }
}

template <typename T>
void toFloats(const T* x, int64_t n, float* out) {
  for (int64_t i = 0; i < n; i++) out[i] = static_cast<float>(x[i]);
}

class MapStep final : public Step {
 public:
  MapStep(const Instruction& in, const BuildContext& context)
      : x_(in.field(0)),
        type_(static_cast<MapInput>(in.field(1))),
        channels_(in.field(4)),
        epilogue_(context.isa(), decodeEpilogue(in), channels_, in.field(3)),
        name_(epilogueName(context.isa())),
        sweep_(planSweep(int64_t{in.field(2)} * in.field(3), channels_, 512, in.epilogueLength + 1,
                         context.threads())) {}

  int tasks() const override { return sweep_.tasks(); }
  size_t scratchBytes() const override { return sweep_.blockBytes(); }
  const char* kernelName() const override { return name_; }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    float* block = static_cast<float*>(scratch);
    sweep_.each(task, [&](int64_t pixel, int count, int c0, int cn) {
      // Whole pixels of few channels convert as one run, which the epilogue then sees without gaps.
      if (cn == channels_ && type_ != MapInput::b1) {
        convertToFloat(type_, buffers.get<const void>(x_), pixel * channels_, int64_t{count} * cn,
                       block);
        epilogue_.run(buffers, {block, cn, pixel, count, c0, cn});
        return;
      }
      for (int r = 0; r < count; r++) {
        float* row = block + r * sweep_.ld;
        if (type_ == MapInput::b1)
          expandBits(buffers.get<const uint64_t>(x_) + (pixel + r) * bitWords(channels_), c0, cn,
                     row);
        else
          convertToFloat(type_, buffers.get<const void>(x_), (pixel + r) * channels_ + c0, cn, row);
      }
      epilogue_.run(buffers, {block, sweep_.ld, pixel, count, c0, cn});
    });
  }

 private:
  int x_;
  MapInput type_;
  int channels_;
  Epilogue epilogue_;
  const char* name_;
  Sweep sweep_;
};

}  // namespace

void convertToFloat(MapInput type, const void* x, int64_t first, int64_t n, float* out) {
  switch (type) {
    case MapInput::i32:
      return toFloats(static_cast<const int32_t*>(x) + first, n, out);
    case MapInput::i8:
      return toFloats(static_cast<const int8_t*>(x) + first, n, out);
    case MapInput::u8:
      return toFloats(static_cast<const uint8_t*>(x) + first, n, out);
    default:
      std::memcpy(out, static_cast<const float*>(x) + first, static_cast<size_t>(n) * 4);
  }
}

std::unique_ptr<Step> make_map(const Instruction& instruction, BuildContext& context) {
  if (context.isa() != Isa::reference && isNarrow(instruction))
    return makeNarrowMap(instruction, context);
  return std::make_unique<MapStep>(instruction, context);
}

}  // namespace bitplane
