/**
 * CPU features below the instruction set: the choice of variants by a program of C++ with a table
 * of its own, and BITPLANE_WITHOUT.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { addon } from '../../src/native/addon.js';
import { featuresOf, withoutFeatures } from '../../src/native/features.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { compiled } from './compiled.js';

const run = compiled('features', ['native/cpu/isa.cc', 'native/cpu/features.cc']);
test.skipIf(run === undefined)('the first row whose features a machine has is chosen', () => {
  expect(run?.()).toBe('0 wrong\n');
});

/** As a machine with avx2 and avx512 has them, VNNI for the latter alone. */
const MACHINE = {
  features: [
    { name: 'vnni', isas: ['avx512'] },
    { name: 'dotprod', isas: [] },
    { name: 'i8mm', isas: ['neon'] },
  ],
};

describe('BITPLANE_WITHOUT', () => {
  test.each([
    [undefined, 0],
    ['', 0],
    ['vnni', 1],
    ['vnni,dotprod,i8mm', 7],
    [' i8mm , vnni ', 5],
    ['dotprod,,dotprod', 2],
  ])('%o is the mask %i', (words, mask) => {
    expect(withoutFeatures(words ?? '', MACHINE)).toBe(mask);
  });

  test('a word that is no feature is an error that lists the words', () => {
    expect(() => withoutFeatures('vnni,avx2', MACHINE)).toThrow(
      expect.objectContaining({
        code: 'ERR_ISA',
        message: 'BITPLANE_WITHOUT: expected some of vnni, dotprod, i8mm but received "avx2"',
      }),
    );
  });

  test('a feature belongs to an instruction set, and is gone where it is forced off', () => {
    const off = { vnni: false, dotprod: false, i8mm: false };
    expect(featuresOf('avx512', 0, MACHINE)).toEqual({ ...off, vnni: true });
    expect(featuresOf('avx512', 1, MACHINE)).toEqual(off);
    expect(featuresOf('avx512', 6, MACHINE)).toEqual({ ...off, vnni: true });
    expect(featuresOf('avx2', 0, MACHINE)).toEqual(off);
    expect(featuresOf('neon', 0, MACHINE)).toEqual({ ...off, i8mm: true });
  });

  test('a session reads it: a wrong word is refused, a right one runs', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 4]);
    const graph = g.graph([x], { y: g.neg(x) });
    const before = process.env.BITPLANE_WITHOUT;
    try {
      process.env.BITPLANE_WITHOUT = 'sse9';
      expect(() => Session.fromGraph(graph)).toThrow(/some of vnni, dotprod, i8mm/);
      process.env.BITPLANE_WITHOUT = 'vnni,dotprod,i8mm';
      const session = await Session.fromGraph(graph);
      const { y } = await session.run({ x: Float32Array.of(1, -2, 3, 0.5) });
      expect([...(y!.data as Float32Array)]).toEqual([-1, 2, -3, -0.5]);
      await session.release();
    } finally {
      if (before === undefined) delete process.env.BITPLANE_WITHOUT;
      else process.env.BITPLANE_WITHOUT = before;
    }
  });
});

test('the words are those of the list, and Linux says the same of this CPU', () => {
  const { features, bestIsa } = addon();
  expect(features.map(({ name }) => name)).toEqual(['vnni', 'dotprod', 'i8mm']);
  if (process.platform !== 'linux' || process.arch !== 'x64') return;
  const flags = new Set(
    /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '),
  );
  const names: Record<string, string> = { avx512: 'avx512_vnni', avx2: 'avx_vnni' };
  expect(features[0]?.isas.includes(bestIsa)).toBe(flags.has(names[bestIsa] ?? ''));
});
