/**
 * Sizes and attributes that no kernel can count to: the error names the node and what the user gave
 * it, by the user's word. Not here: limits of memory (limits.test.ts).
 */
import { describe, expect, test, vi } from 'vitest';
import { Session } from '../../src/formats/session.js';
import type { Value } from '../../src/graph/value.js';
import { addon } from '../../src/native/addon.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { requireFields } from '../../src/runtime/field-limits.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { failureOf } from './failure.js';

type Float = Value<'f32'>;
type Shape = readonly (number | string)[];

/** Why a graph of one layer over x is not compiled. */
async function refusal(
  layer: (g: GraphBuilder, x: Float) => Float,
  shape: Shape = [1, 4, 4, 2],
): Promise<string> {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', shape);
  const graph = g.graph([x], { y: layer(g, x) });
  const session = Session.fromGraph(graph, { maxBytes: Infinity });
  try {
    const { code, message } = (await failureOf(session.warm([{}]))) as Record<string, string>;
    return `${code} ${message}`;
  } finally {
    await session.release();
  }
}

const name = 'layer';
const of = (shape: readonly number[]) =>
  new Tensor('f32', new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);
const conv = (options: object) => (g: GraphBuilder, x: Float) =>
  g.conv2d(x, g.constant(of([2, 3, 3, 2])), { name, ...options });
const FAR = 2 ** 31;

describe('an attribute that no kernel can count to is an error without its node or name', () => {
  test.each([
    ['strides[0] to be below 2^31', { strides: [FAR, 1] }],
    ['strides[1] to be below 2^31', { strides: [1, FAR] }],
    ['strides[0] to be below 2^30', { strides: [FAR - 1, 1] }],
    ['strides[1] to be below 2^30', { strides: [1, 2 ** 30] }],
    ['dilations[0] to be below 2^31', { dilations: [FAR, 1], pads: [FAR, 0, FAR, 0] }],
    ['dilations[1] to be below 2^30', { dilations: [1, 2 ** 30], pads: [0, 2 ** 30, 0, 2 ** 30] }],
  ])('conv2d: %s', async (words, options) => {
    const received = /2\^31/.test(words) ? FAR : '\\d{10}';
    expect(await refusal(conv(options))).toMatch(
      new RegExp(
        `^ERR_UNSUPPORTED conv2d "layer": expected ${words.replace(/[[\]^]/g, '\\$&')} but ` +
          `received ${received}$`,
      ),
    );
  });

  test('maxPool2d, whose windows together reach too far', async () => {
    const strides = [2 ** 30, 1] as const;
    expect(await refusal((g, x) => g.maxPool2d(x, [1, 1], { name, strides }))).toBe(
      'ERR_UNSUPPORTED maxPool2d "layer": expected strides[0] to be below 2^30 but received ' +
        '1073741824',
    );
  });

  test('slice, whose steps become those of a copy', async () => {
    expect(await refusal((g, x) => g.slice(x, [0], [3], { steps: [FAR], name }), [3])).toMatch(
      /^ERR_UNSUPPORTED slice "layer": expected every size, step and offset .* to be below 2\^31/,
    );
  });
});

describe('a size that no kernel can count to is an error without its node or name', () => {
  test.each([
    ['conv2d "layer": expected the first axis, the batch,', [FAR, 4, 4, 2], conv({})],
    ['conv2d "layer": expected the height of x', [1, FAR, 4, 2], conv({})],
    ['conv2d "layer": expected the width of x', [1, 4, FAR, 2], conv({})],
    [
      'relu "layer": expected the first axis, the batch,',
      [FAR, 2],
      (g: GraphBuilder, x: Float) => g.relu(x, { name }),
    ],
    [
      'softmax "layer": expected the number of channels',
      [1, FAR],
      (g: GraphBuilder, x: Float) => g.softmax(x, { name }),
    ],
    [
      'reduce "layer": expected every size, step and offset (outer of reduce)',
      [FAR, 2],
      (g: GraphBuilder, x: Float) => g.reduce(x, 'sum', [1], { name }),
    ],
    [
      'transpose "layer": expected every size, step and offset',
      [FAR, 2],
      (g: GraphBuilder, x: Float) => g.transpose(x, [1, 0], { name }),
    ],
  ] as const)('%s', async (words, shape, layer) => {
    const failure = await refusal(layer, shape);
    expect(failure.startsWith(`ERR_UNSUPPORTED ${words}`), failure).toBe(true);
    expect(failure).toMatch(/ to be below 2\^31 but received \d{10}$/);
  });
});

const WINDOW = { n: 1, h: 8, w: 8, c: 4, oh: 8, ow: 8, o: 4, g: 1 };
const TAPS = { kh: 1, kw: 1, sh: 1, sw: 1, dh: 1, dw: 1, pt: 0, pl: 0 };

/** As native/program/check.cc refuses them (test/native/refusals.test.ts). */
test.each([
  ['reach over fewer than 2^30 rows', { kh: 3, dh: 2 ** 29 }],
  ['reach over fewer than 2^30 columns', { ow: 3, sw: 2 ** 29 }],
  ['the height of x to be below 2^30', { h: 2 ** 30 }],
  ['pads[1] to be below 2^30', { pl: 2 ** 30 }],
  ['pads[0] to be below 2^30', { pt: -(2 ** 31) }],
  ['a window of fewer than 2^31 elements', { kh: 2 ** 16, kw: 2 ** 15 }],
  ['a window of fewer than 2^31 elements', { kh: 2 ** 15, kw: 2 ** 14 }],
  ['a result of fewer than 2^31 rows', { n: 2 ** 16, oh: 2 ** 15 }],
])('a window that an int cannot count reaches the addon: %s %j', (words, fields) => {
  const site = { op: 'conv2d', node: 'layer' };
  const check = (more: object) => requireFields('conv', { ...WINDOW, ...TAPS, ...more }, site);
  expect(() => check({})).not.toThrow();
  expect(() => check(fields)).toThrow(
    expect.objectContaining({ ...site, message: expect.stringContaining(words) }),
  );
});

test('what the addon refuses is an error without its node', async () => {
  const refuse = vi.spyOn(addon(), 'Program').mockImplementation(
    class {
      constructor() {
        throw new Error('instruction 1 (softmax) was refused by its kernel');
      }
    } as never,
  );
  try {
    const both = (g: GraphBuilder, x: Float) => g.softmax(g.relu(x, { name: 'first' }), { name });
    expect(await refusal(both, [2, 3])).toBe(
      'ERR_NATIVE softmax "layer": the program could not be built: ' +
        'instruction 1 (softmax) was refused by its kernel',
    );
  } finally {
    refuse.mockRestore();
  }
});
