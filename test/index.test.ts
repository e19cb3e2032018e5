/**
 * Whatever a caller without a compiler hands to a public function, the answer is a result or a BitplaneError, and it comes.
 * Not here: what each error says.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as bitplane from '../src/index.js';

type Call = (...args: unknown[]) => unknown;

const { BitplaneError, GraphBuilder, Session, Tensor, nn, quant, zoo } = bitplane;

/** Parts that layers and name tables are written with: bitplane calls them, or a caller who writes a layer of his own. */
const PARTS = ['nn.Model', 'nn.Scope', 'nn.addValues', 'nn.fanInUniform', 'nn.heNormal', 'nn.normalizer', 'zoo.halfBlock', 'zoo.namesIn'];

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
const net = nn.model({ input: { name: 'x', shape: ['N', 4] } }, nn.dense({ units: 2 }));
const map = (k: string, ...rest: unknown[]) => {
  const fresh = new GraphBuilder();
  return (fresh as unknown as Record<string, Call>)[k]?.(fresh.input('x', 'f32', [1, 4, 4, 4]), ...rest);
};
const within = (path: unknown) => (typeof path === 'string' && path !== '' ? join(folder, path) : path) as string;

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
  readNpy: (a) => bitplane.readNpy(a as never),
  writeNpy: (a) => bitplane.writeNpy(a as never),
  readTensors: (a) => bitplane.readTensors(a as never),
  writeTensors: (a) => bitplane.writeTensors(a as never, join(folder, 'tensors')),
  'writeTensors({})': (a) => bitplane.writeTensors({}, within(a)),
  verify: (a) => bitplane.verify(a as never),
  print: (a) => bitplane.print(a as never),
  mergeAffines: (a) => bitplane.mergeAffines(a as never),
  Tensor: (a, b) => new Tensor(a as never, b as never, [1]),
  'Tensor f32': (a, b) => new Tensor('f32', a as never, b as never),
  'Tensor f32 data': (a) => new Tensor('f32', new Float32Array(3), a as never),
  graph: (a, b) => new GraphBuilder().graph(a as never, b as never),
  'graph(inputs)': (a) => g.graph([x], a as never),
  'model.graph': (a) => net.graph(a as never),
  'model of a layer': (a) => nn.model({ input: { name: 'x', shape: ['N', 4] } }, a as never),
  'model of layers': (a) => nn.model({ input: { name: 'x', shape: ['N', 4] } }, nn.sequential([a as never])),
  'model of an input': (a) => nn.model({ input: a as never }, nn.relu()),
  'importState(model)': (a) => zoo.importState(net, a as never, []),
  ...Object.fromEntries(
    Object.entries({ nn, quant, zoo }).flatMap(([space, members]) =>
      Object.entries(members)
        .filter(([name, member]) => typeof member === 'function' && !PARTS.includes(`${space}.${name}`))
        .map(([name, member]) => [`${space}.${name}`, member as Call]),
    ),
  ),
  ...Object.fromEntries(
    [...Object.getOwnPropertyNames(GraphBuilder.prototype), ...Object.keys(g)]
      .filter((name) => name !== 'constructor')
      .flatMap((name): [string, Call][] => [
        [`g.${name}`, (...args) => (new GraphBuilder() as unknown as Record<string, Call>)[name]?.(...args)],
        [`g.${name}(x)`, (...args) => map(name, ...args)],
      ]),
  ),
};

test('every public function is called', () => {
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
      if (!(error instanceof BitplaneError)) wrong.push(`${args.map((arg) => `${typeof arg} ${String(arg)}`).join(', ')}: ${error}`);
    }
  }
  expect(wrong).toEqual([]);
});
