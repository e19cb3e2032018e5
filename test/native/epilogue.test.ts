/**
 * The epilogue: every step, and every straight line of native/kernels/epilogue/straight_lines.inc,
 * on every instruction set against the oracle, to the bit.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { random } from '../random.js';
import { agrees, bitBytes, specials } from './agreement.js';
import { type Case, randomBitMap } from './harness.js';

describe.each([1, 3, 8, 16, 31, 33, 64, 65, 130, 600])('the epilogue over %i channels', (c) => {
  const n = 2;
  const hw = 77;
  const next = random(c);
  const size = n * hw * c;
  const run = (
    epilogue: Case['epilogue'],
    operand = new Float32Array(1),
    secondOperand = new Float32Array(1),
  ) =>
    agrees({
      opcode: 'map',
      fields: { dtype: 0, n, hw, c },
      buffers: {
        x: { feed: specials(size, next) },
        operand: { constant: operand },
        secondOperand: { constant: secondOperand },
        real: { result: new Float32Array(size) },
        whole: { result: new Int32Array(size) },
        bits: { result: new Uint8Array(bitBytes(n * hw, c)) },
      },
      epilogue: [
        ...(epilogue ?? []),
        { op: 'store_f32', operand: 'real' },
        { op: 'store_i32', operand: 'whole' },
        { op: 'store_bits', operand: 'bits' },
      ],
    });
  const unary = [
    'relu',
    'leaky',
    'clip',
    'tanh',
    'sigmoid',
    'abs',
    'neg',
    'sqrt',
    'exp',
    'log',
    'floor',
    'ceil',
    'round',
    'signum',
  ];
  test.each(unary)('%s', async (op) => run([{ op, a: -0.7, b: 2.1 }]));
  const kinds = { channel: c, tensor: size, image_channel: n * c, pixel: n * hw } as const;
  const binary = ['add', 'sub', 'rsub', 'mul', 'div', 'rdiv', 'max', 'min', 'prelu'];
  test.each(binary)('%s', async (op) => {
    for (const [kind, count] of Object.entries(kinds)) {
      await run(
        [{ op, kind: kind as keyof typeof kinds, operand: 'operand' }],
        specials(count, next),
      );
    }
  });
  test('submul, of two operands', async () => {
    for (const [kind, count] of Object.entries(kinds)) {
      const step = {
        op: 'submul',
        kind: kind as keyof typeof kinds,
        operand: 'operand',
        secondOperand: 'secondOperand',
      };
      await run([step], specials(count, next), specials(count, next));
    }
  });
  test('multithreshold', async () =>
    run(
      [{ op: 'multithreshold', kind: 'channel', operand: 'operand', count: 3, a: 0.5, b: -1 }],
      specials(3 * c, next),
    ));
  test('bits in, floats out', async () =>
    agrees({
      opcode: 'map',
      fields: { dtype: 2, n, hw, c },
      buffers: {
        x: { feed: randomBitMap(n * hw, c, next) },
        real: { result: new Float32Array(size) },
      },
      epilogue: [{ op: 'store_f32', operand: 'real' }],
    }));
});

type Steps = NonNullable<Case['epilogue']>;
type Slots = Case['buffers'];
interface Move {
  readonly lie: 'U' | 'C' | 'T' | 'P' | 'S';
  readonly op: string;
}

const LINES = [
  ...readFileSync(
    new URL('../../native/kernels/epilogue/straight_lines.inc', import.meta.url),
    'utf8',
  ).matchAll(/^BITPLANE_LINE\(([^;]*?)\)$/gm),
].map((line) => ({
  title: line[1] as string,
  moves: [...(line[1] as string).matchAll(/([UCTPS])\((\w+)\)/g)].map(
    ([, lie, op]) => ({ lie, op }) as Move,
  ),
}));

test('the list of straight lines is read', () => {
  expect(LINES.length).toBeGreaterThan(20);
  for (const { moves } of LINES) expect(moves.at(-1)?.lie).toBe('S');
});

describe.each(LINES)('straight line $title', ({ moves }) => {
  const n = 2;
  const hw = 39;
  /**
   * The line over a map of c channels; `perImage` lays its column operands by image, `parts` has
   * its tensors repeat, `plain` has mul for submul.
   */
  const line = (c: number, perImage: boolean, parts: number, plain = false): Case => {
    const next = random(c + parts);
    const buffers: Record<string, Slots[string]> = { x: { feed: specials(n * hw * c, next) } };
    const epilogue = moves.map(({ lie, op }, i): Steps[number] => {
      const operand = `operand${i}`;
      if (lie === 'U') return { op };
      if (lie === 'S') {
        buffers[operand] = {
          result:
            op === 'store_bits'
              ? new Uint8Array(bitBytes(n * hw, c))
              : new Float32Array(n * hw * c),
        };
        return { op, kind: 'tensor', operand };
      }
      const counts = { C: perImage ? n * c : c, T: (n * hw * c) / parts, P: n * hw };
      const kinds = { C: perImage ? 'image_channel' : 'channel', T: 'tensor', P: 'pixel' } as const;
      buffers[operand] = { feed: specials(counts[lie], next) };
      if (op === 'submul' && plain) return { op: 'mul', kind: kinds[lie], operand };
      if (op === 'submul') {
        const secondOperand = `${operand}#2`;
        buffers[secondOperand] = { feed: specials(counts[lie], next) };
        return { op, kind: kinds[lie], operand, secondOperand };
      }
      return {
        op,
        kind: kinds[lie],
        operand,
        ...(lie === 'T' && parts > 1 && { pitch: c / parts }),
      };
    });
    return { opcode: 'map', fields: { dtype: 0, n, hw, c }, buffers, epilogue };
  };

  // 24 and 100 channels are no columns and go the general way.
  test.each([16, 24, 32, 48, 64, 100, 112, 128, 256])('%i channels', async (c) => {
    await agrees(line(c, false, 1));
    await agrees(line(c, true, 1));
    await agrees(line(c, false, 1, true));
  });
  test.each([
    [32, 2],
    [64, 2],
    [96, 2],
    [96, 3],
    [128, 2],
    [192, 4],
    [256, 2],
  ])('%i channels, maps in %i parts', async (c, parts) => agrees(line(c, false, parts)));
});

test.each([
  [64, 2],
  [96, 3],
  [160, 2],
])(
  'a map that repeats, in an epilogue that is no straight line: %i channels of %i parts',
  async (c, parts) => {
    const pixels = 41;
    const next = random(c);
    await agrees({
      opcode: 'map',
      fields: { dtype: 0, n: 1, hw: pixels, c },
      buffers: {
        x: { feed: specials(pixels * c, next) },
        part: { feed: specials((pixels * c) / parts, next) },
        real: { result: new Float32Array(pixels * c) },
      },
      epilogue: [
        { op: 'leaky', a: 0.5 },
        { op: 'sub', kind: 'tensor', operand: 'part', pitch: c / parts },
        { op: 'store_f32', kind: 'tensor', operand: 'real' },
      ],
    });
  },
);
