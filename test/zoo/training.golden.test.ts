/**
 * The blocks of the papers and their losses in training: the gradients and running statistics of
 * the authors' own code, with batch norms over the batch and over running statistics. Not here:
 * whole steps (test/train/step.golden.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import { Session } from '../../src/formats/session.js';
import type { Tensors } from '../../src/formats/tensors.js';
import type { Value } from '../../src/graph/value.js';
import * as nn from '../../src/nn/index.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import * as quant from '../../src/quant/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { distillation, distributionalLoss } from '../../src/train/losses.js';
import { biRealBlock } from '../../src/zoo/bi-real-net.js';
import {
  BI_REAL_NAMES,
  importState,
  type NameRule,
  REACT_NET_A_NAMES,
} from '../../src/zoo/pytorch.js';
import { reActBlock } from '../../src/zoo/react-net.js';
import { golden, toNhwc, under } from './golden.js';

type Float = Value<'f32'>;

const bireal = golden('bireal');
const reactnet = golden('reactnet');
const xnor = golden('xnor');

/** What the vectors' README states, gradients through a batch norm's statistics included. */
const RTOL = 1e-4;
const ATOL = 1e-4;

/** The largest distance in units of the tolerance. */
function distance(got: Tensor, want: Tensor): number {
  expect(got.shape).toEqual(want.shape);
  let most = 0;
  for (const [i, b] of want.data.entries())
    most = Math.max(most, Math.abs((got.data[i] as number) - b) / (ATOL + RTOL * Math.abs(b)));
  return most;
}

/** Runs a graph of constants alone. */
async function results(g: GraphBuilder, outputs: Readonly<Record<string, Value>>) {
  const session = Session.fromGraph(g.graph([], outputs), { threads: 2 });
  const found = (await session.run({})) as unknown as Readonly<Record<string, Tensor>>;
  await session.release();
  return found;
}

interface Case {
  readonly name: string;
  readonly arrays: Tensors;
  readonly prefix: string;
  readonly owner: string;
  readonly layer: nn.Layer;
  readonly rules: readonly NameRule[];
}

const CASES: readonly Case[] = [
  ...(['blk_eval', 'blk_train', 'blkdown_eval', 'blkdown_train'] as const).map((prefix) => ({
    name: `Bi-Real Net, ${prefix}`,
    arrays: bireal,
    prefix,
    owner: 'block.',
    layer: prefix.startsWith('blkdown')
      ? biRealBlock('torch')('block', 16, 2)
      : biRealBlock('torch')('block', 8, 1),
    rules: BI_REAL_NAMES,
  })),
  ...(
    [
      ['normal', 8, 1],
      ['reduction', 16, 2],
      ['widen', 16, 1],
    ] as const
  ).flatMap(([kind, width, stride]) =>
    ['eval', 'train']
      .filter((mode) => `${kind}_${mode}_gout` in reactnet)
      .map((mode) => ({
        name: `ReActNet, ${kind}_${mode}`,
        arrays: reactnet,
        prefix: `${kind}_${mode}`,
        owner: 'feature.1.',
        layer: reActBlock('torch')('unit1', width, stride),
        rules: REACT_NET_A_NAMES,
      })),
  ),
];

test('the vectors hold every kind of block', () => {
  expect(CASES.map(({ name }) => name)).toEqual([
    'Bi-Real Net, blk_eval',
    'Bi-Real Net, blk_train',
    'Bi-Real Net, blkdown_eval',
    'Bi-Real Net, blkdown_train',
    'ReActNet, normal_eval',
    'ReActNet, normal_train',
    'ReActNet, reduction_eval',
    'ReActNet, reduction_train',
    'ReActNet, widen_eval',
  ]);
});

test.each(CASES)('$name: the gradients of the release', async (block) => {
  const { arrays, prefix, owner, layer, rules } = block;
  const isTraining = prefix.endsWith('_train');
  const x = toNhwc(arrays[`${prefix}_x`]!);
  const model = nn.model({ input: { name: 'x', shape: ['N', ...x.shape.slice(1)] } }, layer);
  const before = under(arrays, `${prefix}_param_`, owner);
  const state = importState(model, before, rules);
  // The release's names, with gradients or new running statistics in place of parameters.
  const wanted = importState(
    model,
    {
      ...before,
      ...under(arrays, `${prefix}_grad_`, owner),
      ...under(arrays, `${prefix}_after_`, owner),
    },
    rules,
  );

  const g = new GraphBuilder();
  const input = g.constant(x) as Float;
  const leaves = new Map<string, Float>();
  const { output, updates } = model.build(g, input, {
    // In evaluation mode only the batch norms are not in training.
    training: (path) => isTraining || !/(^|\/)bn\d?$/.test(path),
    leaf({ name }) {
      leaves.set(name, g.constant(state[name]!) as Float);
      return leaves.get(name) as Float;
    },
  });
  const learned = model.parameters.filter(({ role }) => role !== 'mean' && role !== 'variance');
  const upstream = g.constant(toNhwc(arrays[`${prefix}_gout`]!)) as Float;
  const found = gradients(g, output, [input, ...learned.map(({ name }) => leaves.get(name)!)], {
    upstream,
  });
  const outputs: Record<string, Value> = { y: output, gx: found[0]! };
  for (const [i, { name }] of learned.entries()) outputs[`gradient ${name}`] = found[i + 1]!;
  for (const [leaf, next] of updates) {
    const name = [...leaves].find(([, value]) => value === leaf)![0];
    outputs[`after ${name}`] = next;
  }
  const got = await results(g, outputs);

  expect(distance(got['y']!, toNhwc(arrays[`${prefix}_y`]!))).toBeLessThanOrEqual(1);
  expect(distance(got['gx']!, toNhwc(arrays[`${prefix}_gx`]!))).toBeLessThanOrEqual(1);
  const far = model.parameters.flatMap(({ name, role }) => {
    const isStatistic = role === 'mean' || role === 'variance';
    if (isStatistic && !isTraining) return [];
    const off = distance(got[`${isStatistic ? 'after' : 'gradient'} ${name}`]!, wanted[name]!);
    return off <= 1 ? [] : [`${name}: ${off}`];
  });
  expect(far).toEqual([]);
});

/** The gradient with respect to x of a value made of it, from `upstream`. */
async function backward(
  x: Tensor<'f32'>,
  upstream: Tensor<'f32'>,
  make: (g: GraphBuilder, x: Float) => Float,
) {
  const g = new GraphBuilder();
  const input = g.constant(x) as Float;
  const y = make(g, input);
  const [dx] = gradients(g, y, [input], { upstream: g.constant(upstream) as Float });
  return await results(g, { y, dx: dx! });
}

describe('quantizers', () => {
  test.each([
    ['bireal', 'approxSign', bireal],
    ['xnor', 'hardTanh', xnor],
  ] as const)('the sign of %s with its pseudo-gradient', async (_name, pseudoGradient, arrays) => {
    const { y, dx } = await backward(arrays['act_x']!, arrays['act_gout']!, (g, x) =>
      quant.signActivation({ zero: 'torch', pseudoGradient }).trained(g, 'sign', x),
    );
    expect(distance(y!, arrays['act_y']!)).toBe(0);
    expect(distance(dx!, arrays['act_gin']!)).toBeLessThanOrEqual(1);
  });

  test.each(['conv3', 'conv3s2'])("HardBinaryConv's two gradients, %s", async (name) => {
    const g = new GraphBuilder();
    const [x, w] = ['x', 'w'].map((key) => g.constant(toNhwc(bireal[`${name}_${key}`]!)) as Float);
    const trained = quant.scaledSign({ zero: 'torch', gradient: 'straightThrough' }).trained!(
      g,
      'w',
      w!,
    );
    const stride = name === 'conv3s2' ? 2 : 1;
    const y = g.conv2d(x!, trained, { strides: [stride, stride], pads: [1, 1, 1, 1] });
    const upstream = g.constant(toNhwc(bireal[`${name}_gout`]!)) as Float;
    const [dx, dw] = gradients(g, y, [x!, w!], { upstream });
    const got = await results(g, { y, dx: dx!, dw: dw! });
    expect(distance(got['y']!, toNhwc(bireal[`${name}_y`]!))).toBeLessThanOrEqual(1);
    expect(distance(got['dx']!, toNhwc(bireal[`${name}_gx`]!))).toBeLessThanOrEqual(1);
    expect(distance(got['dw']!, toNhwc(bireal[`${name}_gw`]!))).toBeLessThanOrEqual(1);
  });

  test('the exact rule of binary weights, the gradient through alpha included', async () => {
    const options = { zero: 'torch', pseudoGradient: 'hardTanh', gradient: 'exact' } as const;
    const { y, dx } = await backward(toNhwc(xnor['bwn_w']!), toNhwc(xnor['bwn_gout']!), (g, w) =>
      quant.scaledSign(options).trained!(g, 'w', w),
    );
    expect(distance(y!, toNhwc(xnor['bwn_wb']!))).toBeLessThanOrEqual(1);
    expect(distance(dx!, toNhwc(xnor['bwn_gin']!))).toBeLessThanOrEqual(1);
  });

  test.each(['conv', 'lin'])(
    "the port's rule is the exact one, times a number: %s",
    async (name) => {
      const oihw = (tensor: Tensor<'f32'>) => (name === 'conv' ? toNhwc(tensor) : tensor);
      const w = oihw(xnor[`${name}_w_forgrad`]!);
      const { dx } = await backward(w, oihw(xnor[`${name}_gin`]!), (g, value) =>
        quant.scaledSign({ zero: 'torch', gradient: 'exact' }).trained!(g, 'w', value),
      );
      const count = w.size / w.shape[0]!;
      // The port takes (1 - 1 / I) by the second axis of the weights, as they lie in PyTorch.
      const inputs = name === 'conv' ? 6 : 20;
      const factor = count * (1 - 1 / inputs);
      const want = oihw(xnor[`${name}_gout_times1e9`]!);
      const scaled = new Tensor(
        'f32',
        dx!.data.map((v) => (v as number) * factor) as Float32Array,
        w.shape,
      );
      const back = new Tensor(
        'f32',
        want.data.map((v) => v / 1e9),
        w.shape,
      );
      expect(distance(scaled, back)).toBeLessThanOrEqual(1);
    },
  );

  test('the printed rules, by hand: XNOR-Net, its release, Bi-Real Net', async () => {
    const w = new Tensor('f32', Float32Array.of(0.5, -0.25, 1.5, -0.75), [1, 4]);
    const g = Float32Array.of(1, 2, 3, 4);
    const upstream = new Tensor('f32', g, [1, 4]);
    const alpha = 0.75;
    const inside = [1, 1, 0, 1];
    const printed = inside.map((p, i) => g[i]! * (1 / 4 + alpha * p));
    const rules = {
      paper: printed,
      release: printed.map((v) => v * 4 * (1 - 1 / 4)),
      magnitudeAware: inside.map((p, i) => g[i]! * alpha * p),
      straightThrough: inside.map((p, i) => g[i]! * p),
    } as const;
    for (const [gradient, wanted] of Object.entries(rules)) {
      const { dx } = await backward(w, upstream, (builder, value) =>
        quant.scaledSign({ gradient: gradient as keyof typeof rules }).trained!(
          builder,
          'w',
          value,
        ),
      );
      expect([...dx!.data], gradient).toEqual(wanted.map(Math.fround));
    }
  });
});

test("ReActNet's distributional loss and its gradient", async () => {
  const g = new GraphBuilder();
  const [student, teacher] = ['student', 'teacher'].map(
    (name) => g.constant(reactnet[`kd_${name}_logits`]!) as Float,
  );
  const loss = distributionalLoss(g, student!, teacher!);
  const [slope] = gradients(g, loss, [student!]);
  // The paper's form differs by the teacher's entropy, which has no gradient.
  const printed = distillation(g, student!, teacher!);
  const [same] = gradients(g, printed, [student!]);
  const got = await results(g, { loss, slope: slope!, same: same! });
  expect(distance(got['loss']!, reactnet['kd_loss']!)).toBeLessThanOrEqual(1);
  expect(distance(got['slope']!, reactnet['kd_grad_student']!)).toBeLessThanOrEqual(0.1);
  expect(distance(got['same']!, reactnet['kd_grad_student']!)).toBeLessThanOrEqual(0.1);
});
