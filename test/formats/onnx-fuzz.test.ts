/**
 * Damaged ONNX files: truncated, with bytes changed, spliced, or random. Each ends in a
 * BitplaneError or a graph, quickly and in little memory.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { UNLIMITED } from '../../src/core/limits.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { encodeOnnx, floats, int64s } from './onnx-encoder.js';

/** A file with something of everything, typed fields and raw data. */
const good = encodeOnnx({
  nodes: [
    {
      op: 'Quant',
      domain: 'qonnx.custom_op.general',
      inputs: ['x', 'one', 'zero', 'bits'],
      outputs: ['q'],
      attributes: { signed: 1, narrow: 0 },
    },
    { op: 'BipolarQuant', domain: 'onnx.brevitas', inputs: ['w', 'one'], outputs: ['wq'] },
    {
      op: 'Conv',
      inputs: ['q', 'wq', 'b'],
      outputs: ['c'],
      attributes: { strides: [2, 2], pads: [1, 1, 1, 1], auto_pad: 'NOTSET' },
    },
    {
      op: 'BatchNormalization',
      inputs: ['c', 'b', 'b', 'b', 'v'],
      outputs: ['n'],
      attributes: { epsilon: { float: 1e-3 } },
    },
    {
      op: 'MaxPool',
      inputs: ['n'],
      outputs: ['p'],
      attributes: { kernel_shape: [2, 2], ceil_mode: 1 },
    },
    { op: 'Shape', inputs: ['p'], outputs: ['s'] },
    { op: 'Gather', inputs: ['s', 'i'], outputs: ['s0'] },
    { op: 'Unsqueeze', inputs: ['s0', 'a'], outputs: ['s1'] },
    { op: 'Concat', inputs: ['s1', 'm'], outputs: ['t'], attributes: { axis: 0 } },
    { op: 'Reshape', inputs: ['p', 't'], outputs: ['f'] },
    {
      op: 'Gemm',
      inputs: ['f', 'g'],
      outputs: ['h'],
      attributes: { transB: 1, alpha: { float: 2 } },
    },
    { op: 'Pad', inputs: ['h', 'pads'], outputs: ['k'] },
    { op: 'Slice', inputs: ['k', 'i1', 'far', 'i1'], outputs: ['l'] },
    { op: 'Softmax', inputs: ['l'], outputs: ['y'] },
  ],
  inputs: { x: [1, 2, 6, 6] },
  outputs: { y: undefined },
  initializers: {
    one: floats([], [1]),
    zero: floats([], [0]),
    bits: floats([], [4]),
    w: { dims: [3, 2, 3, 3], floats: Array.from({ length: 54 }, (_, i) => (i % 5) - 2), raw: true },
    b: floats([3], [1, 2, 3]),
    v: floats([3], [1, 1, 1]),
    g: { dims: [4, 12], floats: new Array(48).fill(0.5), raw: true },
    i: { dims: [], int64s: [0] },
    i1: int64s(1),
    a: int64s(0),
    m: int64s(-1),
    far: int64s(2n ** 63n - 1n),
    pads: { dims: [4], int64s: [0, 1, 0, 1], raw: true },
  },
});

function attempt(bytes: Uint8Array): void {
  try {
    importOnnx(bytes);
  } catch (error) {
    if (!(error instanceof BitplaneError)) throw error;
  }
}

test('the unchanged file loads', () => expect(importOnnx(good).outputs.y?.shape).toEqual(['N', 5]));

test('a file truncated anywhere is refused with a BitplaneError', () => {
  for (let length = 0; length < good.length; length++) attempt(good.subarray(0, length));
  expect(() => importOnnx(good.subarray(0, 40))).toThrow(BitplaneError);
});

test('a file with any bit flipped loads or is refused with a BitplaneError', () => {
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bytes = good.slice();
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    attempt(bytes);
  }
}, 60_000);

test('a file with changed, doubled or missing parts loads or is refused', () => {
  const change = fc.record({
    at: fc.nat(good.length),
    length: fc.nat(12),
    bytes: fc.uint8Array({ maxLength: 12 }),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      let bytes = Buffer.from(good);
      for (const { at, length, bytes: patch } of changes)
        bytes = Buffer.concat([bytes.subarray(0, at), patch, bytes.subarray(at + length)]);
      attempt(bytes);
    }),
    { seed: 5, numRuns: 4000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt), { seed: 6, numRuns: 4000 });
});

test('lengths beyond the file allocate nothing', () => {
  const before = process.memoryUsage().rss;
  // A message, string or packed list that claims 2 GB, at every place where a length stands or
  // could.
  for (let at = 0; at < good.length; at++)
    attempt(
      Buffer.concat([
        good.subarray(0, at),
        Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07]),
        good.subarray(at + 1),
      ]),
    );
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
});

test('many empty messages are refused, not collected', () => {
  // GraphProto of a million empty nodes: two bytes each.
  const nodes = Buffer.alloc(2_000_000);
  for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a;
  const length = [
    0x80 | (nodes.length & 127),
    0x80 | ((nodes.length >> 7) & 127),
    nodes.length >> 14,
  ];
  const file = Buffer.concat([Buffer.from([0x3a, ...length]), nodes]);
  expect(() => importOnnx(file)).toThrow(expect.objectContaining({ code: 'ERR_LIMIT' }));
});

test('one name for many nodes costs no more than many names', () => {
  const count = 20_000;
  const nodes = Array.from({ length: count }, (_, i) => ({
    op: 'Neg',
    name: 'same',
    inputs: [i === 0 ? 'x' : `t${i}`],
    outputs: [i === count - 1 ? 'y' : `t${i + 1}`],
  }));
  const graph = importOnnx(encodeOnnx({ nodes, inputs: { x: ['N'] }, outputs: { y: undefined } }), {
    limits: UNLIMITED,
  });
  expect(graph.outputs.y?.name).toBe(`same_${count}`);
}, 5_000);
