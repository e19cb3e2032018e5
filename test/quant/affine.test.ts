/**
 * Affine quantization: scales and zero points of ranges, and codes that are the same bits here and
 * in the ops of a graph.
 */
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { dequantizeNumbers, paramsOfRanges, quantizeNumbers } from '../../src/quant/affine.js';
import { fakeQuantize } from '../../src/quant/fake-quantize.js';
import { groupsOf } from '../../src/quant/groups.js';
import { parseQuantSpec } from '../../src/quant/parse-spec.js';
import { ROUNDINGS, type Rounding } from '../../src/quant/rounding.js';
import { quantSpec } from '../../src/quant/spec.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { random } from '../random.js';

const f = Math.fround;

describe('paramsOfRanges', () => {
  const one = (form: string, lo: number, hi: number) => {
    const { scale, zero } = paramsOfRanges(parseQuantSpec(form), [{ lo, hi }]);
    return { scale: scale[0], zero: zero[0] };
  };

  test('a scale or zero point is not that of the definition', () => {
    expect(one('int8', -1, 2)).toEqual({ scale: f(2 / 127), zero: 0 });
    expect(one('uint8', -1, 2)).toEqual({ scale: f(2 / 255), zero: 0 });
    expect(one('uint8-asymmetric', -1, 2)).toEqual({ scale: f(3 / 255), zero: 85 });
    expect(one('int8-asymmetric', -1, 2)).toEqual({ scale: f(3 / 255), zero: -43 });
    expect(one('bfp8', -3, 2)).toEqual({ scale: 2 ** (1 - 7 + 1), zero: 0 });
  });

  test('0 has no code where the range leaves it out', () => {
    expect(one('uint8-asymmetric', 3, 5)).toEqual({ scale: f(5 / 255), zero: 0 });
    expect(one('uint8-asymmetric', -5, -3)).toEqual({ scale: f(5 / 255), zero: 255 });
  });

  test('a range of nothing but 0 has no scale', () => {
    for (const form of ['int8', 'uint8', 'uint8-asymmetric', 'bfp8'])
      expect(one(form, 0, 0)).toEqual({ scale: 1, zero: 0 });
    expect(one('int8', 0, 1e-45).scale).toBe(1);
  });

  test.each([
    [Number.NaN, 1],
    [0, Infinity],
    [2, 1],
  ])('the range from %s to %s passes', (lo, hi) => {
    expect(() => one('int8', lo, hi)).toThrow('expected a range of finite numbers in order');
  });
});

/** Numbers of many magnitudes, ties, signed zeros and the ends of float32. */
function numbers(count: number, seed: number): Float32Array {
  const draw = random(seed);
  const special = [0, -0, 0.5, -0.5, 1.5, 2.5, -2.5, f(0.49999997), 3e38, -3e38, 1e-40];
  return Float32Array.from({ length: count }, (_, i) =>
    i < special.length ? special[i]! : (draw() - 0.5) * 10 ** (draw() * 6 - 3),
  );
}

describe('codes computed at once differ from those of a graph', () => {
  const forms = ['int8', 'int4-narrow', 'uint4', 'uint8-asymmetric', 'int3-asymmetric', 'uint1'];
  const cases = [
    ...forms.map((form) => [form, 'halfEven'] as const),
    ...Object.keys(ROUNDINGS).map((rounding) => ['int5-asymmetric', rounding as Rounding] as const),
  ];
  test.each(cases)('%s, %s', (form, rounding) => {
    for (const granularity of ['tensor', 'channel'] as const) {
      const spec = quantSpec({ ...parseQuantSpec(form), rounding, granularity });
      const x = new Tensor('f32', numbers(240, 7), [4, 20, 3]);
      const groups = groupsOf(granularity, x.shape, 'activations');
      const ranges = [
        { lo: -1, hi: 2.5 },
        { lo: -3, hi: 0.1 },
        { lo: 0, hi: 7 },
      ].slice(0, groups.count);
      const params = paramsOfRanges(spec, ranges);
      const want = dequantizeNumbers(quantizeNumbers(x.data, spec, params, groups), params, groups);

      const g = new GraphBuilder();
      const input = g.input('x', 'f32', x.shape);
      const graph = g.graph([input], { y: fakeQuantize(g, 'q', input, spec, params, groups) });
      const plain = (y: ArrayLike<number>) => Array.from(y, (value) => value + 0);
      expect(plain(evaluateGraph(graph, { x }).y!.data)).toEqual(plain(want));
    }
  });
});

test('a number half way between two codes goes another way than its rule says', () => {
  const ties: Readonly<Record<Rounding, readonly number[]>> = {
    halfEven: [-2, -2, 0, 0, 2, 2],
    halfUp: [-2, -1, 0, 1, 2, 3],
    halfAway: [-3, -2, -1, 1, 2, 3],
    floor: [-3, -2, -1, 0, 1, 2],
    ceil: [-2, -1, 0, 1, 2, 3],
    towardZero: [-2, -1, 0, 0, 1, 2],
  };
  const x = Float32Array.of(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5);
  const groups = groupsOf('tensor', [6]);
  const params = { scale: Float32Array.of(1), zero: Int32Array.of(0) };
  for (const [rounding, want] of Object.entries(ties)) {
    const spec = quantSpec({ bits: 8, rounding: rounding as Rounding });
    expect(Array.from(quantizeNumbers(x, spec, params, groups)), rounding).toEqual(want);
    const g = new GraphBuilder();
    const input = g.input('x', 'f32', [6]);
    const graph = g.graph([input], { y: fakeQuantize(g, 'q', input, spec, params, groups) });
    const { y } = evaluateGraph(graph, { x: new Tensor('f32', x, [6]) });
    expect(
      Array.from(y!.data, (value) => value + 0),
      rounding,
    ).toEqual(want);
  }
});

test('a number is further from its code than half a step', () => {
  const spec = parseQuantSpec('int8');
  const x = Float32Array.from({ length: 999 }, (_, i) => (i - 499) / 499);
  const groups = groupsOf('tensor', [999]);
  const params = paramsOfRanges(spec, [{ lo: -1, hi: 1 }]);
  const y = dequantizeNumbers(quantizeNumbers(x, spec, params, groups), params, groups);
  for (const [i, value] of x.entries())
    expect(Math.abs(y[i]! - value)).toBeLessThanOrEqual(params.scale[0]! * 0.5000001);
});

describe('fakeQuantize takes numbers that no code has', () => {
  const emit = (form: string, scale: number, zero: number) => () => {
    const g = new GraphBuilder();
    const params = { scale: Float32Array.of(scale), zero: Int32Array.of(zero) };
    const x = g.input('x', 'f32', [3]);
    return fakeQuantize(g, 'q', x, parseQuantSpec(form), params, groupsOf('tensor', [3]));
  };
  test.each([0, -1, Number.NaN, Infinity])('scale %s', (scale) => {
    expect(emit('int8', scale, 0)).toThrow('expected scale 0 to be finite and above 0');
  });
  test('zero points', () => {
    expect(emit('uint8-asymmetric', 1, 256)).toThrow('expected zero point 0 from 0 to 255');
    expect(emit('int8', 1, 3)).toThrow('expected zero point 0 for symmetric');
  });
});

test('the chain is not the one that passes look for', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4]);
  const groups = groupsOf('tensor', []);
  const chain = (form: string, lo: number, hi: number) => {
    const spec = parseQuantSpec(form);
    const ops: string[] = [];
    const params = paramsOfRanges(spec, [{ lo, hi }]);
    let value = fakeQuantize(g, form, x, spec, params, groups) as {
      op: string;
      inputs: readonly unknown[];
    };
    while (value.op !== 'input') {
      ops.push(value.op);
      value = value.inputs[0] as typeof value;
    }
    return ops.reverse();
  };
  expect(chain('uint8', 0, 1)).toEqual(['div', 'round', 'clip', 'cast', 'cast', 'mul']);
  expect(chain('uint8-asymmetric', -1, 1)).toEqual([
    'div',
    'round',
    'add',
    'clip',
    'cast',
    'cast',
    'sub',
    'mul',
  ]);
});
