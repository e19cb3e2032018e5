// See pack.h. A task is a few pieces of the packed form.
#include "kernels/pack/pack.h"

#include <algorithm>

#include "kernels/bconv/bconv.h"
#include "kernels/conv/conv.h"
#include "kernels/input_gradient/input_gradient.h"
#include "kernels/packing.h"
#include "kernels/qconv/qconv.h"
#include "kernels/qdwconv/qdwconv.h"
#include "kernels/sweep.h"

namespace bitplane {

namespace {

enum class Reader : int32_t {
  bconv = 0,
  conv = 1,
  dwconv = 2,
  qconv = 3,
  qdwconv = 4,
  inputGradient = 5
};

struct Fields {
  int x, y;
  Reader reader;
  int weightBits;
  ConvShape shape;
  int padding;
  qconv::Numbers numbers;
};

// The packed form is the same for any number of images: it is planned for one.
Fields fieldsOf(const Instruction& in) {
  ConvShape shape = {1,
                     in.field(5),
                     in.field(6),
                     in.field(7),
                     in.field(8),
                     in.field(9),
                     in.field(10),
                     in.field(11),
                     in.field(12),
                     in.field(13),
                     in.field(14),
                     in.field(15),
                     in.field(16),
                     in.field(17),
                     in.field(18),
                     in.field(19)};
  return {in.field(0),
          in.field(1),
          static_cast<Reader>(in.field(2)),
          in.field(3),
          shape,
          in.field(20),
          qconv::numbersOf(in.field(21), in.field(22), in.field(3), in.field(23), in.field(24))};
}

std::unique_ptr<WeightPacking> packingOf(const Fields& f, Isa isa, Features features, int threads) {
  const ConvShape& s = f.shape;
  switch (f.reader) {
    case Reader::qconv:
      return qconv::packingFor(s, f.numbers, isa, features, threads);
    case Reader::qdwconv:
      if (s.g != s.c || s.o != s.c) return nullptr;
      return qdwconv::packingFor(s, f.numbers, isa);
    default:
      break;
  }
  if (f.weightBits != 1 && f.weightBits != 32) return nullptr;
  switch (f.reader) {
    case Reader::bconv:
      if (f.weightBits != 1) return nullptr;
      return bconv::packingFor(
          {-1,   -1,   -1,   -1,   s.n,  s.h,  s.w,
           s.c,  s.oh, s.ow, s.o,  s.kh, s.kw, s.sh,
           s.sw, s.dh, s.dw, s.pt, s.pl, s.g,  static_cast<bconv::Padding>(f.padding)},
          isa, features, threads);
    case Reader::conv:
      return convPacking(s, f.weightBits, isa, threads);
    case Reader::dwconv:
      return depthwisePacking(s, f.weightBits, isa);
    case Reader::inputGradient:
      return inputGradientPacking(s, f.weightBits, isa, threads);
    default:
      return nullptr;
  }
}

class PackStep final : public Step {
 public:
  PackStep(const Fields& fields, std::unique_ptr<WeightPacking> packing, int threads)
      : x_(fields.x), y_(fields.y), packing_(std::move(packing)) {
    const int64_t elements = int64_t{fields.shape.o} * fields.shape.window();
    tasks_ = std::min(tasksFor(elements, threads), packing_->parts());
  }
  int tasks() const override { return tasks_; }
  const char* kernelName() const override { return "pack_weights"; }
  void run(int task, const Buffers& buffers, void*) const override {
    const Range parts = partOf(packing_->parts(), tasks_, task);
    for (int64_t part = parts.begin; part < parts.end; part++)
      packing_->pack(static_cast<int>(part), buffers.get<const void>(x_), buffers.get<void>(y_));
  }

 private:
  int x_, y_;
  std::unique_ptr<WeightPacking> packing_;
  int tasks_;
};

}  // namespace

size_t packedWeightBytes(const Instruction& instruction, Isa isa, Features features, int threads) {
  const auto packing = packingOf(fieldsOf(instruction), isa, features, threads);
  return packing == nullptr ? 0 : std::max<size_t>(1, packing->bytes());
}

std::unique_ptr<Step> make_pack(const Instruction& instruction, BuildContext& context) {
  const Fields fields = fieldsOf(instruction);
  auto packing = packingOf(fields, context.isa(), context.features(), context.threads());
  if (packing == nullptr || fields.x < 0 || fields.y < 0) return nullptr;
  if (context.bufferBytes(fields.y) < packing->bytes()) return nullptr;
  return std::make_unique<PackStep>(fields, std::move(packing), context.threads());
}

}  // namespace bitplane
