/** Numbers from a seed, and those at which programs often fail. Not here: their use. */

/** Where counts, sizes and offsets break: around 0, powers of two, and the ends of integers. */
const EDGES = [
  0, 0, 1, 1, 2, 3, -1, -1, -2, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 1000,
  65535, 65536,
];
const FAR = [
  2 ** 20,
  2 ** 24,
  2 ** 30,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  1e-45,
  1e-38,
  3.4e38,
  -3.4e38,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  2 ** 24,
];

export class Random {
  constructor(seed) {
    this.state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
  }

  /** A whole number from 0 to 2^32 - 1 (mulberry32). */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A whole number below `count`. */
  below(count) {
    return Math.floor((this.next() / 2 ** 32) * count);
  }

  /** True once in `times`. */
  once(times) {
    return this.below(times) === 0;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /**
   * A number like `value`, or one that is known to hurt; far ones are rare, because little follows
   * them.
   */
  integer(value) {
    const kind = this.below(10);
    // Of a file that was mutated before, a size may be bytes.
    if (kind < 4 && Number.isInteger(value)) return value + this.pick([-2, -1, 1, 2]);
    return kind < 9 ? this.pick(EDGES) : this.pick(FAR);
  }

  float() {
    return this.once(3)
      ? this.pick(FLOATS)
      : (this.next() / 2 ** 31 - 1) * this.pick([1, 1, 4, 100]);
  }

  bytes(length) {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
