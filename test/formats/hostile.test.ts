/**
 * Model files that ask for too much: each runs or is refused with a BitplaneError, quickly and in
 * little memory. A process of its own opens each file, and is killed if it does not end. Not here:
 * damaged files (./onnx-fuzz.test.ts).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ended } from '../child.js';
import { encodeOnnx, floats, int64s, type ModelSpec, type NodeSpec } from './onnx-encoder.js';

const PROGRAM = join(import.meta.dirname, 'programs', 'open.mjs');
const folder = mkdtempSync(join(tmpdir(), 'bitplane-hostile-'));
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Limits of opening and one run: memory above the start, and processor time, which tells work
 * without end from work: what these files ask for takes a second on a quiet machine, and several on
 * one that other tests share.
 */
const MOST = { ms: 20_000, megabytes: 500 };
const KILLED_AFTER_MS = 50_000;

interface Outcome {
  readonly end: string;
  readonly code?: string;
  readonly message?: string;
  readonly ms: number;
  readonly megabytes: number;
}

let files = 0;

async function open(bytes: Uint8Array, options: object = {}): Promise<Outcome> {
  const file = join(folder, `${files++}.model`);
  writeFileSync(file, bytes);
  const { output, errors, signal } = await ended([PROGRAM, file, JSON.stringify(options)], {
    limitMs: KILLED_AFTER_MS,
  });
  rmSync(file);
  expect({ signal, errors }).toEqual({ signal: null, errors: '' });
  const outcome = JSON.parse(output) as Outcome;
  expect(['ran', 'created', 'BitplaneError']).toContain(outcome.end);
  expect(outcome.ms, JSON.stringify(outcome)).toBeLessThan(MOST.ms);
  expect(outcome.megabytes, JSON.stringify(outcome)).toBeLessThan(MOST.megabytes);
  return outcome;
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const BIG = 2 ** 50;

/** A chain of nodes over x, the last of which gives y. */
function chain(
  shape: readonly (number | string)[],
  nodes: readonly Omit<NodeSpec, 'outputs'>[],
  rest: Partial<ModelSpec> = {},
): Uint8Array {
  const named = nodes.map(
    (node, i): NodeSpec => ({
      ...node,
      inputs: node.inputs.map((name) => (name === '<' ? (i === 0 ? 'x' : `t${i - 1}`) : name)),
      outputs: [i === nodes.length - 1 ? 'y' : `t${i}`],
    }),
  );
  return encodeOnnx({ nodes: named, inputs: { x: shape }, outputs: { y: undefined }, ...rest });
}

function safetensors(graph: string): Uint8Array {
  const header = Buffer.from(
    JSON.stringify({ __metadata__: { 'bitplane.format': '1', 'bitplane.graph': graph } }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header]);
}

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('sizes that only a file has', () => {
  test('a pooling of 2^50 rows is not walked', async () => {
    const node = { op: 'MaxPool', inputs: ['<'], attributes: { kernel_shape: [1, 1] } };
    const file = chain(['N', 1, BIG, 1], [node]);
    expect((await open(file, { warm: false })).end).toBe('created');
    // No program of it fits into memory.
    expect(await open(file)).toMatchObject({ code: 'ERR_LIMIT' });
  });

  test('2^50 channels before a sign are not examined one by one', async () => {
    const nodes = [
      { op: 'Clip', inputs: ['<', 'low', 'high'] },
      { op: 'Round', inputs: ['<'] },
      // Not whole numbers, so that a proof has to follow the arithmetic.
      { op: 'Mul', inputs: ['<', 'third'] },
      { op: 'Add', inputs: ['<', 'tenth'] },
      { op: 'Sign', inputs: ['<'] },
    ];
    const initializers = {
      low: floats([], [-8]),
      high: floats([], [8]),
      third: floats([1], [0.3]),
      tenth: floats([1], [0.1]),
    };
    const file = chain(['N', BIG], nodes, { initializers });
    expect((await open(file, { warm: false })).end).toBe('created');
  });

  test(
    'a border of gigabytes is refused before it is allocated, naming the node and the ' + 'option',
    async () => {
      const node = { op: 'Pad', inputs: ['<', 'pads'] };
      const outcome = await open(
        chain(['N', 1], [node], { initializers: { pads: int64s(0, 0, 0, 2_000_000_000) } }),
        { maxBytes: 2 ** 30 },
      );
      expect(outcome).toMatchObject({ end: 'BitplaneError', code: 'ERR_LIMIT' });
      expect(outcome.message).toMatch(
        /^pad "y": expected a run of at most 1\.0 GiB .*; the option maxBytes raises the limit$/,
      );
    },
  );

  test('an expansion of gigabytes is refused', async () => {
    const node = { op: 'Expand', inputs: ['<', 'shape'] };
    const outcome = await open(
      chain(['N', 1], [node], { initializers: { shape: int64s(1, 1_000_000_000) } }),
      { maxBytes: 2 ** 30 },
    );
    expect(outcome).toMatchObject({ end: 'BitplaneError', code: 'ERR_LIMIT' });
  });

  test('one number beside many wide maps is not repeated beyond the limit', async () => {
    const count = 400;
    const nodes = range(count).flatMap((i) => [
      { op: 'Mul', inputs: ['<', `c${i}`] },
      { op: i % 2 === 0 ? 'Exp' : 'Tanh', inputs: ['<'] },
    ]);
    const initializers = Object.fromEntries(
      range(count).map((i) => [`c${i}`, floats([1], [1 + i / 1000])]),
    );
    const outcome = await open(chain(['N', 2 ** 20], nodes, { initializers }), {
      maxBytes: 2 ** 27,
    });
    expect(outcome).toMatchObject({ end: 'BitplaneError', code: 'ERR_LIMIT' });
  });

  test('a convolution with weights of no channels has no outputs to count', async () => {
    const nodes = [
      { op: 'Conv', inputs: ['<', 'w'] },
      { op: 'Sign', inputs: ['<'] },
    ];
    const outcome = await open(
      chain(['N', 0, 1, 1], nodes, { initializers: { w: floats([2 ** 40, 0, 1, 1], []) } }),
    );
    expect(outcome.end).toBe('BitplaneError');
  });

  test('a convolution over a height that is empty but for its padding is refused', async () => {
    const nodes = [
      { op: 'Slice', inputs: ['<', 'one', 'one', 'two'] },
      { op: 'Conv', inputs: ['<', 'w'], attributes: { pads: [1, 1, 1, 1] } },
    ];
    const initializers = { one: int64s(1), two: int64s(2), w: floats([1, 1, 1, 1], [1]) };
    const outcome = await open(chain(['N', 1, 1, 1], nodes, { initializers }));
    expect(outcome).toMatchObject({ end: 'BitplaneError', code: 'ERR_SHAPE' });
  });
});

describe('work over constants', () => {
  test('a window of 2^34 cells over one number is not folded', async () => {
    const attributes = { kernel_shape: [131_072, 131_072], pads: [131_071, 131_071, 0, 0] };
    const nodes: NodeSpec[] = [
      { op: 'AveragePool', inputs: ['c'], outputs: ['p'], attributes },
      { op: 'Add', inputs: ['x', 'p'], outputs: ['y'] },
    ];
    await open(
      encodeOnnx({
        nodes,
        inputs: { x: ['N', 1, 1, 1] },
        outputs: { y: undefined },
        initializers: { c: floats([1, 1, 1, 1], [1]) },
      }),
    );
  });

  test('a product of large constants is left to the kernels', async () => {
    const nodes: NodeSpec[] = [
      { op: 'ConstantOfShape', inputs: ['s'], outputs: ['a'] },
      { op: 'MatMul', inputs: ['a', 'a'], outputs: ['p'] },
      { op: 'ReduceMax', inputs: ['p'], outputs: ['m'] },
      { op: 'Add', inputs: ['x', 'm'], outputs: ['y'] },
    ];
    const spec = {
      nodes,
      inputs: { x: ['N', 2000] },
      outputs: { y: undefined },
      initializers: { s: int64s(2000, 2000) },
    };
    await open(encodeOnnx(spec));
  });

  test('constants that double at every node are not all folded', async () => {
    const nodes: NodeSpec[] = range(48).map((i) => ({
      op: 'Concat',
      inputs: [`c${i}`, `c${i}`],
      outputs: [`c${i + 1}`],
      attributes: { axis: 0 },
    }));
    nodes.push(
      { op: 'ReduceMax', inputs: ['c48'], outputs: ['m'] },
      { op: 'Add', inputs: ['x', 'm'], outputs: ['y'] },
    );
    await open(
      encodeOnnx({
        nodes,
        inputs: { x: ['N', 4] },
        outputs: { y: undefined },
        initializers: { c0: floats([4], [1, 2, 3, 4]) },
      }),
    );
  });

  test('a constant transposed for each of many nodes does not fill memory', async () => {
    const nodes = [
      { op: 'Transpose', inputs: ['<'], attributes: { perm: [0, 3, 1, 2] } },
      ...range(2000).map((i) => ({
        op: i % 2 === 0 ? 'Add' : 'Tanh',
        inputs: i % 2 === 0 ? ['<', 'c'] : ['<'],
      })),
    ];
    const initializers = { c: { dims: [8, 64, 64], floats: range(8 * 64 * 64), raw: true } };
    await open(chain(['N', 64, 64, 8], nodes, { initializers }));
  });
});

describe('memory that an import makes out of nothing', () => {
  const fills = (count: number, value: 'f32' | 'int') =>
    range(count).flatMap((i): NodeSpec[] => [
      {
        op: 'ConstantOfShape',
        inputs: ['s'],
        outputs: [`c${i}`],
        ...(value === 'int' && { attributes: { value: { tensor: { dims: [1], int64s: [1] } } } }),
      },
      ...(value === 'int'
        ? [{ op: 'Expand', inputs: [i === 0 ? 'x' : `t${i - 1}`, `c${i}`], outputs: [`t${i}`] }]
        : [{ op: 'Add', inputs: [i === 0 ? 'x' : `t${i - 1}`, `c${i}`], outputs: [`t${i}`] }]),
    ]);

  test.each(['f32', 'int'] as const)('many fills of %s have one budget', async (value) => {
    const spec = {
      nodes: fills(200, value),
      inputs: { x: ['N', 1] },
      outputs: { t199: undefined },
      initializers: { s: int64s(2 ** 23) },
    };
    const outcome = await open(encodeOnnx(spec));
    expect(outcome).toMatchObject({ end: 'BitplaneError', code: 'ERR_LIMIT' });
    expect(outcome.message).toMatch(
      /^ConstantOfShape "c\d+": .*; the option maxBytes raises the limit$/,
    );
  });

  test('lists of integers that double at every node have one budget', async () => {
    const nodes: NodeSpec[] = range(40).map((i) => ({
      op: 'Concat',
      inputs: [`c${i}`, `c${i}`],
      outputs: [`c${i + 1}`],
      attributes: { axis: 0 },
    }));
    nodes.push({ op: 'Reshape', inputs: ['x', 'c40'], outputs: ['y'] });
    const outcome = await open(
      encodeOnnx({
        nodes,
        inputs: { x: ['N', 4] },
        outputs: { y: undefined },
        initializers: { c0: int64s(1, 1) },
      }),
    );
    expect(outcome).toMatchObject({ end: 'BitplaneError', code: 'ERR_LIMIT' });
  });
});

describe('depths, lengths and names', () => {
  test.each([
    ['nodes', `{"nodes":[${nested(50_000)}],"inputs":[],"outputs":[]}`],
    [
      'shapes',
      `{"nodes":[{"op":"input","name":"x","dtype":"f32","shape":${nested(50_000)}}],` +
        '"inputs":["x"],"outputs":[["y","x"]]}',
    ],
    [
      'constructors',
      `{"nodes":[{"op":"relu","name":{"constructor":{"name":${nested(50_000)}}}}],` +
        '"inputs":[],"outputs":[]}',
    ],
    [
      'attributes',
      `{"nodes":[{"op":"relu","name":"x","inputs":[],"attrs":{"a":${nested(50_000)}}}],` +
        '"inputs":[],"outputs":[]}',
    ],
  ])('%s nested without end', async (_, graph) => {
    expect(await open(safetensors(graph))).toMatchObject({ end: 'BitplaneError' });
  });

  test('150,000 imports of operator sets are refused or read quickly', async () => {
    const model = encodeOnnx({
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
      inputs: { x: ['N', 4] },
      outputs: { y: undefined },
    });
    const outcome = await open(
      Buffer.concat([model, ...range(150_000).map(() => Buffer.from([0x42, 2, 0x10, 13]))]),
    );
    expect(outcome).toMatchObject({ end: 'BitplaneError', code: 'ERR_FORMAT' });
  });

  test('a name of a megabyte in many places does not fill memory', async () => {
    const outputs = range(5000).map((i) => `y${i}`);
    const node = {
      op: 'Split',
      name: 'n'.repeat(1_000_000),
      inputs: ['x'],
      outputs,
      attributes: { axis: 1 },
    };
    const spec = { nodes: [node], inputs: { x: ['N', 5000] }, outputs: { y0: undefined } };
    expect(await open(encodeOnnx(spec))).toMatchObject({
      end: 'BitplaneError',
      code: 'ERR_FORMAT',
    });
  });

  test('ranks of 100,000 are refused', async () => {
    const axes = range(100_000);
    const outcome = await open(
      chain(['N', 4], [{ op: 'Unsqueeze', inputs: ['<'], attributes: { axes } }], { opset: 11 }),
    );
    expect(outcome).toMatchObject({ end: 'BitplaneError', code: 'ERR_SHAPE' });
    expect((await open(chain(new Array(900).fill(1), [{ op: 'Relu', inputs: ['<'] }]))).end).toBe(
      'BitplaneError',
    );
  });

  test('names that are all the same, or all suffixes, are told apart quickly', async () => {
    const ops = ['Tanh', 'Exp'];
    expect(
      (
        await open(
          chain(
            ['N', 4],
            range(10_000).map((i) => ({ op: ops[i % 2] as string, name: 'a', inputs: ['<'] })),
          ),
        )
      ).end,
    ).toBe('ran');
    const name = (i: number) => `${i}${'.bits'.repeat(190)}`;
    expect(
      (
        await open(
          chain(
            ['N', 4],
            range(5000).map((i) => ({ op: ops[i % 2] as string, name: name(i), inputs: ['<'] })),
          ),
        )
      ).end,
    ).toBe('ran');
  });
});

describe('numbers without end', () => {
  test.each([
    [
      'a border of infinity around signs',
      [
        { op: 'Sign', inputs: ['<'] },
        { op: 'Pad', inputs: ['<', 'pads', 'infinity'] },
      ],
    ],
    [
      'a clip to infinity of signs',
      [
        { op: 'Sign', inputs: ['<'] },
        { op: 'Clip', inputs: ['<', 'infinity'] },
      ],
    ],
  ])('%s', async (_, nodes) => {
    const initializers = { pads: int64s(0, 1, 0, 1), infinity: floats([], [Infinity]) };
    expect(
      (await open(chain(['N', 4], [...nodes, { op: 'Sign', inputs: ['<'] }], { initializers })))
        .end,
    ).toBe('ran');
  });
});

describe('many nodes', () => {
  const distinct = (count: number) =>
    encodeOnnx({
      nodes: range(count).map((i) => ({ op: 'Add', inputs: ['x', `w${i}`], outputs: [`y${i}`] })),
      inputs: { x: ['N', 4] },
      outputs: Object.fromEntries(range(count).map((i) => [`y${i}`, undefined])),
      initializers: Object.fromEntries(
        range(count).map((i) => [`w${i}`, floats([4], [i, 1, 2, 3])]),
      ),
    });

  test('more values than maxNodes are refused, and read where the option is raised', async () => {
    const outcome = await open(distinct(11_000));
    expect(outcome).toMatchObject({ end: 'BitplaneError', code: 'ERR_LIMIT' });
    expect(outcome.message).toMatch(
      /at most 20000 values in the graph .*; the option maxNodes raises the limit$/,
    );
    expect((await open(distinct(5000), { maxNodes: 11_000 })).end).toBe('ran');
  });

  test('many parts of one concatenation take little time', async () => {
    const parts = range(4000).map(
      (i): NodeSpec => ({ op: 'Add', inputs: ['x', `w${i}`], outputs: [`p${i}`] }),
    );
    const joined = {
      op: 'Concat',
      inputs: parts.map(({ outputs }) => outputs[0] as string),
      outputs: ['all'],
      attributes: { axis: 1 },
    };
    const initializers = Object.fromEntries(
      range(4000).map((i) => [`w${i}`, floats([4], [i, 1, 2, 3])]),
    );
    const nodes = [...parts, joined, { op: 'Relu', inputs: ['all'], outputs: ['y'] }];
    expect(
      (
        await open(
          encodeOnnx({ nodes, inputs: { x: ['N', 4] }, outputs: { y: undefined }, initializers }),
        )
      ).end,
    ).toBe('ran');
  });

  test('nested concatenations take little time', async () => {
    const nodes = range(1000).flatMap((i): NodeSpec[] => [
      { op: 'Relu', inputs: [i === 0 ? 'x' : `c${i - 1}`], outputs: [`r${i}`] },
      { op: 'Concat', inputs: [`r${i}`, 'e'], outputs: [`c${i}`], attributes: { axis: 1 } },
    ]);
    const spec = {
      nodes: [{ op: 'Exp', inputs: ['x'], outputs: ['e'] }, ...nodes],
      inputs: { x: ['N', 1] },
      outputs: { c999: undefined },
    };
    await open(encodeOnnx(spec));
  });

  test('a chain whose values are all results or read by signs takes little time', async () => {
    const ops = ['Tanh', 'Exp'];
    const every = range(4000).map(
      (i): NodeSpec => ({
        op: ops[i % 2] as string,
        inputs: [i === 0 ? 'x' : `y${i - 1}`],
        outputs: [`y${i}`],
      }),
    );
    const outputs = Object.fromEntries(range(4000).map((i) => [`y${i}`, undefined]));
    expect((await open(encodeOnnx({ nodes: every, inputs: { x: ['N', 4] }, outputs }))).end).toBe(
      'ran',
    );
    const signs = range(4000).flatMap((i): NodeSpec[] => [
      { op: 'Add', inputs: [i === 0 ? 'x' : `a${i - 1}`, 'half'], outputs: [`a${i}`] },
      { op: 'Sign', inputs: [`a${i}`], outputs: [`y${i}`] },
    ]);
    const initializers = { half: floats([1], [1.5]) };
    expect(
      (await open(encodeOnnx({ nodes: signs, inputs: { x: ['N', 4] }, outputs, initializers })))
        .end,
    ).toBe('ran');
  });

  test('transposes that sink through many nodes take little time', async () => {
    const nodes = range(4000).map((i) => ({
      op: ['Transpose', 'Tanh', 'Transpose', 'Add'][i % 4] as string,
      inputs: i % 4 === 3 ? ['<', 'c'] : ['<'],
      ...(i % 2 === 0 && { attributes: { perm: i % 4 === 0 ? [0, 2, 3, 1] : [0, 3, 1, 2] } }),
    }));
    expect(
      (
        await open(
          chain(['N', 3, 4, 4], nodes, { initializers: { c: floats([3, 1, 1], [1, 2, 3]) } }),
        )
      ).end,
    ).toBe('ran');
  });
});
