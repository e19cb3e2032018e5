// Pooling as its definition says: the oracle.
#include <cmath>

#include "kernels/epilogue/epilogue.h"
#include "kernels/pool/pool.h"

namespace bitplane {

namespace {

class ReferencePool final : public Step {
 public:
  ReferencePool(const Instruction& instruction, PoolKind kind, int images, const Window& window,
                const Elements& elements)
      : kind_(kind),
        images_(images),
        w_(window),
        elements_(elements),
        x_(instruction.field(0)),
        epilogue_(Isa::reference, decodeEpilogue(instruction), window.c,
                  int64_t{window.oh} * window.ow) {}
  int tasks() const override { return 1; }
  size_t scratchBytes() const override { return static_cast<size_t>(w_.c) * 4 + kSlack; }
  const char* kernelName() const override { return "pool_f32_reference"; }

  void run(int, const Buffers& buffers, void* scratch) const override {
    float* values = static_cast<float*>(scratch);
    int64_t pixel = 0;
    for (int n = 0; n < images_; n++) {
      const char* x =
          buffers.get<const char>(x_) + elements_.bytes(int64_t{n} * w_.h * w_.w * w_.c);
      for (int oy = 0; oy < w_.oh; oy++) {
        for (int ox = 0; ox < w_.ow; ox++) {
          for (int c = 0; c < w_.c; c++) values[c] = pooled(x, oy, ox, c);
          epilogue_.run(buffers, {values, w_.c, pixel++, 1, 0, w_.c});
        }
      }
    }
  }

 private:
  float pooled(const void* x, int oy, int ox, int c) const {
    float largest = -INFINITY;
    float sum = 0;
    int taps = 0;
    for (int ky = 0; ky < w_.kh; ky++) {
      for (int kx = 0; kx < w_.kw; kx++) {
        const int y = oy * w_.sh - w_.pt + ky * w_.dh;
        const int xx = ox * w_.sw - w_.pl + kx * w_.dw;
        if (y < 0 || y >= w_.h || xx < 0 || xx >= w_.w) continue;
        const float v = elements_.at(x, (int64_t{y} * w_.w + xx) * w_.c + c);
        largest = largest < v ? v : largest;
        sum += v;
        taps++;
      }
    }
    if (kind_ == PoolKind::maximum) return largest;
    return sum / static_cast<float>(kind_ == PoolKind::averageWithPadding ? w_.kh * w_.kw
                                                                          : (taps ? taps : 1));
  }

  PoolKind kind_;
  int images_;
  Window w_;
  Elements elements_;
  int x_;
  Epilogue epilogue_;
};

}  // namespace

std::unique_ptr<Step> makeReferencePool(const Instruction& instruction, PoolKind kind, int images,
                                        const Window& window, const Elements& elements) {
  return std::make_unique<ReferencePool>(instruction, kind, images, window, elements);
}

}  // namespace bitplane
