/**
 * TWN, TTQ, DoReFa, PACT and LSQ: values and gradients as a torch program in double has them that
 * was written from the papers' formulas, numbers by hand, and the packed form.
 */
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import { pictureSet } from '../../src/data/picture-set.js';
import { Session } from '../../src/formats/session.js';
import type { Value } from '../../src/graph/value.js';
import * as nn from '../../src/nn/index.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import * as quant from '../../src/quant/index.js';
import type { ActivationQuantizer, WeightQuantizer } from '../../src/quant/quantizer.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluate } from '../../src/train/evaluate.js';
import { fit } from '../../src/train/fit.js';
import { adam } from '../../src/train/optimizer.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { random } from '../random.js';

type Float = Value<'f32'>;

const tensor = (values: readonly number[], shape: readonly number[]) =>
  new Tensor('f32', Float32Array.from(values), shape);

const W = tensor(
  [
    -0.1875, -0.234375, -0.21875, 0.265625, -0.078125, 0.78125, -0.5625, -0.3125, 0.25, -0.359375,
    -0.21875, 0.28125,
  ],
  [2, 6],
);
const G = tensor(
  [0.25, -0.6875, 0.6875, 0.5625, -0.5625, 0.75, 0.0625, -1.1875, -0.5625, -0.8125, 0.875, 0.1875],
  [2, 6],
);
const X = tensor(
  [
    0.53125, -0.734375, 0.28125, 0.5625, -2.34375, -0.671875, 0.515625, -2.71875, -0.234375,
    1.28125, 0.390625, -0.078125,
  ],
  [2, 6],
);

/** Value, gradient and gradients of what is learned, by the trained form in float32. */
function trainedOf(
  quantizer: WeightQuantizer | ActivationQuantizer,
  x: Tensor<'f32'>,
  learned: Readonly<Record<string, number>> = {},
) {
  const g = new GraphBuilder();
  const input = g.input('x', 'f32', x.shape);
  const parameters = Object.fromEntries(
    Object.keys(learned).map((name) => [name, g.input(name, 'f32', []) as Float]),
  );
  const y = quantizer.trained!(g, 'layer', input, parameters);
  const of = [input, ...Object.values(parameters)];
  const slopes = gradients(g, y, of, { upstream: g.constant(G) as Float });
  const outputs = Object.fromEntries([['y', y], ...slopes.map((slope, i) => [`d${i}`, slope])]);
  const inputs = [input, ...Object.values(parameters)] as never[];
  const feeds = Object.fromEntries(Object.entries(learned).map(([n, v]) => [n, tensor([v], [])]));
  return evaluateGraph(g.graph(inputs, outputs), { x, ...feeds });
}

interface Case {
  readonly name: string;
  readonly quantizer: WeightQuantizer | ActivationQuantizer;
  readonly learned?: Readonly<Record<string, number>>;
  readonly x?: Tensor<'f32'>;
  readonly y: readonly number[];
  readonly dx: readonly number[];
  readonly dp?: readonly number[];
}

const CASES: readonly Case[] = [
  {
    name: 'twn',
    quantizer: quant.twn(),
    y: [
      0, -0.380859375, 0, 0.380859375, 0, 0.380859375, -0.380859375, -0.380859375, 0.380859375,
      -0.380859375, 0, 0.380859375,
    ],
    dx: [
      0.25, -0.6875, 0.6875, 0.5625, -0.5625, 0.75, 0.0625, -1.1875, -0.5625, -0.8125, 0.875,
      0.1875,
    ],
  },
  {
    name: 'ttq',
    quantizer: quant.ttq({ threshold: 0.25 }),
    learned: { positive: 0.5, negative: 0.25 },
    y: [0, -0.25, -0.25, 0.5, 0, 0.5, -0.25, -0.25, 0.5, -0.25, -0.25, 0.5],
    dx: [
      0.25, -0.171875, 0.171875, 0.28125, -0.5625, 0.375, 0.015625, -0.296875, -0.28125, -0.203125,
      0.21875, 0.09375,
    ],
    dp: [0.9375, 1.0625],
  },
  {
    name: 'dorefa, 2 bits',
    quantizer: quant.dorefa({ bits: 2 }),
    y: [
      -0.333333333, -0.333333333, -0.333333333, 0.333333333, -0.333333333, 1, -1, -0.333333333,
      0.333333333, -0.333333333, -0.333333333, 0.333333333,
    ],
    dx: [
      0.369458504, -0.996406729, 1.003367153, 0.80285859, -0.855617557, -0.653051864, 0.070788059,
      -1.650821333, -0.80921222, -1.095737613, 1.27701274, 0.265397399,
    ],
  },
  {
    name: 'dorefa, 4 bits',
    quantizer: quant.dorefa({ bits: 4 }),
    y: [
      -0.333333333, -0.333333333, -0.333333333, 0.333333333, -0.066666667, 1, -0.733333333,
      -0.466666667, 0.333333333, -0.466666667, -0.333333333, 0.466666667,
    ],
    dx: [
      0.369458504, -0.996406729, 1.003367153, 0.80285859, -0.855617557, -0.653051864, 0.070788059,
      -1.650821333, -0.80921222, -1.095737613, 1.27701274, 0.265397399,
    ],
  },
  {
    name: 'dorefa, 1 bit',
    quantizer: quant.dorefa({ bits: 1 }),
    y: [
      -0.3125, -0.3125, -0.3125, 0.3125, -0.3125, 0.3125, -0.3125, -0.3125, 0.3125, -0.3125,
      -0.3125, 0.3125,
    ],
    dx: [...G.data],
  },
  {
    name: 'dorefaActivation',
    quantizer: quant.dorefaActivation({ bits: 2 }),
    x: X,
    y: [0.666666667, 0, 0.333333333, 0.666666667, 0, 0, 0.666666667, 0, 0, 1, 0.333333333, 0],
    dx: [0.25, 0, 0.6875, 0.5625, 0, 0, 0.0625, 0, 0, 0, 0.875, 0],
  },
  {
    name: 'pact',
    quantizer: quant.pact({ bits: 2 }),
    x: X,
    learned: { range: 1.25 },
    y: [0.416666667, 0, 0.416666667, 0.416666667, 0, 0, 0.416666667, 0, 0, 1.25, 0.416666667, 0],
    dx: [0.25, 0, 0.6875, 0.5625, 0, 0, 0.0625, 0, 0, 0, 0.875, 0],
    dp: [-0.8125],
  },
  {
    name: 'lsq, 2 bits',
    quantizer: quant.lsq({ bits: 2 }),
    learned: { step: 0.3 },
    y: [-0.3, -0.3, -0.3, 0.3, 0, 0.3, -0.6, -0.3, 0.3, -0.3, -0.3, 0.3],
    dx: [
      0.25, -0.6875, 0.6875, 0.5625, -0.5625, 0, 0.0625, -1.1875, -0.5625, -0.8125, 0.875, 0.1875,
    ],
    dp: [0.000375879],
  },
  {
    name: 'lsq, 3 bits',
    quantizer: quant.lsq({ bits: 3 }),
    learned: { step: 0.2 },
    y: [-0.2, -0.2, -0.2, 0.2, 0, 0.6, -0.6, -0.4, 0.2, -0.4, -0.2, 0.2],
    dx: [
      0.25, -0.6875, 0.6875, 0.5625, -0.5625, 0, 0.0625, -1.1875, -0.5625, -0.8125, 0.875, 0.1875,
    ],
    dp: [0.432617188],
  },
  {
    name: 'lsqActivation',
    quantizer: quant.lsqActivation({ bits: 2 }),
    x: X,
    learned: { inputStep: 0.45 },
    y: [0.45, 0, 0.45, 0.45, 0, 0, 0.45, 0, 0, 1.35, 0.45, 0],
    dx: [0.25, 0, 0.6875, 0.5625, 0, 0, 0.0625, 0, 0, -0.8125, 0.875, 0],
    dp: [0.012787666],
  },
];

function far(got: ArrayLike<number>, want: readonly number[]): number[] {
  expect(got.length).toBe(want.length);
  return want.flatMap((b, i) => (Math.abs(got[i]! - b) > 2e-6 * Math.max(1, Math.abs(b)) ? i : []));
}

test.each(CASES)('$name: value and gradients of the paper', (one) => {
  const got = trainedOf(one.quantizer, one.x ?? W, one.learned);
  expect(far(got['y']!.data, one.y)).toEqual([]);
  expect(far(got['d0']!.data, one.dx)).toEqual([]);
  (one.dp ?? []).forEach((wanted, i) => {
    expect(far(got[`d${i + 1}`]!.data, [wanted])).toEqual([]);
  });
  expect(Object.keys(one.quantizer.learned ?? {})).toEqual(Object.keys(one.learned ?? {}));
});

test('TWN by hand: Delta and alpha of a filter each', () => {
  const w = tensor([1, -1, 0.5, 0, 8, 0, 0, 0], [2, 4]);
  const g = new GraphBuilder();
  const { values, scale } = quant
    .twn({ granularity: 'channel' })
    .quantize(g, 'w', g.constant(w) as Float);
  // Means 0.625 and 2, Delta 0.4375 and 1.4; above: 1, 1, 0.5, and 8.
  const { a, s } = evaluateGraph(g.graph([], { a: values, s: scale! }), {});
  expect([...a!.data]).toEqual([1, -1, 1, 0, 1, 0, 0, 0]);
  expect([...s!.data]).toEqual([Math.fround(2.5 / 3), 8]);
  expect(values.inputs[0]!.dtype).toBe('i2');
});

test('weights of zeros alone stay finite', () => {
  const w = tensor([0, 0, 0, 0], [2, 2]);
  for (const quantizer of [quant.twn(), quant.dorefa({ bits: 2 })]) {
    const { y } = evaluateGraph(
      (() => {
        const g = new GraphBuilder();
        const { values, scale } = quantizer.quantize(g, 'w', g.constant(w) as Float);
        return g.graph([], { y: g.mul(values, scale!) });
      })(),
      {},
    );
    expect([...y!.data].every(Number.isFinite), quantizer.name).toBe(true);
  }
});

const learnedOf = (quantizer: WeightQuantizer | ActivationQuantizer, w: Float32Array) =>
  Object.fromEntries(
    Object.entries(quantizer.learned ?? {}).map(([name, of]) => [
      name,
      typeof of === 'number' ? of : of(w),
    ]),
  );

function normal(shape: readonly number[], seed: number): Tensor<'f32'> {
  const draw = random(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: count }, () => draw() + draw() + draw() - 1.5);
  return tensor(values, shape);
}

const WEIGHTS: readonly (readonly [string, WeightQuantizer])[] = [
  ['twn', quant.twn()],
  ['twn, channels', quant.twn({ granularity: 'channel' })],
  ['ttq', quant.ttq()],
  ...[1, 2, 3, 4, 7, 8].map((bits) => [`dorefa ${bits}`, quant.dorefa({ bits })] as const),
  ...[2, 3, 4, 8].map((bits) => [`lsq ${bits}`, quant.lsq({ bits })] as const),
];

test.each(WEIGHTS)('%s: constants have the bits of the trained form', async (_name, quantizer) => {
  const w = normal([6, 3, 3, 5], 11);
  const g = new GraphBuilder();
  const numbers = learnedOf(quantizer, w.data);
  const input = g.input('w', 'f32', w.shape);
  const inputs = Object.keys(numbers).map((name) => g.input(name, 'f32', []));
  const fed = Object.fromEntries(Object.entries(numbers).map(([n, v]) => [n, tensor([v], [])]));
  const constants = Object.fromEntries(
    Object.entries(fed).map(([name, value]) => [name, g.constant(value) as Float]),
  );
  const computed = Object.fromEntries(inputs.map((value) => [value.name, value as Float]));
  const whole = ({ values, scale }: quant.QuantizedWeights) =>
    scale === undefined
      ? values
      : g.mul(values, g.reshape(scale, scale.shape.length === 0 ? [] : [6, 1, 1, 1]) as Float);
  const graph = g.graph([input, ...inputs] as never[], {
    packed: whole(quantizer.quantize(g, 'a', g.constant(w) as Float, constants)),
    computed: whole(quantizer.quantize(g, 'b', input, computed)),
    trained: quantizer.trained!(g, 'c', input, computed),
  });
  const found = evaluateGraph(graph, { w, ...fed });
  expect(found['computed']!.data).toEqual(found['packed']!.data);
  expect(found['trained']!.data).toEqual(found['packed']!.data);
  expect(new Set(found['packed']!.data).size).toBeGreaterThan(1);
  // And by the kernels, whose sums of |W| alone may round otherwise.
  const session = Session.fromGraph(graph, { threads: 1 });
  const run = (await session.run({ w, ...fed } as never)) as Record<string, Tensor>;
  await session.release();
  const off = [...run['trained']!.data].filter(
    (value, i) => Math.abs((value as number) - (found['packed']!.data[i] as number)) > 1e-6,
  );
  expect(off).toEqual([]);
});

test.each([
  ['dorefaActivation', quant.dorefaActivation({ bits: 2 })],
  ['pact', quant.pact({ bits: 3 })],
  ['lsqActivation', quant.lsqActivation({ bits: 2 })],
  ['lsqActivation, signed', quant.lsqActivation({ bits: 4, signed: true })],
] as const)('%s: a constant step has the bits of the trained form', (_name, quantizer) => {
  const x = normal([4, 40], 3);
  const g = new GraphBuilder();
  const fed = Object.fromEntries(
    Object.entries(learnedOf(quantizer, x.data)).map(([n, v]) => [n, tensor([v], [])]),
  );
  const input = g.input('x', 'f32', x.shape);
  const inputs = Object.keys(fed).map((name) => g.input(name, 'f32', []) as Float);
  const constants = Object.fromEntries(
    Object.entries(fed).map(([name, value]) => [name, g.constant(value) as Float]),
  );
  const computed = Object.fromEntries(inputs.map((value) => [value.name, value]));
  const { a, b } = evaluateGraph(
    g.graph([input, ...inputs] as never[], {
      a: quantizer.quantize(g, 'a', input, constants),
      b: quantizer.trained(g, 'b', input, computed),
    }),
    { x, ...fed },
  );
  expect(b!.data).toEqual(a!.data);
  expect(new Set(a!.data).size).toBeGreaterThan(2);
});

/** Bright left halves against bright right halves, noisy: 6 x 6 x 1. */
function halves(count: number, seed: number) {
  const next = random(seed);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  const pixels = Uint8Array.from({ length: count * 36 }, (_, i) => {
    const bright = i % 6 < 3 === (labels[Math.floor(i / 36)] === 0);
    return 60 + (bright ? 110 : 0) + Math.floor(next() * 60);
  });
  return pictureSet({
    name: 'halves',
    classes: ['left', 'right'],
    pictureShape: [6, 6, 1],
    normalization: { mean: [0.5], std: [0.25] },
    pixels,
    labels,
  });
}

describe('a trained network', () => {
  const data = { train: halves(96, 1), test: halves(40, 2) };
  const network = (weights: WeightQuantizer, inputs: ActivationQuantizer) =>
    nn.model(
      { input: { name: 'image', shape: ['N', 6, 6, 1] } },
      nn.sequential([
        nn.conv2d({ filters: 8, kernel: 3, pads: 1, name: 'stem' }),
        nn.batchNorm({ name: 'bn1' }),
        nn.relu(),
        nn.conv2d({ filters: 8, kernel: 3, pads: 1, weights, inputs, name: 'few' }),
        nn.batchNorm({ name: 'bn2' }),
        nn.relu({ name: 'relu2' }),
        nn.flatten(),
        nn.dense({ units: 2, name: 'fc' }),
      ]),
    ) as nn.Model;

  test.each([
    ['DoReFa', quant.dorefa({ bits: 2 }), quant.dorefaActivation({ bits: 2 }), true],
    ['PACT', quant.dorefa({ bits: 2 }), quant.pact({ bits: 2 }), true],
    ['LSQ', quant.lsq({ bits: 2 }), quant.lsqActivation({ bits: 2 }), true],
    ['TWN', quant.twn(), quant.lsqActivation({ bits: 2 }), true],
    ['TTQ', quant.ttq(), quant.pact({ bits: 2 }), false],
  ] as const)('of %s answers packed as in floats, W2A2 in integers', async (...row) => {
    const [, weights, inputs, isInteger] = row;
    const model = network(weights, inputs);
    const before = model.init(3);
    const { state, history } = await fit(model, data, {
      epochs: 3,
      batchSize: 16,
      optimizer: adam({ rate: 0.01 }),
      seed: 3,
      threads: 1,
    });
    expect(history.at(-1)!.testAccuracy).toBeGreaterThan(95);
    // What a quantizer learns has moved.
    const learned = model.parameters.filter(({ role }) => role === 'range');
    expect(learned.length).toBe(
      Object.keys(weights.learned ?? {}).length + Object.keys(inputs.learned ?? {}).length,
    );
    for (const { name } of learned) expect(state[name], name).not.toEqual(before[name]);
    const answers = [];
    for (const optimize of [true, false]) {
      const session = Session.fromGraph(model.graph(state), { optimize, threads: 1 });
      if (optimize) {
        const kernel = session.kernels().find(({ name }) => name.startsWith('few'))!.kernel;
        if (isInteger) expect(kernel).toMatch(/^qconv|^wconv|^bconv/);
        else expect(kernel).not.toMatch(/^qconv|^wconv|^bconv/);
      }
      const { normalization } = data.train;
      answers.push((await evaluate(session as never, data.test, { normalization })).predictions);
      await session.release();
    }
    expect(answers[0]).toEqual(answers[1]);
  });
});

test.each([
  [() => quant.twn({ granularity: 'row' as never }), /granularity/],
  [() => quant.ttq({ threshold: 1 }), /threshold from 0 to below 1/],
  [() => quant.dorefa({ bits: 9 }), /bits from 1 to 8/],
  [() => quant.dorefaActivation({ bits: 0 }), /bits from 1 to 8/],
  [() => quant.pact({ bits: 2, initial: -1 }), /initial/],
  [() => quant.lsq({ bits: 1 }), /bits from 2 to 8/],
  [() => quant.lsqActivation({ bits: 2, step: 1 } as never), /step/],
])('wrong options are refused: %#', (make, message) => {
  expect(make).toThrow(message);
});

test('a learned step that is not above 0 is refused when a network is packed', () => {
  const g = new GraphBuilder();
  const step = g.constant(tensor([-0.1], [])) as Float;
  const quantizer = quant.lsq({ bits: 2 });
  expect(() => quantizer.quantize(g, 'few', g.constant(W) as Float, { step })).toThrow(
    'lsq "few": expected a step that is finite and above 0 but received',
  );
});
