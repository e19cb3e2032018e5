/**
 * Row-major index arithmetic for oracles and constant folding. Not here: shapes with symbols
 * (./shapes.ts).
 */

/** The distance between neighbours along each axis. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/**
 * Maps the flat index of an element of `shape` to offset + sum of coordinate * stride.
 */
export function strided(
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
): (index: number) => number {
  return (index) => {
    let rest = index;
    let at = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis]!;
      at += (rest % size) * strides[axis]!;
      rest = Math.floor(rest / size);
    }
    return at;
  };
}

/**
 * The strides by which an operand that broadcasts to `shape` is read: 0 along what it is stretched.
 */
export function stretched(shape: readonly number[], operand: readonly number[]): number[] {
  const strides = rowMajor(operand);
  const missing = shape.length - operand.length;
  return shape.map((_, axis) =>
    axis < missing || operand[axis - missing] === 1 ? 0 : strides[axis - missing]!,
  );
}

/**
 * Maps the flat index of an element of `shape` to the one it reads in an operand that broadcasts to
 * `shape`.
 */
export function indexer(
  shape: readonly number[],
  operand: readonly number[],
): (index: number) => number {
  return strided(shape, stretched(shape, operand));
}
