// The map over few channels: [pixels][C] is taken as [pixels / 64][64 C], with each per-channel
// operand repeated 64 times, so that tiles are full. The last pixels, fewer than 64, run as they
// are. Each value goes through the same operations, so the result is the same bits. Not for
// epilogues with sign bits, planes, thresholds or operands per pixel or image: those know C.
#include "kernels/map/map.h"
#include "kernels/sweep.h"

namespace bitplane {

namespace {

constexpr int kFold = 64;  // pixels taken as one
constexpr int kMostChannels = 8;

class NarrowMapStep final : public Step {
 public:
  NarrowMapStep(const Instruction& in, const BuildContext& context)
      : x_(in.field(0)),
        type_(static_cast<MapInput>(in.field(1))),
        channels_(in.field(4)),
        pixels_(int64_t{in.field(2)} * in.field(3)),
        name_(epilogueName(context.isa())) {
    // Each operand and target gets a number here, so that the epilogue can be given repeated
    // operands in place of the program's.
    std::vector<EpilogueStep> steps = decodeEpilogue(in);
    for (EpilogueStep& s : steps) {
      for (int32_t* buffer : {&s.buffer, &s.second}) {
        if (*buffer < 0) continue;
        const int64_t bytes = elementBytes(s.type, channels_);
        buffers_.push_back({*buffer, s.kind == OperandKind::channel ? bytes : 0});
        *buffer = static_cast<int32_t>(buffers_.size()) - 1;
      }
    }
    // No step depends on where an image ends, so all pixels count as one.
    foldedEpilogue_ = Epilogue(context.isa(), steps, kFold * channels_, pixels_);
    restEpilogue_ = Epilogue(context.isa(), std::move(steps), channels_, pixels_);
    tasks_ = static_cast<int>(std::min<int64_t>(
        std::max<int64_t>(1, pixels_ / kFold),
        tasksFor(pixels_ * channels_ / 16 * in.epilogueLength, context.threads())));
    operandBytes_ = roundUp<size_t>(static_cast<size_t>(kFold * channels_) * 4 + kSlack, kAlign);
    pointerBytes_ = roundUp<size_t>(buffers_.size() * sizeof(void*), kAlign);
  }

  int tasks() const override { return tasks_; }
  const char* kernelName() const override { return name_; }
  size_t scratchBytes() const override {
    return 2 * pointerBytes_ + buffers_.size() * operandBytes_ +
           static_cast<size_t>(kBlockRows * kFold * channels_) * 4 + kSlack;
  }

  void run(int task, const Buffers& buffers, void* scratch) const override {
    char* memory = static_cast<char*>(scratch);
    void** plain = reinterpret_cast<void**>(memory);
    void** folded = reinterpret_cast<void**>(memory + pointerBytes_);
    memory += 2 * pointerBytes_;
    for (size_t i = 0; i < buffers_.size(); i++, memory += operandBytes_) {
      plain[i] = folded[i] = buffers.at[buffers_[i].buffer];
      const size_t bytes = static_cast<size_t>(buffers_[i].repeats);
      if (bytes == 0) continue;
      for (int k = 0; k < kFold; k++) std::memcpy(memory + k * bytes, plain[i], bytes);
      folded[i] = memory;
    }
    float* block = reinterpret_cast<float*>(memory);

    const Range part = partOf(pixels_, tasks_, task, kFold);
    const int width = kFold * channels_;
    int64_t pixel = part.begin;
    while (part.end - pixel >= kFold) {
      const int rows = static_cast<int>(std::min<int64_t>(kBlockRows, (part.end - pixel) / kFold));
      load(buffers, pixel, int64_t{rows} * kFold, block);
      foldedEpilogue_.run(Buffers{folded}, {block, width, pixel / kFold, rows, 0, width});
      pixel += int64_t{rows} * kFold;
    }
    if (pixel < part.end) {
      const int rows = static_cast<int>(part.end - pixel);
      load(buffers, pixel, rows, block);
      restEpilogue_.run(Buffers{plain}, {block, channels_, pixel, rows, 0, channels_});
    }
  }

 private:
  // A buffer of the program that the epilogue reads or writes.
  struct Used {
    int buffer;
    int64_t repeats;  // bytes that are repeated for every pixel; 0 for none
  };

  static constexpr int kBlockRows = 8;

  void load(const Buffers& buffers, int64_t pixel, int64_t count, float* block) const {
    convertToFloat(type_, buffers.get<const void>(x_), pixel * channels_, count * channels_, block);
  }

  int x_;
  MapInput type_;
  int channels_;
  int64_t pixels_;
  std::vector<Used> buffers_;
  Epilogue foldedEpilogue_, restEpilogue_;
  const char* name_;
  int tasks_;
  size_t operandBytes_, pointerBytes_;
};

}  // namespace

bool isNarrow(const Instruction& in) {
  if (static_cast<MapInput>(in.field(1)) == MapInput::b1 || in.field(4) > kMostChannels)
    return false;
  for (const EpilogueStep& s : decodeEpilogue(in)) {
    if (s.type == OperandType::b1) return false;
    if (s.op == EpilogueOp::store_bits || s.op == EpilogueOp::store_planes ||
        s.op == EpilogueOp::multithreshold || s.pitch > 0)
      return false;
    if (s.kind == OperandKind::pixel || s.kind == OperandKind::image_channel) return false;
  }
  return true;
}

std::unique_ptr<Step> makeNarrowMap(const Instruction& instruction, const BuildContext& context) {
  return std::make_unique<NarrowMapStep>(instruction, context);
}

}  // namespace bitplane
