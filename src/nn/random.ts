/**
 * Seeded random numbers, the same on every machine. Not here: anything secret or statistical at
 * scale.
 */

/**
 * Uniform in [0, 1): 32-bit mixing of a counter (splitmix). Different names give unrelated streams.
 */
export function randomStream(seed: number, name: string): () => number {
  let state = seed >>> 0;
  for (let i = 0; i < name.length; i++)
    state = Math.imul(state ^ name.charCodeAt(i), 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Fills with N(0, deviation^2), two numbers a step (Box and Muller). */
export function fillNormal(data: Float32Array, deviation: number, random: () => number): void {
  for (let i = 0; i < data.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    data[i] = radius * Math.cos(angle);
    if (i + 1 < data.length) data[i + 1] = radius * Math.sin(angle);
  }
}
