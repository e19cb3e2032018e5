// The gradient of pooling with respect to its operand, f32: y = epilogue(dx).
//
//   x is [N,H,W,C], dy is [N,OH,OW,C], dx as x
//   dx[n,i,j,c] = sum over the windows (p, q) that have a tap at (i, j), p then q upward, of
//     average:  dy[n,p,q,c] / (elements of x in the window, or with padding the cells that it has)
//     maximum:  dy[n,p,q,c] where (i, j) holds the first of the window's largest elements in row
//               order, else 0. Neither padding nor NaN is ever the largest; a window of NaN alone
//               gives nothing to anybody.
//
// Each element gathers what its windows give it, from +0 on, in single IEEE operations in a fixed
// order: no two threads write the same element, and the bits are the same on every instruction set.
#pragma once
#include <cstdint>

#include "kernels/geometry.h"
#include "kernels/step.h"

namespace bitplane {

enum class PoolGradKind : int32_t { maximum, average, averageWithPadding };

// One axis of the geometry, with what takes divisions as tables.
struct PoolAxis {
  WindowAxis axis;
  const Span* outputs;  // of input i: from the first to behind the last window that reaches it
  const Span* taps;     // of output o: those inside the picture
  const int* counts;    // of output o: how many taps count

  // The tap of output o, which reaches input i, that lies there; -1 where the dilation steps over.
  BITPLANE_INLINE int tapAt(int o, int i) const {
    const int offset = i - axis.start(o);
    if (axis.dilation == 1) return offset;
    return offset % axis.dilation == 0 ? offset / axis.dilation : -1;
  }
};

// Pixels [j, j + count) of row i of dx.
struct PoolGradPart {
  const float* dy;  // the image
  const PoolAxis *rows, *columns;
  int c, i, j, count;
  int c0, cn;  // channels; whole vectors are read and written, so up to 15 more
  float* out;  // [count][ld]
  int64_t ld;
  // Of maxima: the taps of the largest elements, as floats, [kept][OW][ld]; window row p is row
  // p mod kept.
  const float* largest;
  int kept;
};

// The taps ky kw + kx of the first largest elements of the windows of row p, -1 for none.
struct LargestPart {
  const float* x;  // the image
  const PoolAxis *rows, *columns;
  int p, c, c0, cn;
  float* out;  // [OW][ld]
  int64_t ld;
};

std::unique_ptr<Step> make_poolgrad(const Instruction& instruction, BuildContext& context);

}  // namespace bitplane
