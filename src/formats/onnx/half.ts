/**
 * Floats of 16 bits as float32, which holds every one of them exactly. Not here: rounding to them.
 */

/** IEEE half precision: a sign, 5 bits of exponent, 10 of mantissa. */
export function fromHalves(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, half);
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** bfloat16: the upper half of a float32. */
export function fromBrainHalves(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
}
