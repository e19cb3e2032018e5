/**
 * The random numbers of an epoch: the order of its pictures, and a stream for each picture. Not
 * here: the generator (src/nn/random.ts).
 *
 * A stream is a function of (seed, epoch, picture) alone, so a picture is treated the same way in a
 * batch of any size, and an interrupted run goes on with the batches that it would have had.
 */
import { randomStream } from '../nn/random.js';

/** 32 bits in, 32 bits out, every bit of the result depends on all of the input (murmur3). */
function mixed(value: number): number {
  let z = value >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/** One seed of three numbers; two triples share one with a chance of 1 in 2^32. */
function seedOf(...numbers: readonly [number, number, number]): number {
  let state = 0;
  for (const number of numbers) state = mixed(Math.imul(state, 0x9e3779b1) ^ mixed(number + 1));
  return state;
}

/** Uniform in [0, 1), for what is done to a picture in an epoch; unrelated for different names. */
export function pictureStream(
  seed: number,
  epoch: number,
  picture: number,
  name = 'picture',
): () => number {
  return randomStream(seedOf(seed, epoch, picture), name);
}

/** The numbers 0 to size - 1 in the order of an epoch (Fisher and Yates). */
export function shuffled(size: number, seed: number, epoch: number): Uint32Array {
  const random = randomStream(seedOf(seed, epoch, size), 'order');
  const order = new Uint32Array(size);
  for (let i = 0; i < size; i++) order[i] = i;
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const held = order[i] as number;
    order[i] = order[j] as number;
    order[j] = held;
  }
  return order;
}
