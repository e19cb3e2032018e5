/**
 * Feeds the parser of native programs with mutated code streams: each must build or be refused with
 * an error. No public function takes a program; the package's own compiler writes programs from
 * verified graphs. The addon trusts that buffers are as large as the sizes say, so sizes are
 * mutated only to values that must be refused.
 */
import { addon } from '../../src/native/addon.ts';
import { Difference } from './agree.mjs';

/** Of the buffers of `readProgram`, by the kind of a field. Every other field is 1. */
const NUMBERS = { in: 0, out: 0, weights: 2, constant: 2 };

/** A stream of correct instructions, as 32-bit numbers. */
export function programSeeds() {
  return addon().opcodes.map(({ fields }, number) => {
    const values = fields.map(({ name, kind }) =>
      name === 'thresholds' ? -1 : (NUMBERS[kind] ?? 1),
    );
    const stores = fields.some(({ kind }) => kind === 'out');
    const epilogue = stores ? [] : [0, 2, 0, 1, -1, 0, 0, 0, 0, 0];
    return Buffer.from(
      Int32Array.of(number, fields.length, ...values, epilogue.length / 10, ...epilogue).buffer,
    );
  });
}

/** Streams that are joined, cut, and changed to invalid numbers. */
export function mutateProgram(random, bytes, other) {
  const stream = [...new Int32Array(Uint8Array.from(Buffer.concat([bytes, other])).buffer)];
  for (let times = 1 + random.below(3); times > 0; times--) random.pick(KINDS)(random, stream);
  return Buffer.from(Int32Array.from(stream).buffer);
}

const WRONG = [-1, -2, -(2 ** 31), 0];
const place = (random, stream) => random.below(stream.length || 1);

const KINDS = [
  (random, stream) => stream.splice(place(random, stream), 1 + random.below(4)),
  (random, stream) => {
    stream.length = place(random, stream);
  },
  (random, stream) => {
    stream[place(random, stream)] = random.pick(WRONG);
  },
  (random, stream) => stream.splice(place(random, stream), 0, random.pick(WRONG)),
  (random, stream) => {
    // The opcode, or how many fields or epilogue steps it has.
    const { opcodes } = addon();
    stream[random.below(2)] = random.pick([opcodes.length, random.below(40), 2 ** 31 - 1, -1]);
  },
];

export async function readProgram(bytes) {
  const native = addon();
  const code = new Int32Array(Uint8Array.from(bytes.subarray(0, bytes.length & ~3)).buffer);
  const constants = new native.Constants([new Uint8Array(1 << 16)]);
  const buffers = Float64Array.of(0, 0, 4096, 0, 4096, 4096, 2, 0, 1 << 16);
  try {
    new native.Program(
      constants,
      code,
      buffers,
      { arenaBytes: 8192, isa: native.bestIsa, threads: 1 },
      [0],
      [1],
    ).release();
    return 'ran';
  } catch (error) {
    if (/malformed|refused/.test(error.message)) return 'refused';
    throw new Difference(`no sentence of the parser: ${error.message}`);
  } finally {
    constants.release();
  }
}
