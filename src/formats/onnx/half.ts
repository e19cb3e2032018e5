/**
 * Floats of 16 bits as float32, which holds every one of them exactly, and floats rounded to the
 * nearest half. Not here: files that hold them (./tensor.ts).
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

/** The nearest half of each float, the even one of two; what is too large is an infinity. */
export function toHalves(floats: Float32Array): Uint16Array {
  return Uint16Array.from(floats, nearestHalf);
}

function nearestHalf(float: number): number {
  const sign = float < 0 || Object.is(float, -0) ? 0x8000 : 0;
  const size = Math.abs(float);
  if (Number.isNaN(float)) return 0x7e00;
  // Half a step above the largest half, 65504; the tie goes to the even neighbour, infinity.
  if (size >= 65520) return sign | 0x7c00;
  // A step is 2^-24 below 2^-14, and a 1024th of the power of two from there on.
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const steps = roundToEven(size / 2 ** (exponent - 10));
  // 1024 steps of an exponent are the first of the next one: the carry is the sum's.
  return sign | (steps + (exponent + 14) * 1024);
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
