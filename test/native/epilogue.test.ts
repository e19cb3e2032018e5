/**
 * The epilogue: every step, and every straight line of native/kernels/epilogue/straight_lines.inc,
 * on every instruction set against the oracle, to the bit.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { random } from '../random.js';
import { agrees, bitBytes, specials } from './agreement.js';
import { type Case, isEmulated, randomBitMap, runCase, testedIsas } from './harness.js';

/** Bounds that are not crossed, for ops that have some; a zero and a scale for the others. */
const numbersOf = (op: string) => (op.endsWith('gate') ? { a: -0.7, b: 2.1 } : { a: 0.7, b: -2.1 });

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
        signed: { result: new Int8Array(size) },
        unsigned: { result: new Uint8Array(size) },
        bits: { result: new Uint8Array(bitBytes(n * hw, c)) },
        planes: { result: new Float32Array(size) },
      },
      epilogue: [
        ...(epilogue ?? []),
        { op: 'store_planes', operand: 'planes' },
        { op: 'store_f32', operand: 'real' },
        { op: 'store_i32', operand: 'whole' },
        { op: 'store_i8', operand: 'signed' },
        { op: 'store_u8', operand: 'unsigned' },
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
    'erf',
    'floor',
    'ceil',
    'round',
    'poszero',
    'signum',
  ];
  test.each(unary)('%s', async (op) => run([{ op, a: -0.7, b: 2.1 }]));
  const kinds = { channel: c, tensor: size, image_channel: n * c, pixel: n * hw } as const;
  const binary = [
    ...['add', 'sub', 'rsub', 'mul', 'div', 'rdiv', 'max', 'min', 'prelu', 'addscaled'],
    ...['gate', 'rgate'],
  ];
  test.each(binary)('%s', async (op) => {
    for (const [kind, count] of Object.entries(kinds)) {
      await run(
        [{ op, kind: kind as keyof typeof kinds, operand: 'operand', ...numbersOf(op) }],
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

/** Integers of any size, the least and the most among them. */
const integers = (count: number, next: () => number, least: number, most: number) =>
  Array.from({ length: count }, () => {
    const draw = next();
    if (draw < 0.1) return draw < 0.05 ? least : most;
    return Math.round(draw < 0.3 ? (next() - 0.5) * 9 : least + (most - least) * next());
  }).map((value) => Math.max(least, value));

/** Rows of an operand of each dtype. */
const OPERANDS = {
  f32: (rows: number, c: number, next: () => number) => specials(rows * c, next),
  i32: (rows: number, c: number, next: () => number) =>
    Int32Array.from(integers(rows * c, next, -(2 ** 31), 2 ** 31 - 1)),
  i8: (rows: number, c: number, next: () => number) =>
    Int8Array.from(integers(rows * c, next, -128, 127)),
  u8: (rows: number, c: number, next: () => number) =>
    Uint8Array.from(integers(rows * c, next, 0, 255)),
  b1: (rows: number, c: number, next: () => number) => randomBitMap(rows, c, next),
} as const;
type OperandType = keyof typeof OPERANDS;
const TYPES = Object.keys(OPERANDS) as OperandType[];

describe.each(TYPES)('operands of %s', (dtype) => {
  const n = 2;
  const hw = 39;
  const kinds = ['channel', 'tensor', 'image_channel', 'pixel'] as const;
  const rowsOf = { channel: 1, tensor: n * hw, image_channel: n, pixel: n * hw } as const;
  const ops = [
    ...['add', 'sub', 'rsub', 'mul', 'div', 'rdiv', 'max', 'min', 'prelu', 'submul', 'addscaled'],
    ...['gate', 'rgate'],
  ];
  test.each([1, 3, 8, 9, 16, 17, 31, 48, 64, 65, 130, 200])(
    '%i channels: every step reads them as floats',
    async (c) => {
      const next = random(c);
      const size = n * hw * c;
      for (const kind of kinds) {
        if (kind === 'pixel' && dtype === 'b1') continue;
        const operand = () => {
          const channels = kind === 'pixel' ? 1 : c;
          return { feed: OPERANDS[dtype](rowsOf[kind], channels, next) };
        };
        const names = ops.map((_, i) => `operand${i}`);
        const results = ops.map((_, i) => `result${i}`);
        await agrees({
          opcode: 'map',
          fields: { dtype: 0, n, hw, c },
          buffers: {
            x: { feed: specials(size, next) },
            ...Object.fromEntries(names.map((name) => [name, operand()])),
            last: operand(),
            ...Object.fromEntries(
              results.map((name) => [name, { result: new Float32Array(size) }]),
            ),
          },
          epilogue: ops.flatMap((op, i) => [
            {
              ...{ op, kind, dtype, operand: `operand${i}`, ...numbersOf(op) },
              ...(op === 'submul' && { secondOperand: 'last' }),
            },
            { op: 'store_f32', kind: 'tensor' as const, operand: `result${i}` },
          ]),
        });
      }
    },
  );
  test.each([
    [32, 2],
    [96, 2],
    [128, 2],
    [192, 3],
  ])('%i channels, a map in %i parts that repeats', async (c, parts) => {
    const next = random(c);
    const size = n * hw * c;
    await agrees({
      opcode: 'map',
      fields: { dtype: 0, n, hw, c },
      buffers: {
        x: { feed: specials(size, next) },
        part: { feed: OPERANDS[dtype](n * hw, c / parts, next) },
        real: { result: new Float32Array(size) },
      },
      epilogue: [
        { op: 'mul', kind: 'tensor', dtype, operand: 'part', pitch: c / parts },
        { op: 'store_f32', kind: 'tensor', operand: 'real' },
      ],
    });
  });
});

test.each([1, 3, 16, 48, 64, 65, 112, 130])(
  'planes of %i channels, wherever they stand',
  async (c) => {
    const [n, hw, next] = [3, 77, random(c)] as const;
    const size = n * hw * c;
    const norm = [
      { op: 'submul', kind: 'channel', operand: 'mean', secondOperand: 'scale' },
      { op: 'add', kind: 'channel', operand: 'shift' },
    ] as const;
    const [planes, again, real] = [
      { op: 'store_planes', operand: 'planes' },
      { op: 'store_planes', operand: 'again' },
      { op: 'store_f32', operand: 'real' },
    ];
    for (const epilogue of [
      [planes],
      [...norm, planes],
      [planes, ...norm, real],
      [...norm, real, planes, ...norm, again],
    ] as Required<Case>['epilogue'][])
      await agrees({
        opcode: 'map',
        fields: { dtype: 0, n, hw, c },
        buffers: {
          x: { feed: specials(size, next) },
          ...Object.fromEntries(
            ['mean', 'scale', 'shift'].map((name) => [name, { constant: specials(c, next) }]),
          ),
          ...Object.fromEntries(
            epilogue
              .filter(({ op }) => op.startsWith('store'))
              .map(({ operand }) => [operand, { result: new Float32Array(size) }]),
          ),
        },
        epilogue,
      });
  },
);

test('a bit reads as -1 or +1, an integer as the nearest float', async () => {
  const read = async (dtype: OperandType, operand: NodeJS.TypedArray) => {
    const make: Case = {
      opcode: 'map',
      fields: { dtype: 0, n: 1, hw: 1, c: 3 },
      buffers: {
        x: { feed: new Float32Array(3) },
        operand: { feed: operand },
        y: { result: new Float32Array(3) },
      },
      epilogue: [
        { op: 'add', kind: 'channel', dtype, operand: 'operand' },
        { op: 'store_f32', kind: 'tensor', operand: 'y' },
      ],
    };
    const { y } = await runCase(make, 'reference');
    return [...(y as Float32Array)];
  };
  expect(await read('b1', Uint8Array.of(0b101, 0, 0, 0, 0, 0, 0, 0))).toEqual([-1, 1, -1]);
  expect(await read('i32', Int32Array.of(2 ** 24 + 1, -(2 ** 24) - 3, 7))).toEqual([
    2 ** 24,
    -(2 ** 24) - 4,
    7,
  ]);
  expect(await read('i8', Int8Array.of(-128, 127, 0))).toEqual([-128, 127, 0]);
  expect(await read('u8', Uint8Array.of(128, 255, 0))).toEqual([128, 255, 0]);
});

describe('integers are truncated and held within their range', () => {
  const values = [
    ...[0, -0, 0.9, -0.9, 1.5, -1.5, 126.9, 127, 127.1, 128, -127.9, -128, -128.9, -129, 254.9],
    ...[255, 255.1, 256, 1e9, -1e9, 2 ** 31, -(2 ** 31), 3e38, -3e38, 1e-40, Infinity, -Infinity],
    ...[NaN, 2147483520, -2147483648],
  ];
  const range = {
    store_i8: [-128, 127, Int8Array],
    store_u8: [0, 255, Uint8Array],
    store_i32: [-(2 ** 31), 2 ** 31 - 1, Int32Array],
  } as const;
  test.each(Object.keys(range) as (keyof typeof range)[])('%s', async (op) => {
    const [least, most, Type] = range[op];
    const whole = values.map((value) => {
      const float = Math.fround(value);
      return Number.isNaN(float) ? 0 : Math.min(most, Math.max(least, Math.trunc(float))) + 0;
    });
    const make: Case = {
      opcode: 'map',
      fields: { dtype: 0, n: 1, hw: 2, c: values.length },
      buffers: {
        x: { feed: Float32Array.from([...values, ...values]) },
        y: { result: new Type(2 * values.length) },
      },
      epilogue: [{ op, kind: 'tensor', operand: 'y' }],
    };
    for (const isa of ['reference' as const, ...testedIsas()]) {
      const { y } = await runCase(make, isa);
      expect([...(y as Int32Array)], isa).toEqual([...whole, ...whole]);
    }
  });
  test.each([5, 32, 65])('%i channels of a wider map, the others untouched', async (c) => {
    const next = random(c);
    for (const [op, [, , Type]] of Object.entries(range))
      await agrees({
        opcode: 'map',
        fields: { dtype: 0, n: 1, hw: 77, c },
        buffers: {
          x: { feed: specials(77 * c, next) },
          y: { result: new Type(77 * 2 * c) },
        },
        epilogue: [
          { op, kind: 'tensor', operand: 'y', pitch: 2 * c, first: c },
          { op: 'neg' },
          { op, kind: 'tensor', operand: 'y', pitch: 2 * c, first: 0 },
        ],
      });
  });
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
        ...numbersOf(op),
        ...(lie === 'T' && parts > 1 && { pitch: c / parts }),
      };
    });
    return { opcode: 'map', fields: { dtype: 0, n, hw, c }, buffers, epilogue };
  };

  // 24 and 100 channels are no columns and go the general way.
  test.each(isEmulated ? [24, 64, 100] : [16, 24, 32, 48, 64, 100, 112, 128, 256])(
    '%i channels',
    async (c) => {
      await agrees(line(c, false, 1));
      await agrees(line(c, true, 1));
      await agrees(line(c, false, 1, true));
    },
  );
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

const SEGMENTS = [
  ...readFileSync(
    new URL('../../native/kernels/epilogue/segments.inc', import.meta.url),
    'utf8',
  ).matchAll(/^BITPLANE_SEGMENT\(([^;]*?)\)$/gm),
].map((row) => ({
  title: row[1] as string,
  moves: [...(row[1] as string).matchAll(/([UCTPS])\((\w+)\)/g)].map(
    ([, lie, op]) => ({ lie, op }) as Move,
  ),
}));

test('the list of segments is read', () => {
  expect(SEGMENTS.length).toBeGreaterThan(10);
  for (const { moves } of SEGMENTS) expect(moves.every(({ lie }) => lie !== 'S')).toBe(true);
});

/** What a segment does beside the op of a move, and what an epilogue can be made of. */
const LIKE: Readonly<Record<string, readonly string[]>> = {
  add: ['add', 'sub'],
  submul: ['submul', 'mul'],
  prelu: ['prelu', 'leaky'],
  clip: ['clip', 'relu'],
};
/** No operand of these changes no bit. */
const FIXED = ['abs', 'round', 'poszero', 'addscaled', 'gate', 'rgate'];
const STORES = ['store_f32', 'store_bits', 'store_i32', 'store_i8', 'store_u8'] as const;
const RESULTS = {
  store_f32: Float32Array,
  store_i32: Int32Array,
  store_i8: Int8Array,
  store_u8: Uint8Array,
} as const;

/** Puts an epilogue together: every step with an operand of its own. */
class Making {
  readonly steps: Steps[number][] = [];
  readonly buffers: Record<string, Slots[string]>;
  constructor(
    private readonly next: () => number,
    private readonly n: number,
    private readonly hw: number,
    private readonly c: number,
  ) {
    this.buffers = { x: { feed: specials(n * hw * c, next) } };
  }

  pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.next() * of.length)] as T;
  }

  step(op: string, lie: Move['lie'], perImage = false): void {
    const { n, hw, c, next } = this;
    const operand = `operand${this.steps.length}`;
    if (lie === 'U' || op === 'leaky') {
      const [a, b] = op === 'clip' ? [-1.5 * next(), 2 * next()] : [next() - 0.5, next()];
      this.steps.push({ op, a, b });
      return;
    }
    const counts = { C: perImage ? n * c : c, T: n * hw * c, P: n * hw, S: 0 };
    const kinds = { C: perImage ? 'image_channel' : 'channel', T: 'tensor', P: 'pixel' } as const;
    if (op === 'addscaled') {
      const feed = Uint8Array.from({ length: counts[lie] }, () => Math.floor(256 * next()));
      const dtype = next() < 0.5 ? 'i8' : 'u8';
      this.buffers[operand] = { feed };
      this.steps.push({ op, kind: 'tensor', operand, dtype, a: Math.floor(9 * next()), b: next() });
      return;
    }
    this.buffers[operand] = { feed: specials(counts[lie], next) };
    if (op === 'submul') this.buffers[`${operand}#2`] = { feed: specials(counts[lie], next) };
    this.steps.push({
      ...{ op, kind: kinds[lie as 'C' | 'T' | 'P'], operand, ...numbersOf(op) },
      ...(op === 'submul' && { secondOperand: `${operand}#2` }),
    });
  }

  store(op: (typeof STORES)[number]): void {
    const { n, hw, c } = this;
    const operand = `result${this.steps.length}`;
    this.buffers[operand] = {
      result:
        op === 'store_bits' ? new Uint8Array(bitBytes(n * hw, c)) : new RESULTS[op](n * hw * c),
    };
    this.steps.push({ op, kind: 'tensor', operand });
  }

  agrees() {
    const { n, hw, c, steps, buffers } = this;
    return agrees({ opcode: 'map', fields: { dtype: 0, n, hw, c }, buffers, epilogue: steps });
  }
}

describe.each(SEGMENTS)('segment $title', ({ moves }) => {
  // More pixels than are taken at a time, and images that end within.
  test.each(isEmulated ? [48, 112] : [16, 48, 64, 112])(
    '%i channels: all of its moves, some of them and what is like them, to every end',
    async (c) => {
      const next = random(c + moves.length);
      for (const share of [1, 0.7, 0.4]) {
        for (const ends of [['store_f32'], ['store_bits'], ['store_f32', 'store_bits'], STORES]) {
          const making = new Making(next, 2, 39, c);
          const perImage = next() < 0.5;
          for (const { op, lie } of moves) {
            if (next() > share && !FIXED.includes(op)) continue;
            const like = lie === 'C' || lie === 'U' ? (LIKE[op] ?? [op]) : [op];
            making.step(share === 1 ? op : making.pick(like), lie, perImage);
          }
          for (const end of ends) making.store(end as (typeof STORES)[number]);
          // Whoever comes next reads what was stored, or the block.
          making.step('add', 'C');
          making.store('store_f32');
          await making.agrees();
        }
      }
    },
  );
});

test.each(Array.from({ length: 60 }, (_, i) => i))(
  'epilogue %i that nobody listed: pieces of any kind give the bits of its steps',
  async (seed) => {
    const next = random(7000 + seed);
    const making = new Making(next, 2, 21 + Math.floor(40 * next()), 16 * (1 + (seed % 9)));
    const binary = [
      'add',
      'sub',
      'mul',
      'add',
      'mul',
      'prelu',
      'submul',
      'rsub',
      'max',
      'gate',
    ] as const;
    const unary = ['relu', 'clip', 'leaky', 'round', 'abs', 'neg', 'signum', 'floor'] as const;
    for (let part = 1 + Math.floor(4 * next()); part > 0; part--) {
      for (let count = Math.floor(6 * next()); count > 0; count--) {
        if (next() < 0.3) making.step(making.pick(unary), 'U');
        else making.step(making.pick(binary), making.pick(['C', 'C', 'C', 'T', 'P']), next() < 0.3);
      }
      for (let count = 1 + Math.floor(3 * next()); count > 0; count--)
        making.store(making.pick(STORES));
    }
    await making.agrees();
  },
);

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
