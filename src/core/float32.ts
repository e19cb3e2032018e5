/** Numbers of float32 that stand beside others. Not here: rounding to it (Math.fround). */

/** The greatest finite float. */
export const MOST_FLOAT = 3.4028234663852886e38;

/** The smallest float above a float; NaN and infinity stay. */
export function nextUp(value: number): number {
  if (value === Infinity || Number.isNaN(value)) return value;
  if (value === 0) return 2 ** -149;
  const bits = new Int32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0] as number) + (value > 0 ? 1 : -1);
  return new Float32Array(bits.buffer)[0] as number;
}
