/**
 * The exponent of a number, exactly; Math.log2 may be off by one beside a power of two.
 */
const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** floor(log2 |x|) of a finite x other than 0. The host is little-endian, as all of Node's are. */
export function exponentOf(x: number): number {
  // A float32 is a normal float64, subnormal or not.
  float[0] = x;
  return (((words[1] as number) >>> 20) & 0x7ff) - 1023;
}
