/**
 * The blocks of the papers give the authors' numbers in evaluation mode, as floats and packed. The
 * parameters are imported through the name tables of the authors' releases, so these are tested
 * too. Not here: gradients.
 */
import { describe, expect, test } from 'vitest';
import type { Tensors } from '../../src/formats/tensors.js';
import * as nn from '../../src/nn/index.js';
import * as quant from '../../src/quant/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { biRealBlock } from '../../src/zoo/bi-real-net.js';
import {
  BI_REAL_NAMES,
  importState,
  type NameRule,
  REACT_NET_A_NAMES,
} from '../../src/zoo/pytorch.js';
import { reActBlock } from '../../src/zoo/react-net.js';
import { type HalfBlockOptions, halfBlock } from '../../src/zoo/real-to-binary.js';
import { compareSigns, everyWay, expectClose, golden, toNhwc, under } from './golden.js';

interface Case {
  readonly name: string;
  readonly layer: nn.Layer;
  readonly x: Tensor<'f32'>;
  readonly y: Tensor<'f32'>;
  readonly parameters: Tensors;
  readonly rules: readonly NameRule[];
  /**
   * The stride of a 3x3 window, where one bit's sign(0) = +1 departs from the release's 0: what
   * sees a 0 of x is not compared.
   */
  readonly zerosReach?: 1 | 2;
}

/**
 * y with the numbers of `want` at each pixel whose window sees a 0 of x, and how many pixels those
 * are.
 */
function withoutZeros(x: Tensor, y: Tensor, want: Tensor, stride: number) {
  const data = Float32Array.from(y.data);
  const [n, height, width, channels] = y.shape as [number, number, number, number];
  const [, xHeight, xWidth, xChannels] = x.shape as [number, number, number, number];
  let pixels = 0;
  for (let i = 0; i < n * height * width; i++) {
    const [image, row, column] = [
      Math.floor(i / (height * width)),
      Math.floor(i / width) % height,
      i % width,
    ];
    const sees = x.data.some((value, k) => {
      const pixel = Math.floor(k / xChannels);
      const near = (at: number, center: number) => Math.abs(at - center * stride) <= 1;
      return (
        value === 0 &&
        Math.floor(pixel / (xHeight * xWidth)) === image &&
        near(Math.floor(pixel / xWidth) % xHeight, row) &&
        near(pixel % xWidth, column)
      );
    });
    if (!sees) continue;
    pixels++;
    data.set(want.data.subarray(i * channels, (i + 1) * channels), i * channels);
  }
  return { y: new Tensor('f32', data, y.shape), pixels };
}

function blockModel({ layer, x }: Pick<Case, 'layer' | 'x'>) {
  return nn.model({ input: { name: 'x', shape: ['N', ...x.shape.slice(1)] }, output: 'y' }, layer);
}

function check(cases: readonly Case[]) {
  describe.each(cases)('$name', (block) => {
    const model = blockModel(block);
    const graph = model.graph(importState(model, block.parameters, block.rules));
    const feeds = { x: block.x };

    test('gives the numbers of the release', async () => {
      for (const [way, y] of await everyWay(graph, feeds)) {
        if (block.zerosReach === undefined) {
          expectClose(y, block.y, way);
          continue;
        }
        const compared = withoutZeros(block.x, y, block.y, block.zerosReach);
        expect(compared.pixels, 'one 0 in x, so at most one window of pixels').toBeLessThanOrEqual(
          9,
        );
        expectClose(compared.y, block.y, way);
      }
    });

    test('packed and float agree on every sign that rounding does not decide', async () => {
      const count = await compareSigns(graph, feeds);
      expect(count.signs).toBeGreaterThan(0);
      expect(count).toMatchObject({ differ: 0, differAboveRounding: 0 });
    });
  });
}

const bireal = golden('bireal');
const reactnet = golden('reactnet');
const r2b = golden('real2binary');

describe('Bi-Real Net', () => {
  const block = (prefix: string, width: number, stride: 1 | 2, zero: quant.SignOfZero): Case => ({
    name: `${prefix}, zero: '${zero}'`,
    layer: biRealBlock(zero)('block', width, stride),
    x: toNhwc(bireal[`${prefix}_x`]!),
    y: toNhwc(bireal[`${prefix}_y`]!),
    parameters: under(bireal, `${prefix}_param_`, 'block.'),
    rules: BI_REAL_NAMES,
    ...(zero === 'plus' ? { zerosReach: stride } : {}),
  });
  check([block('blk_eval', 8, 1, 'plus'), block('blkdown_eval', 16, 2, 'plus')]);

  // No sign is one bit here, so there is none to compare.
  test.each([block('blk_eval', 8, 1, 'torch'), block('blkdown_eval', 16, 2, 'torch')])(
    '$name',
    async (block) => {
      const model = blockModel(block);
      const graph = model.graph(importState(model, block.parameters, block.rules));
      for (const [way, y] of await everyWay(graph, { x: block.x })) expectClose(y, block.y, way);
    },
  );

  test.each(['conv3', 'conv3s2'])(
    '%s: weights with exact zeros, under the sign of torch',
    async (name) => {
      const x = toNhwc(bireal[`${name}_x`]!);
      const options = {
        filters: 8,
        kernel: 3,
        strides: name === 'conv3s2' ? 2 : 1,
        pads: 1,
        name: 'conv',
      };
      const layer = nn.conv2d({ ...options, weights: quant.scaledSign({ zero: 'torch' }) });
      const model = blockModel({ layer, x });
      const weight = toNhwc(bireal[`${name}_w`]!);
      expect(weight.data.includes(0)).toBe(true);
      for (const [way, y] of await everyWay(model.graph({ 'conv/weight': weight }), { x }))
        expectClose(y, toNhwc(bireal[`${name}_y`]!), way);
    },
  );

  test('activations: sign(0) = 0 in torch, +1 in one bit, equal elsewhere', async () => {
    const x = new Tensor('f32', bireal.act_x!.data, [64, 1]);
    const want = bireal.act_y!.data;
    expect(want.includes(0)).toBe(true);
    for (const zero of ['torch', 'plus'] as const) {
      const model = blockModel({ layer: nn.sign({ zero }), x });
      for (const [way, y] of await everyWay(model.graph({}), { x })) {
        const expected = Array.from(want, (value) => (zero === 'plus' && value === 0 ? 1 : value));
        // torch gives 0 for -0, signum -0: numerically the same.
        expect(
          Array.from(y.data, (value) => value + 0),
          way,
        ).toEqual(expected);
      }
    }
  });
});

describe('ReActNet', () => {
  const block = (prefix: string, width: number, stride: 1 | 2): Case => ({
    name: prefix,
    layer: reActBlock()('unit1', width, stride),
    x: toNhwc(reactnet[`${prefix}_x`]!),
    y: toNhwc(reactnet[`${prefix}_y`]!),
    parameters: under(reactnet, `${prefix}_param_`, 'feature.1.'),
    rules: REACT_NET_A_NAMES,
  });
  check([block('normal_eval', 8, 1), block('reduction_eval', 16, 2), block('widen_eval', 16, 1)]);
});

describe('Real-to-Binary', () => {
  /** The names in the golden file. */
  const rules: readonly NameRule[] = [
    [/^block\/shortcut\/conv\/weight$/, 'b_shortcut_conv2d.kernel'],
    [/^block\/shortcut\/bn\/(.*)$/, 'b_shortcut_batch_norm.$1'],
    [/^block\/bn\/(.*)$/, 'b_batch_norm.$1'],
    [/^block\/conv\/weight$/, 'b_conv2d.kernel'],
    [/^block\/gate\/(reduce|expand)\/weight$/, 'b_scaling_dense_$1.kernel'],
    [/^block\/scale\/(height|width|channel)$/, 'b_rescale.$1'],
    [/^block\/prelu\/slope$/, 'b_prelu.alpha'],
  ].map(([ours, theirs]) => ({ ours: ours as RegExp, theirs: [[theirs as string]] }));

  const block = (
    prefix: string,
    width: number,
    stride: 1 | 2,
    options: HalfBlockOptions,
  ): Case => ({
    name: prefix,
    layer: halfBlock(options)('block', width, stride),
    x: toNhwc(r2b[`${prefix}_x`]!),
    y: toNhwc(r2b[`${prefix}_y`]!),
    parameters: Object.fromEntries(
      Object.entries(under(r2b, `${prefix}_param_`)).map(([name, tensor]) => [
        name
          .replace(/scale_h$/, 'height')
          .replace(/scale_w$/, 'width')
          .replace(/scale_c$/, 'channel')
          .replace(/\.var$/, '.variance'),
        tensor,
      ]),
    ),
    rules,
  });
  check([
    block('r2b', 16, 1, { alpha: false }),
    block('r2bdown', 32, 2, { alpha: false }),
    block('r2bdown_tfsame', 32, 2, { alpha: false, pads: 'same' }),
    block('sb', 16, 1, { scale: 'learned' }),
  ]);

  test('r2bfp: the first student, tanh and real weights under the gate', async () => {
    const student = block('r2bfp', 16, 1, { alpha: false, student: 1 });
    const model = blockModel(student);
    const graph = model.graph(importState(model, student.parameters, student.rules));
    for (const [way, y] of await everyWay(graph, { x: student.x })) expectClose(y, student.y, way);
  });
});
