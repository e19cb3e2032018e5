/**
 * Eight-bit quantization against PyTorch's: `quantize_per_tensor`, and `quantized.conv2d` with its
 * requantization, whose arrays PyTorch itself computed. Convolutions are written as quantizeGraph
 * writes them, chains of elementary ops, and run by the ops' formulas and in a session.
 */
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { dequantizeNumbers, quantizeNumbers } from '../../src/quant/affine.js';
import { constantCodes, fakeQuantize } from '../../src/quant/fake-quantize.js';
import { groupsOf } from '../../src/quant/groups.js';
import { parseQuantSpec } from '../../src/quant/parse-spec.js';
import { halfEven } from '../../src/quant/rounding.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { channelsLast, type GoldenArray, goldenNumbers } from './golden-numbers.js';

const arrays = goldenNumbers('int8');
const get = (name: string) => arrays[name] as GoldenArray;
const params = (scale: readonly number[], zero: number) => ({
  scale: Float32Array.from(scale),
  zero: new Int32Array(scale.length).fill(zero),
});

describe('per tensor', () => {
  test.each([
    ['pt_u8', 'uint8-asymmetric'],
    ['pt_s8', 'int8-asymmetric'],
  ])('%s: codes or numbers differ from theirs', (name, form) => {
    const own = params(get(`${name}_scale`).values, get(`${name}_zp`).values[0]!);
    const groups = groupsOf('tensor', get(`${name}_x`).shape);
    const x = Float32Array.from(get(`${name}_x`).values);
    const codes = quantizeNumbers(x, parseQuantSpec(form), own, groups);
    // PyTorch multiplies by the reciprocal of the scale, so a number within rounding of a tie may
    // fall to the other side.
    for (const [i, code] of get(`${name}_q`).values.entries()) {
      const level = x[i]! / own.scale[0]!;
      const isTie = Math.abs(level - Math.floor(level) - 0.5) < 1e-5;
      expect(Math.abs(codes[i]! - code)).toBeLessThanOrEqual(isTie ? 1 : 0);
    }
    const back = dequantizeNumbers(get(`${name}_q`).values, own, groups);
    expect(Array.from(back)).toEqual(get(`${name}_dq`).values);
  });

  test('a tie is not rounded to the even code', () => {
    const { shape, values } = get('round_x');
    const codes = quantizeNumbers(
      Float32Array.from(values),
      parseQuantSpec('int8'),
      params([1], 0),
      groupsOf('tensor', shape),
    );
    expect(Array.from(codes)).toEqual(get('round_q').values);
  });
});

/** x -> conv -> + bias -> relu or not -> y, all in eight bits; y as codes. */
function convolution(name: string, relu: boolean, strides: number, pad: number) {
  const g = new GraphBuilder();
  const xq = channelsLast(get(`${name}_xq`));
  const wq = channelsLast(get(`${name}_wq`));
  const [sx, zx] = get(`${name}_x_scale_zp`).values as [number, number];
  const [sy, zy] = get(`${name}_y_scale_zp`).values as [number, number];
  const sw = get(`${name}_w_scale`).values;
  const spec = parseQuantSpec('uint8-asymmetric');
  const input = g.input('x', 'f32', xq.shape);
  const x = fakeQuantize(g, 'xq', input, spec, params([sx], zx), groupsOf('tensor', []));
  const weights = parseQuantSpec(sw.length === 1 ? 'int8' : 'int8-channel');
  const groups = groupsOf(weights.granularity, wq.shape);
  const w = constantCodes(g, 'w', wq.values, wq.shape, weights, params(sw, 0), groups);
  // PyTorch rounds the bias to a multiple of sx * sw.
  const bias = Float32Array.from(get(`${name}_bias`).values, (b, o) => {
    const step = Math.fround(sx) * Math.fround(sw[sw.length === 1 ? 0 : o]!);
    return halfEven(b / step) * step;
  });
  const product = g.conv2d(x, w, { strides: [strides, strides], pads: [pad, pad, pad, pad] });
  const sum = g.add(product, g.constant(new Tensor('f32', bias, [bias.length])) as Value<'f32'>);
  const own = params([sy], zy);
  const y = fakeQuantize(g, 'yq', relu ? g.relu(sum) : sum, spec, own, groupsOf('tensor', []));
  const numbers = dequantizeNumbers(xq.values, params([sx], zx), groupsOf('tensor', []));
  return {
    graph: g.graph([input], { y, sum }),
    feeds: { x: new Tensor('f32', numbers, xq.shape) },
    want: channelsLast(get(`${name}_yq${relu ? '_relu' : ''}`)).values,
    codesOf: (values: ArrayLike<number>) =>
      Array.from(values, (value) => Math.round(value / Math.fround(sy)) + zy),
    /** Distance of a number from the middle of two codes, in codes. */
    fromTie: (value: number) => Math.abs(value / sy - Math.floor(value / sy) - 0.5),
  };
}

describe('convolutions', () => {
  const cases = ['pt_s1p1', 'pt_s2p0', 'pc_s1p1', 'pc_s2p0'].flatMap((kind) =>
    [false, true].map((relu) => [`conv_${kind}`, relu] as const),
  );
  test.each(cases)('%s, relu %s: a code differs from theirs', async (name, relu) => {
    const [strides, pad] = name.endsWith('s1p1') ? [1, 1] : [2, 0];
    const { graph, feeds, want, codesOf, fromTie } = convolution(name, relu, strides!, pad!);
    const exact = evaluateGraph(graph, feeds);
    for (const how of ['formulas', 'session'] as const) {
      let y = exact.y!;
      if (how === 'session') {
        const session = Session.fromGraph(graph);
        y = (await session.run(feeds)).y as Tensor;
        await session.release();
      }
      const got = codesOf(y.data);
      for (const [i, code] of want.entries()) {
        const isTie = fromTie(exact.sum!.data[i] as number) < 1e-4;
        expect(Math.abs(got[i]! - code), `${how} ${i}`).toBeLessThanOrEqual(isTie ? 1 : 0);
      }
    }
  });
});
