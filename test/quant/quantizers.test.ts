/**
 * Quantizers: numbers and graph form agree, 0 follows the zero rule, and each describes itself.
 * Against the authors' numbers: test/zoo.
 */
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import * as quant from '../../src/quant/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';

const W = new Tensor(
  'f32',
  Float32Array.of(0.5, -0.25, 0, -0, 2, -2, Number.NaN, -1e-30, 0, 0, 0, 0),
  [3, 2, 1, 2],
);

describe.each([
  ['sign', quant.sign],
  ['scaledSign', quant.scaledSign],
])('%s', (name, make) => {
  test.each(['plus', 'torch'] as const)(
    "of constants and of values is the same, zero: '%s'",
    (zero) => {
      const g = new GraphBuilder();
      const quantizer = make({ zero });
      const w = new Tensor(
        'f32',
        W.data.map((value) => (Number.isNaN(value) ? 1 : value)),
        W.shape,
      );
      const input = g.input('w', 'f32', w.shape);
      const [atOnce, later] = [
        quantizer.quantize(g, 'constant', g.constant(w)),
        quantizer.quantize(g, 'value', input),
      ];
      const results = evaluateGraph(
        g.graph([input], {
          a: atOnce.values,
          b: later.values,
          ...(atOnce.scale === undefined ? {} : { as: atOnce.scale, bs: later.scale! }),
        }),
        { w },
      );
      const plain = (values: ArrayLike<number>) => Array.from(values, (value) => value + 0);
      expect(plain(results.a!.data)).toEqual(plain(results.b!.data));
      expect(plain(results.a!.data)).toEqual(
        plain(w.data).map((value) => (value === 0 ? (zero === 'plus' ? 1 : 0) : Math.sign(value))),
      );
      if (name === 'scaledSign') {
        expect(Array.from(results.as!.data)).toEqual(Array.from(results.bs!.data));
        expect(Array.from(results.as!.data)).toEqual([0.1875, 1.25, 0]);
      } else expect(atOnce.scale).toBeUndefined();
    },
  );

  test('takes one bit if there is no zero, or if zero is +1', () => {
    const g = new GraphBuilder();
    const whole = new Tensor('f32', Float32Array.of(1, -1, 3, -3), [2, 2]);
    expect(
      make({ zero: 'torch' }).quantize(g, 'a', g.constant(whole)).values.inputs[0]?.dtype,
    ).toBe('b1');
    expect(make({ zero: 'plus' }).quantize(g, 'b', g.constant(W)).values.inputs[0]?.dtype).toBe(
      'b1',
    );
    expect(make({ zero: 'torch' }).quantize(g, 'c', g.constant(W)).values.op).toBe('constant');
  });

  test('describes itself, and is frozen', () => {
    const quantizer = make();
    expect(quantizer).toMatchObject({ name, precision: 1, zero: 'plus', pseudoGradient: 'clip' });
    expect(quantizer.paper).toMatch(/arXiv/);
    expect(Object.isFrozen(quantizer)).toBe(true);
  });
});

test('signActivation is one bit, or torch.sign under zero: torch', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [3]);
  expect(quant.signActivation().quantize(g, 'a', x)).toMatchObject({
    op: 'cast',
    inputs: [{ op: 'sign' }],
  });
  expect(quant.signActivation({ zero: 'torch' }).quantize(g, 'b', x).op).toBe('signum');
});
