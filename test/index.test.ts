/**
 * A public function answers any value of a caller without a type checker with a result or a
 * BitplaneError, and never hangs. Not here: the sentences of the errors.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as bitplane from '../src/index.js';

type Call = (...args: unknown[]) => unknown;

const { BitplaneError, GraphBuilder, Session, Tensor } = bitplane;
const { data, fusion, nn, quant, recipes, train, zoo } = bitplane;

/**
 * Parts that layers and name tables are written with: bitplane calls them, or a caller who writes a
 * layer of his own.
 */
const PARTS = [
  'nn.Model',
  'nn.Scope',
  'nn.addValues',
  'nn.fanInUniform',
  'nn.heNormal',
  'nn.normalizer',
  'zoo.halfBlock',
  'zoo.namesIn',
];

/** Functions of the zoo that take no options. */
const ZOO_WITHOUT = [
  'basicBlock',
  'biRealBlock',
  'exampleState',
  'importState',
  'namesIn',
  'reActBiRealBlock',
  'phasesOf',
  'reActBlock',
  'recipeOf',
  'trainRecipe',
  'zooEntry',
  'zooGraph',
];

/** Functions of `quant` that take a spec and no options. */
const QUANT_WITHOUT = ['activations', 'ede', 'parseQuantSpec', 'weights'];

const JUNK = [
  undefined,
  null,
  0,
  -1,
  1.5,
  Number.NaN,
  '',
  'x',
  true,
  [],
  [1],
  [undefined],
  {},
  { a: 1 },
  { name: 1 },
  { inputs: [], outputs: {} },
  { inputs: [null], outputs: { y: 1 } },
  { signal: 1 },
  () => 1,
  Symbol('s'),
  10n,
  new Float32Array(3),
  new ArrayBuffer(4),
  new Date(0),
  new Map(),
  new URL('http://localhost/'),
];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'junk-'));
});
afterAll(() => rm(folder, { recursive: true }));

const g = new GraphBuilder();
const x = g.input('x', 'f32', [1, 4]);
const graph = g.graph([x], { y: g.relu(x) });
const session = Session.fromGraph(graph);
const g2 = new GraphBuilder();
const rows = g2.input('x', 'f32', ['N', 4]);
const batched = Session.fromGraph(g2.graph([rows], { y: g2.relu(rows) }));
const batcher = new bitplane.Batcher(batched);
const TENSOR = new Tensor('f32', new Float32Array(6), [2, 3]);
const PIXELS = { data: new Uint8Array(3), width: 1, height: 1 };
const net = nn.model({ input: { name: 'x', shape: ['N', 4] } }, nn.dense({ units: 2 }));
const map = (k: string, ...rest: unknown[]) => {
  const fresh = new GraphBuilder();
  return (fresh as unknown as Record<string, Call>)[k]?.(
    fresh.input('x', 'f32', [1, 4, 4, 4]),
    ...rest,
  );
};
const within = (path: unknown) =>
  (typeof path === 'string' && path !== '' ? join(folder, path) : path) as string;

const CALLS: Record<string, Call> = {
  'Session.create': (a, b) => Session.create(a as never, b as never),
  'Session.fromGraph': (a, b) => Session.fromGraph(a as never, b as never),
  'Session.fromGraph(graph)': (a) => Session.fromGraph(graph, a as never),
  run: (a, b) => session.run(a as never, b as never),
  'run(feeds)': (a) => session.run({ x: new Float32Array(4) }, a as never),
  profile: (a, b) => session.profile(a as never, b as never),
  loadModel: (a, b) => bitplane.loadModel(a as never, b as never),
  saveModel: (a) => bitplane.saveModel(a as never, join(folder, 'model')),
  'saveModel(graph)': (a) => bitplane.saveModel(graph, within(a)),
  encodeOnnx: (a, b) => bitplane.encodeOnnx(a as never, b as never),
  'encodeOnnx(graph)': (a) => bitplane.encodeOnnx(graph, a as never),
  saveOnnx: (a) => bitplane.saveOnnx(a as never, join(folder, 'model')),
  'saveOnnx(graph)': (a, b) => bitplane.saveOnnx(graph, within(a), b as never),
  readNpy: (a) => bitplane.readNpy(a as never),
  writeNpy: (a) => bitplane.writeNpy(a as never),
  readNpz: (a, b) => bitplane.readNpz(a as never, b as never),
  'readNpz(bytes)': (a) => bitplane.readNpz(bitplane.writeNpz({}), a as never),
  writeNpz: (a, b) => bitplane.writeNpz(a as never, b as never),
  'tensor.reshape': (a) => TENSOR.reshape(a as never),
  'tensor.slice': (a, b) => TENSOR.slice(a as never, b as never),
  'tensor.argMax': (a) => TENSOR.argMax(a as never),
  readTensors: (a) => bitplane.readTensors(a as never),
  writeTensors: (a) => bitplane.writeTensors(a as never, join(folder, 'tensors')),
  'writeTensors({})': (a) => bitplane.writeTensors({}, within(a)),
  verify: (a) => bitplane.verify(a as never),
  print: (a) => bitplane.print(a as never),
  mergeAffines: (a) => bitplane.mergeAffines(a as never),
  // By itself it draws ten thousand pictures.
  'data.shapes': (a) => data.shapes({ train: 1, test: 1, seed: a as never }),
  gradients: (a, b) => bitplane.gradients(g, a as never, b as never),
  'gradients(loss)': (a) => bitplane.gradients(g, g.reduce(x, 'sum', [0, 1]), [x], a as never),
  fit: (a, b) => bitplane.fit(net, a as never, b as never),
  imageToTensor: (a, b) => bitplane.imageToTensor(a as never, b as never),
  'imageToTensor(pixels)': (a, b) => bitplane.imageToTensor(PIXELS, a as never, b as never),
  readRecipe: (a) => bitplane.readRecipe(a as never),
  recipeOf: (a) => bitplane.recipeOf(a as never),
  topK: (a, b) => bitplane.topK(a as never, b as never),
  'topK(scores)': (a, b) => bitplane.topK([1, 2], a as never, b as never),
  topKRows: (a, b) => bitplane.topKRows(a as never, b as never),
  softmax: (a) => bitplane.softmax(a as never),
  evaluate: (a, b) => bitplane.evaluate(a as never, b as never),
  'evaluate(session)': (a, b) => bitplane.evaluate(session, a as never, b as never),
  Batcher: (a, b) => new bitplane.Batcher(a as never, b as never),
  'Batcher(session)': (a) => new bitplane.Batcher(batched, a as never).close(),
  'batcher.run': (a, b) => batcher.run(a as never, b as never),
  Tensor: (a, b) => new Tensor(a as never, b as never, [1]),
  'Tensor f32': (a, b) => new Tensor('f32', a as never, b as never),
  'Tensor f32 data': (a) => new Tensor('f32', new Float32Array(3), a as never),
  graph: (a, b) => new GraphBuilder().graph(a as never, b as never),
  'graph(inputs)': (a) => g.graph([x], a as never),
  'model.graph': (a) => net.graph(a as never),
  'model of a layer': (a) => nn.model({ input: { name: 'x', shape: ['N', 4] } }, a as never),
  'model of layers': (a) =>
    nn.model({ input: { name: 'x', shape: ['N', 4] } }, nn.sequential([a as never])),
  'model of an input': (a) => nn.model({ input: a as never }, nn.relu()),
  'importState(model)': (a) => zoo.importState(net, a as never, []),
  ...Object.fromEntries(
    Object.entries({ data, fusion, nn, quant, recipes, train, zoo }).flatMap(([space, members]) =>
      Object.entries(members)
        .filter(
          ([name, member]) =>
            typeof member === 'function' && ![...PARTS, 'data.shapes'].includes(`${space}.${name}`),
        )
        .map(([name, member]) => [`${space}.${name}`, member as Call]),
    ),
  ),
  ...Object.fromEntries(
    [...Object.getOwnPropertyNames(GraphBuilder.prototype), ...Object.keys(g)]
      .filter((name) => name !== 'constructor')
      .flatMap((name): [string, Call][] => [
        [
          `g.${name}`,
          (...args) => (new GraphBuilder() as unknown as Record<string, Call>)[name]?.(...args),
        ],
        [`g.${name}(x)`, (...args) => map(name, ...args)],
      ]),
  ),
};

test('every public function is tried here', () => {
  expect(Object.keys(CALLS).length).toBeGreaterThan(100);
});

test.each(Object.entries(CALLS))('%s', async (_, call) => {
  const wrong: string[] = [];
  for (const args of [
    [],
    ...JUNK.map((a) => [a]),
    ...JUNK.flatMap((b) => [
      ['x', b],
      [{}, b],
      [1, b, b],
    ]),
  ]) {
    try {
      await call(...args);
    } catch (error) {
      if (!(error instanceof BitplaneError))
        wrong.push(`${args.map((arg) => `${typeof arg} ${String(arg)}`).join(', ')}: ${error}`);
    }
  }
  expect(wrong).toEqual([]);
});

type Options = Readonly<Record<string, unknown>>;

const labelled = batched as never;
/** No pictures at all. */
async function* none(): AsyncGenerator<never> {
  for (const each of [] as never[]) yield each;
}

/** Every function that takes options, called with right arguments and the given options. */
const OPTIONED: Record<string, (options: never) => unknown> = {
  'Session.create': (o) => Session.create(new Uint8Array(4), o),
  'Session.fromGraph': (o) => Session.fromGraph(graph, o),
  'session.run': (o) => session.run({ x: new Float32Array(4) }, o),
  'session.run, outputs first': (o) => session.run({ x: new Float32Array(4) }, ['y'], o),
  loadModel: (o) => bitplane.loadModel(new Uint8Array(4), o),
  imageToTensor: (o) => bitplane.imageToTensor(PIXELS, recipes.mnist(), o),
  evaluate: (o: Options) =>
    bitplane.evaluate(labelled, none(), { recipe: recipes.mnist(), ...o } as never),
  Batcher: (o) => new bitplane.Batcher(batched, o),
  'batcher.run': (o) => batcher.run({ x: new Float32Array(4) }, o),
  ...Object.fromEntries(
    (['mnist', 'cifar10', 'cifar100'] as const).flatMap((name) => [
      [`data.${name}`, data[name] as Call],
      [`recipes.${name}`, recipes[name] as Call],
    ]),
  ),
  readNpz: (o) => bitplane.readNpz(bitplane.writeNpz({}), o),
  writeNpz: (o) => bitplane.writeNpz({}, o),
  'data.pictures': (o) => data.pictures('.', o),
  'recipes.torchvision': (o) => recipes.torchvision('IMAGENET1K_V1', o),
  'recipes.keras': (o) => recipes.keras('tf', o),
  ...Object.fromEntries(
    [
      'relu',
      'sigmoid',
      'tanh',
      'softmax',
      'hardTanh',
      'sign',
      'prelu',
      'rsign',
      'rprelu',
      'globalAvgPool',
      'flatten',
      'batchNorm',
    ].map((name) => [`nn.${name}`, (nn as unknown as Record<string, Call>)[name] as Call]),
  ),
  'nn.clip': (o) => nn.clip(-1, 1, o),
  'nn.conv2d': (o: Options) => nn.conv2d({ filters: 1, kernel: 1, ...o }),
  'nn.dense': (o: Options) => nn.dense({ units: 1, ...o }),
  'nn.maxPool2d': (o: Options) => nn.maxPool2d({ kernel: 1, ...o }),
  'nn.avgPool2d': (o: Options) => nn.avgPool2d({ kernel: 1, ...o }),
  'nn.sequential': (o) => nn.sequential([], o),
  'nn.residual': (o) => nn.residual(nn.relu(), o),
  'nn.add': (o) => nn.add([nn.relu()], o),
  'nn.concat': (o) => nn.concat([nn.relu()], o),
  'nn.layer': (o) => nn.layer('mine', (_, value) => value, o),
  'nn.model': (o: Options) => nn.model({ input: { name: 'x', shape: ['N', 4] }, ...o }, nn.relu()),
  'nn.model, its input': (o: Options) =>
    nn.model({ input: { name: 'x', shape: ['N', 4], ...o } }, nn.relu()),
  ...Object.fromEntries(
    Object.entries(quant)
      .filter(([name]) => !QUANT_WITHOUT.includes(name))
      .map(([name, member]) => [`quant.${name}`, member as Call]),
  ),
  ...Object.fromEntries(
    (['dorefa', 'dorefaActivation', 'lsq', 'lsqActivation', 'pact'] as const).map((name) => [
      `quant.${name}`,
      (o: Options) => quant[name]({ bits: 4, ...o } as never),
    ]),
  ),
  'quant.quantSpec': (o: Options) => quant.quantSpec({ bits: 8, ...o } as never),
  'quant.quantizeGraph': (o: Options) =>
    quant.quantizeGraph(net.graph(net.init(1)), { weights: 8, ends: 'same', ...o } as never),
  ...Object.fromEntries(
    Object.entries(zoo)
      .filter(([name, member]) => typeof member === 'function' && !ZOO_WITHOUT.includes(name))
      .map(([name, member]) => [`zoo.${name}`, member as Call]),
  ),
  'zoo.xnorConv': (o: Options) => zoo.xnorConv({ filters: 1, kernel: 1, ...o }),
  ...Object.fromEntries(Object.entries(zoo.ZOO).map(([name, { build }]) => [`zoo:${name}`, build])),
  ...Object.fromEntries(
    ['add', 'sub', 'mul', 'div', 'max', 'min', 'pow', 'prelu', 'gate'].map((op) => [
      `g.${op}`,
      (o: unknown) => map(op, 1, o),
    ]),
  ),
  ...Object.fromEntries(
    [
      'relu',
      'tanh',
      'sigmoid',
      'abs',
      'neg',
      'sqrt',
      'exp',
      'log',
      'erf',
      'floor',
      'ceil',
      'round',
      'signum',
      'leakyRelu',
      'sign',
      'softmax',
      'logSoftmax',
      'approxSign',
    ].map((op) => [`g.${op}`, (o: unknown) => map(op, o)]),
  ),
  'g.surrogate': (o) => map('surrogate', 0, o),
  'g.op': (o) => new GraphBuilder().op('relu', [x], {}, o),
  'g.clip': (o) => map('clip', 0, 1, o),
  'g.cast': (o) => map('cast', 'f32', o),
  'g.maxPool2d': (o) => map('maxPool2d', [1, 1], o),
  'g.avgPool2d': (o) => map('avgPool2d', [1, 1], o),
  'g.maxPool2dGradient': (o) =>
    over(({ k, w }) =>
      k.maxPool2dGradient(k.input('y', 'f32', [1, 2, 2, 1]), w([1, 2, 2, 1]), [1, 1], o),
    ),
  'g.avgPool2dGradient': (o) => map('avgPool2dGradient', [1, 1], [4, 4], o),
  'g.reduce': (o) => map('reduce', 'mean', [1], o),
  'g.reshape': (o) => map('reshape', [64], o),
  'g.transpose': (o) => map('transpose', [0, 1, 2, 3], o),
  'g.slice': (o) => map('slice', [0, 0, 0, 0], [1, 1, 1, 1], o),
  'g.pad': (o) => map('pad', [0, 0, 0, 0, 0, 0, 0, 0], 0, o),
  'g.expand': (o) => map('expand', [1, 4, 4, 4], o),
  'g.constant': (o) => new GraphBuilder().constant(ones([1]), o),
  'g.state': (o) => new GraphBuilder().state(ones([1]), o),
  'g.conv2d': (o) =>
    over(({ k, w }) => k.conv2d(k.input('y', 'f32', [1, 4, 4, 1]), w([1, 1, 1, 1]), o)),
  'g.dense': (o) => over(({ k, w }) => k.dense(k.input('y', 'f32', [1, 4]), w([2, 4]), o)),
  'g.matmul': (o) => over(({ k, w }) => k.matmul(k.input('y', 'f32', [1, 4]), w([4, 2]), o)),
  'g.batchNorm': (o) =>
    over(({ k, w }) => k.batchNorm(k.input('y', 'f32', [1, 4]), w([4]), w([4]), w([4]), w([4]), o)),
  'g.normalize': (o) =>
    over(({ k, w }) => k.normalize(k.input('y', 'f32', [1, 4]), w([4]), w([4]), o)),
  'g.moments': (o) => map('moments', o),
  'g.normalizeSums': (o) =>
    over(({ k, w }) => k.normalizeSums(k.input('y', 'f32', [1, 4]), w([1, 4]), w([4]), o)),
  'g.multiThreshold': (o) =>
    over(({ k, w }) => k.multiThreshold(k.input('y', 'f32', [1, 4]), w([4, 1]), o)),
  'g.concat': (o) => over(({ k, w }) => k.concat([w([1, 4]), w([1, 4])], 0, o)),
  'g.threshold': (o) => {
    const k = new GraphBuilder();
    const y = k.input('y', 'i32', [1, 4]);
    const t = k.constant(new Tensor('i32', new Int32Array(4), [4]));
    return k.threshold(y, t, t, o);
  },
};

function ones(shape: readonly number[]) {
  return new Tensor('f32', new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);
}

function over(
  build: (parts: {
    k: bitplane.GraphBuilder;
    w: (shape: number[]) => bitplane.Value<'f32'>;
  }) => unknown,
) {
  const k = new GraphBuilder();
  return build({ k, w: (shape) => k.constant(ones(shape)) });
}

const caught = async (call: () => unknown): Promise<unknown> => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
};

test.each(Object.entries(OPTIONED))(
  '%s refuses an option that does not exist, by name',
  async (_, call) => {
    const error = await caught(() => call({ nosuchOption: 1 } as never));
    expect(error).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/options of .* but received "nosuchOption"/),
    });
  },
);

test.each(Object.entries(OPTIONED))(
  '%s takes options that exist and are undefined',
  async (name, call) => {
    if (name.startsWith('zoo')) return; // large networks
    const error = await caught(() => call({} as never));
    if (!['Session.create', 'loadModel'].includes(name)) expect(error).toBe(undefined);
    else expect(error).toMatchObject({ code: 'ERR_FORMAT' });
  },
);

test('every function of a public list takes options that are tried here, or no options', () => {
  const members = [
    ...Object.entries(nn).map(([name, member]) => [`nn.${name}`, member] as const),
    ...Object.entries(quant).map(([name, member]) => [`quant.${name}`, member] as const),
    ...Object.entries(zoo).map(([name, member]) => [`zoo.${name}`, member] as const),
    ...[...Object.getOwnPropertyNames(GraphBuilder.prototype), ...Object.keys(g)].map(
      (name) => [`g.${name}`, () => 0] as const,
    ),
  ].filter(([name, member]) => typeof member === 'function' && !(name in OPTIONED));
  expect(members.map(([name]) => name).sort()).toEqual(
    [
      ...[
        'Model',
        'Scope',
        'addValues',
        'constantOf',
        'fanInUniform',
        'heNormal',
        'normalizer',
        'uniform',
      ].map((name) => `nn.${name}`),
      ...QUANT_WITHOUT.map((name) => `quant.${name}`),
      ...ZOO_WITHOUT.map((name) => `zoo.${name}`),
      ...['constructor', 'graph', 'input', 'unused'].map((name) => `g.${name}`),
    ].sort(),
  );
});

test.each<[string, () => unknown, string]>([
  [
    'intraOpNumThreads',
    () => Session.fromGraph(graph, { intraOpNumThreads: 1 } as never),
    'threads',
  ],
  ['executionMode', () => Session.fromGraph(graph, { executionMode: 1 } as never), ''],
  [
    'graphOptimizationLevel',
    () => Session.fromGraph(graph, { graphOptimizationLevel: 'all' } as never),
    'optimize',
  ],
  ['sgnal', () => session.run({ x: new Float32Array(4) }, { sgnal: 1 } as never), 'signal'],
  ['stride', () => nn.conv2d({ filters: 1, kernel: 1, stride: 2 } as never), 'strides'],
  ['kernelSize', () => nn.conv2d({ filters: 1, kernelSize: 2 } as never), 'kernel'],
  ['pad', () => map('maxPool2d', [1, 1], { pad: 1 }), 'pads'],
  ['numClasses', () => zoo.resnet20({ numClasses: 2 } as never), 'classes'],
])('%s is refused with the option that was probably meant', async (name, call, meant) => {
  const error = (await caught(call)) as Error;
  expect(error).toBeInstanceOf(BitplaneError);
  expect(error.message).toContain(`but received "${name}"`);
  expect(/did you mean "(.*)"\?$/.exec(error.message)?.[1] ?? '').toBe(meant);
});

test.each<[string, () => unknown, string]>([
  ['avx521', () => Session.fromGraph(graph, { isa: 'avx521' } as never), 'avx512'],
  ['plane', () => Session.fromGraph(graph, { lowBit: 'plane' } as never), 'planes'],
  ['minmx', () => quant.quantizeGraph(graph, { weights: 8, observer: 'minmx' } as never), 'minmax'],
  ['STEE', () => quant.sign({ pseudoGradient: 'STEE' } as never), ''],
  ['biRael', () => zoo.vggSmall({ block: 'biRael' } as never), 'biReal'],
  ['bireal', () => zoo.recipeOf('bireal'), 'bi-real'],
])(
  'the value %s is refused without the one that was probably meant',
  async (value, call, meant) => {
    const error = (await caught(call)) as Error;
    expect(error).toBeInstanceOf(BitplaneError);
    expect(error.message).toContain(`but received "${value}"`);
    expect(/did you mean "(.*)"\?$/.exec(error.message)?.[1] ?? '').toBe(meant);
  },
);

test('options are objects: an array, a map or a signal in their place is refused', async () => {
  for (const options of [
    [],
    ['threads'],
    new Map([['threads', 1]]),
    new AbortController().signal,
    new Float32Array(1),
  ])
    expect(await caught(() => Session.fromGraph(graph, options as never))).toMatchObject({
      code: 'ERR_ARGUMENT',
    });
  class Mine {
    threads = 1;
  }
  expect(Session.fromGraph(graph, new Mine()).info.threads).toBe(1);
});
