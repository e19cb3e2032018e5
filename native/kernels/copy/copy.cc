// The copy step. The box is joined and ordered by y's strides; then its inside is one of
//   rows:       both sides contiguous: memcpy;
//   transpose:  y is contiguous along one dimension, x along another (NCHW to NHWC and back):
//               tiles of 16 x 16, so that every cache line of either side is used whole while it
//               is near;
//   strided:    anything else, element by element.
// Plain memory, one variant.
#include "kernels/copy/copy.h"

#include <algorithm>

#include "kernels/box.h"
#include "kernels/sweep.h"
#include "kernels/transpose.h"

namespace bitplane {

namespace {

constexpr int kX = 0, kY = 1;

// y[a * ys + b] = x[a + b * xs] for a < A, b < B.
template <int B, typename T>
void interleave(const T* x, int64_t xs, T* y, int64_t ys, int64_t countA) {
  for (int64_t a = 0; a < countA; a++) {
    for (int b = 0; b < B; b++) y[a * ys + b] = x[a + b * xs];
  }
}

template <typename T>
void transpose(const T* x, int64_t xs, T* y, int64_t ys, int64_t countA, int64_t countB) {
  switch (countB) {  // few channels: pictures
    case 2:
      return interleave<2>(x, xs, y, ys, countA);
    case 3:
      return interleave<3>(x, xs, y, ys, countA);
    case 4:
      return interleave<4>(x, xs, y, ys, countA);
  }
  if constexpr (sizeof(T) == 4) {
    transposeWords(x, xs, y, ys, countA, countB);
  } else {
    constexpr int64_t kTile = 16;
    for (int64_t a0 = 0; a0 < countA; a0 += kTile) {
      const int64_t a1 = std::min(countA, a0 + kTile);
      for (int64_t b0 = 0; b0 < countB; b0 += kTile) {
        const int64_t b1 = std::min(countB, b0 + kTile);
        for (int64_t a = a0; a < a1; a++) {
          for (int64_t b = b0; b < b1; b++) y[a * ys + b] = x[a + b * xs];
        }
      }
    }
  }
}

template <typename T>
class CopyStep final : public Step {
 public:
  CopyStep(const Instruction& in, int threads)
      : x_(in.field(0)), y_(in.field(1)), xOffset_(in.field(2)), yOffset_(in.field(3)) {
    Box<2> box;
    for (int d = 0; d < kBoxDims; d++)
      box.push(in.field(4 + d), {in.field(10 + d), in.field(16 + d)});
    box.sortBy(kY);
    box_ = box.joined();
    elements_ = box_.elements();
    const int last = box_.rank - 1;
    const bool yRow = box_.stride[kY][last] == 1 || box_.size[last] == 1;
    if (yRow && (box_.stride[kX][last] == 1 || box_.size[last] == 1)) {
      kind_ = Kind::rows;
      inner_ = 1;
    } else if (yRow && bringXRowInside()) {
      kind_ = Kind::transpose;
      inner_ = 2;
    }
    // Tasks cut the longest dimension, whatever it is; pieces of rows and of tiles stay whole cache
    // lines.
    cut_ = static_cast<int>(std::max_element(box_.size, box_.size + box_.rank) - box_.size);
    const int64_t grain = cut_ >= box_.rank - inner_ ? 16 : 1;
    grain_ = grain;
    tasks_ = static_cast<int>(std::min<int64_t>(
        tasksFor(elements_ / 4, threads), std::max<int64_t>(1, ceilDiv(box_.size[cut_], grain))));
  }

  int tasks() const override { return elements_ > 0 ? tasks_ : 0; }
  const char* kernelName() const override {
    constexpr bool kBytes = sizeof(T) == 1;
    switch (kind_) {
      case Kind::rows:
        return kBytes ? "copy_8_rows" : "copy_32_rows";
      case Kind::transpose:
        return kBytes ? "copy_8_transpose_16x16" : "copy_32_transpose_16x16";
      default:
        return kBytes ? "copy_8_strided" : "copy_32_strided";
    }
  }

  void run(int task, const Buffers& buffers, void*) const override {
    Box<2> box = box_;
    const Range part = partOf(box.size[cut_], tasks_, task, grain_);
    box.size[cut_] = part.end - part.begin;
    const T* x = buffers.get<const T>(x_) + xOffset_ + part.begin * box.stride[kX][cut_];
    T* y = buffers.get<T>(y_) + yOffset_ + part.begin * box.stride[kY][cut_];
    const int outer = box.rank - inner_;
    int64_t count = 1;
    for (int d = 0; d < outer; d++) count *= box.size[d];
    const int last = box.rank - 1;
    for (int64_t i = 0; i < count; i++) {
      const T* from = x + box.offset(kX, outer, i);
      T* to = y + box.offset(kY, outer, i);
      if (kind_ == Kind::rows) {
        std::copy(from, from + box.size[last], to);
      } else if (kind_ == Kind::transpose) {
        transpose(from, box.stride[kX][last], to, box.stride[kY][last - 1], box.size[last - 1],
                  box.size[last]);
      } else {
        for (int64_t j = 0; j < box.size[last]; j++)
          to[j * box.stride[kY][last]] = from[j * box.stride[kX][last]];
      }
    }
  }

 private:
  enum class Kind { rows, transpose, strided };

  // Moves the dimension along which x is contiguous to the last but one place. False if there is
  // none.
  bool bringXRowInside() {
    for (int d = 0; d < box_.rank - 1; d++) {
      if (box_.stride[kX][d] != 1) continue;
      for (int e = d; e + 1 < box_.rank - 1; e++) {
        std::swap(box_.size[e], box_.size[e + 1]);
        for (auto& stride : box_.stride) std::swap(stride[e], stride[e + 1]);
      }
      return true;
    }
    return false;
  }

  int x_, y_;
  int64_t xOffset_, yOffset_;
  Box<2> box_;
  int64_t elements_;
  Kind kind_ = Kind::strided;
  int inner_ = 1;  // dimensions that the inner loop takes
  int cut_;
  int64_t grain_;
  int tasks_;
};

}  // namespace

std::unique_ptr<Step> make_copy(const Instruction& instruction, BuildContext& context) {
  if (context.isa() == Isa::reference) return makeReferenceCopy(instruction);
  if (instruction.field(22) == 1)
    return std::make_unique<CopyStep<uint8_t>>(instruction, context.threads());
  return std::make_unique<CopyStep<int32_t>>(instruction, context.threads());
}

}  // namespace bitplane
