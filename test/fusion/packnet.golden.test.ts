/**
 * PackNet and Piggyback against numbers of the authors' own code. Weights there are OIHW; here they
 * are turned where a layer reads them, and taken as they lie elsewhere.
 */
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import { Session } from '../../src/formats/session.js';
import { claim, ownGradient, prune, weightsOfTask } from '../../src/fusion/packnet.js';
import { maskedWeights, maskOf, maskWith } from '../../src/fusion/piggyback.js';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { channelsLast, floats, type GoldenArray, goldenNumbers } from '../quant/golden-numbers.js';

const pack = goldenNumbers('packnet');
const piggy = goldenNumbers('piggyback');
const f32 = (name: string) => floats(pack[name]!);
const u8 = (name: string) =>
  new Tensor('u8', Uint8Array.from(pack[name]!.values), pack[name]!.shape);

describe('PackNet', () => {
  test.each(['conv', 'lin'])('%s: the first task keeps other weights', (layer) => {
    const before = f32(`t1_before_${layer}_w`);
    const all = claim(new Tensor('u8', new Uint8Array(before.size), before.shape), 1);
    const { weights, owners } = prune(before, all, { task: 1, share: 0.5 });
    expect(weights).toEqual(f32(`t1_after_${layer}_w`));
    expect(owners).toEqual(u8(`t1_${layer}_mask`));
    expect(claim(owners, 2)).toEqual(u8(`t2_start_${layer}_mask`));
  });

  test.each(['conv', 'lin'])('%s: the second task changes what the first owns', (layer) => {
    const start = u8(`t2_start_${layer}_mask`);
    expect(ownGradient(f32(`t2_grad_${layer}`), start, 2)).toEqual(f32(`t2_gradmasked_${layer}`));
    const { weights, owners } = prune(f32(`t2_before_${layer}_w`), start, { task: 2, share: 0.75 });
    expect(weights).toEqual(f32(`t2_after_${layer}_w`));
    expect(owners).toEqual(u8(`t2_${layer}_mask`));
    expect(weightsOfTask(weights, owners, 1)).toEqual(f32(`eval_task1_${layer}_w`));
    expect(weightsOfTask(weights, owners, 2)).toEqual(f32(`eval_task2_${layer}_w`));
    // To the bit: what the first task computes with is what it kept.
    const first = prune(f32(`t1_before_${layer}_w`), claim(owners0(layer), 1), {
      task: 1,
      share: 0.5,
    });
    expect(weightsOfTask(weights, owners, 1)).toEqual(
      weightsOfTask(first.weights, first.owners, 1),
    );
  });

  const owners0 = (layer: string) => {
    const { size, shape } = f32(`t1_before_${layer}_w`);
    return new Tensor('u8', new Uint8Array(size), shape);
  };

  test('ties at the cut stay in part, or nothing to prune fails', () => {
    const w = new Tensor('f32', Float32Array.of(0.1, -0.1, 0.1, 2, 3), [5]);
    const owners = new Tensor('u8', Uint8Array.of(1, 1, 1, 1, 2), [5]);
    const { weights } = prune(w, owners, { task: 1, share: 0.25 });
    expect([...weights.data]).toEqual([0, 0, 0, 2, 3]);
    expect(prune(w, owners, { task: 1, share: 0.1 }).weights).toEqual(w);
    expect(prune(w, owners, { task: 3, share: 1 }).weights).toEqual(w);
    expect(() => prune(w, owners, { task: 1, share: 1.1 })).toThrow('a share from 0 to 1');
    expect(() => prune(w, claim(owners, 0 as never), { task: 1, share: 1 })).toThrow(
      'a task from 1',
    );
    expect(() => claim(owners, 2)).toThrow('a task after those that own weights');
    const few = new Tensor('u8', new Uint8Array(4), [4]);
    expect(() => weightsOfTask(w, few, 1)).toThrow('owners of shape [5] but received [4]');
  });
});

const near = (got: ArrayLike<number>, want: GoldenArray) => {
  expect(got.length).toBe(want.values.length);
  for (const [i, value] of want.values.entries())
    expect(Math.abs(got[i]! - value)).toBeLessThanOrEqual(1e-5 + 1e-4 * Math.abs(value));
};

describe('Piggyback', () => {
  test.each([
    ['bconv', 'binary'],
    ['blin', 'binary'],
    ['tconv', 'ternary'],
  ] as const)('%s: a mask, a result or a gradient differs', async (name, kind) => {
    const isConv = name !== 'blin';
    const array = (part: string): GoldenArray => {
      const found = piggy[`${name}_${part}`]!;
      return isConv && found.shape.length === 4 ? channelsLast(found) : found;
    };
    const real = floats(array('mask_real'));
    expect(Array.from(maskOf(real, { kind }).data)).toEqual(array('mask').values);

    const g = new GraphBuilder();
    const x = g.input('x', 'f32', array('x').shape as number[]);
    const m = g.state(real, { name: 'm' }) as Value<'f32'>;
    const w = g.constant(floats(array('w')), { name: 'w' }) as Value<'f32'>;
    const masked = maskedWeights(g, 'masked', w, m, { kind });
    const product = (
      isConv ? g.conv2d(x, masked, { pads: [1, 1, 1, 1] }) : g.dense(x, masked)
    ) as Value<'f32'>;
    const y = g.add(product, g.constant(floats(array('b'))));
    const upstream = g.constant(floats(array('gout'))) as Value<'f32'>;
    const [dx, dm, dw] = gradients(g, y, [x, m, w], { upstream });
    const session = Session.fromGraph(g.graph([x], { y, dx: dx!, dm: dm!, dw: dw!, masked }));
    const got = await session.run({ x: Float32Array.from(array('x').values) } as never);
    const result = got as unknown as Record<string, Tensor<'f32'>>;
    near(result.y!.data, array('y'));
    near(result.dx!.data, array('gx'));
    near(result.dm!.data, array('gmask'));
    // The network that is masked never changes.
    expect(result.dw!.data.every((value) => value === 0)).toBe(true);
    const want = maskWith(floats(array('w')), real, { kind });
    expect(result.masked!.data.map((v) => v + 0)).toEqual(want.data.map((v) => v + 0));
    await session.release();
  });

  test('a number at the threshold, or of another shape, takes part', () => {
    const real = new Tensor('f32', Float32Array.of(5e-3, 0.00501, -1, 0), [4]);
    expect([...maskOf(real).data]).toEqual([0, 1, 0, 0]);
    expect([...maskOf(real, { kind: 'ternary' }).data]).toEqual([0, 1, -1, 0]);
    expect([...maskOf(real, { threshold: 0.01 }).data]).toEqual([0, 0, 0, 0]);
    expect(() => maskOf(real, { kind: 'gray' as never })).toThrow('kind to be binary or ternary');
    const w = new Tensor('f32', Float32Array.of(1, 2), [2]);
    expect(() => maskWith(w, real)).toThrow('a mask of shape [2] but received [4]');
  });
});
