// The geometry of a kernel window, one axis at a time: what convolutions, pooling and their
// gradients ask of it. Not here: channels, memory, arithmetic on values.
//
// Output o applies tap t, 0 <= t < taps, to the input at
//
//   at(o, t) = o stride - before + t dilation
//
// which lies inside the picture where 0 <= at(o, t) < size. `before` is the padding before the
// picture; a negative one crops. The padding after it follows from the number of outputs.
//
// native/program/check.cc holds sizes, strides and dilations at 1 or more and every sum of two
// coordinates below 2^31. All functions are inlined by force: code of any instruction set may use
// them, and the linker finds no copy of them to merge.
#pragma once
#include <cstdint>

#include "simd/attributes.h"

namespace bitplane {

struct Span {
  int from, to;  // [from, to); empty where to <= from

  BITPLANE_INLINE constexpr int count() const { return to > from ? to - from : 0; }
  BITPLANE_INLINE constexpr bool has(int i) const { return i >= from && i < to; }
};

struct WindowAxis {
  int size, outputs, taps, stride, dilation, before;

  // Where the first tap of output o lies.
  BITPLANE_INLINE constexpr int start(int o) const { return o * stride - before; }
  BITPLANE_INLINE constexpr int at(int o, int t) const { return start(o) + t * dilation; }
  // From the first to behind the last tap of one window, and of the windows of neighbouring
  // outputs.
  BITPLANE_INLINE constexpr int reach() const { return (taps - 1) * dilation + 1; }
  BITPLANE_INLINE constexpr int span(int neighbours) const {
    return (neighbours - 1) * stride + reach();
  }

  // { t : at(o, t) inside }. Where it is empty, from == to still parts the taps before the picture
  // from those behind it.
  BITPLANE_INLINE constexpr Span tapsInside(int o) const {
    const int from = below(-start(o), dilation, taps);
    const int to = below(size - start(o), dilation, taps);
    return {from, to};
  }

  // { o : at(o, t) inside for every t }: the outputs whose windows lie wholly inside the picture.
  BITPLANE_INLINE constexpr Span interior() const {
    const int from = below(before, stride, outputs);
    const int to = below(size - reach() + 1 + before, stride, outputs);
    return {from, to > from ? to : from};
  }

  // { o : at(o, t) inside }: what a weight gradient sums over for tap t.
  BITPLANE_INLINE constexpr Span outputsOfTap(int t) const {
    const int offset = before - t * dilation;
    return {below(offset, stride, outputs), below(size + offset, stride, outputs)};
  }

  // The inputs in the picture from the first to behind the last that the outputs of `span` read.
  BITPLANE_INLINE constexpr Span inputsOf(Span outputs) const {
    if (outputs.count() == 0) return {0, 0};
    const int first = start(outputs.from), last = start(outputs.to - 1) + reach();
    return {first < 0 ? 0 : (first < size ? first : size),
            last < 0 ? 0 : (last < size ? last : size)};
  }

  // The outputs from the first to behind the last that have a tap at input i: what an input
  // gradient sums over. With a dilation some between them have none there (tapAt).
  BITPLANE_INLINE constexpr Span outputsOf(int i) const {
    return {below(i + before - reach() + 1, stride, outputs),
            below(i + before + 1, stride, outputs)};
  }

  // The tap of output o that lies at input i, or -1.
  BITPLANE_INLINE constexpr int tapAt(int o, int i) const {
    const int offset = i - start(o);
    if (offset < 0 || offset % dilation != 0 || offset / dilation >= taps) return -1;
    return offset / dilation;
  }

 private:
  // How many of 0, step, 2 step, ... lie below `limit`, `most` at most.
  BITPLANE_INLINE static constexpr int below(int limit, int step, int most) {
    const int count = limit <= 0 ? 0 : (limit - 1) / step + 1;
    return count < most ? count : most;
  }
};

}  // namespace bitplane
