/**
 * Kernels, strides and pads as people write them, and as ops take them. Not here: shapes of results
 * (src/ops).
 */

export type Pads = readonly [top: number, left: number, bottom: number, right: number];

/** One number is height and width. */
export function pair(size: number | readonly [number, number]): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size;
}

/**
 * A number pads every side; 'same' is TensorFlow's: the least that gives ceil(size / stride)
 * outputs, an odd element at the end.
 */
export function padsOf(
  pads: number | Pads | 'same',
  size: readonly [number, number],
  kernel: readonly [number, number],
  strides: readonly [number, number],
): Pads {
  if (typeof pads === 'number') return [pads, pads, pads, pads];
  if (pads !== 'same') return pads;
  const total = ([0, 1] as const).map((axis) => {
    const outputs = Math.ceil(size[axis] / strides[axis]);
    return Math.max(0, (outputs - 1) * strides[axis] + kernel[axis] - size[axis]);
  }) as [number, number];
  const [top, left] = total.map((sum) => Math.floor(sum / 2)) as [number, number];
  return [top, left, total[0] - top, total[1] - left];
}
