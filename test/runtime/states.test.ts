/**
 * States: what a run makes of them, who sees it, and what is refused. Not here: how weights are
 * packed (test/native/pack.test.ts), in which order calls run (test/schedule/order.test.ts).
 */
import { afterEach, describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { decodeModel, encodeModel } from '../../src/formats/safetensors/model.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { supportedIsas } from '../../src/native/isa.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { print } from '../../src/ops/print.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Isa, SessionOptions } from '../../src/runtime/session-types.js';
import { StateStore } from '../../src/runtime/state-store.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { Numbers } from '../passes/fixtures.js';
import { data, LONG_FEED } from './graphs.js';

const open: { release(): unknown }[] = [];
function session(graph: Graph, options: SessionOptions = {}) {
  const made = GraphSession.fromGraph(graph, options);
  open.push(made);
  return made;
}
afterEach(async () => {
  for (const each of open.splice(0)) await each.release();
});

const floats = (...values: number[]) =>
  new Tensor('f32', Float32Array.from(values), [values.length]);
const isas = supportedIsas().filter((isa) => (process.env.BITPLANE_ISA ?? isa) === isa) as Isa[];

function codeOf(action: () => unknown): string {
  try {
    action();
    return 'nothing';
  } catch (error) {
    return error instanceof BitplaneError ? `${error.code} ${error.node}` : String(error);
  }
}

async function rejection(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => 'result',
    (error: BitplaneError) => `${error.code} ${error.node}`,
  );
}

const N = 6;
const INPUTS = 9;
const OUTPUTS = 5;

/**
 * Gradient descent of a dense layer, w' = w - clip(dW, -1, 1), dW = (x w^T - target)^T x. Every
 * number is whole and small: any order of sums gives the same.
 */
function descent() {
  const n = new Numbers(5);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [N, INPUTS]);
  const target = g.input('target', 'f32', [N, OUTPUTS]);
  const w = g.state(n.integers([OUTPUTS, INPUTS], -3, 3), { name: 'w' });
  const y = g.dense(x, w);
  const error = g.sub(y, target);
  const gradient = g.dense(g.transpose(error, [1, 0]), g.transpose(x, [1, 0]));
  const step = g.graph([x, target], { y }, { updates: { w: g.sub(w, g.clip(gradient, -1, 1)) } });
  const e = new GraphBuilder();
  const xe = e.input('x', 'f32', [N, INPUTS]);
  const network = e.graph([xe], {
    y: e.dense(xe, e.state(w.data as Tensor<'f32'>, { name: 'w' })),
  });
  return { step, network, w: w.data as Tensor<'f32'> };
}

/** The same in plain JavaScript; changes w. */
function descend(w: Float32Array, x: Float32Array, target: Float32Array): number[] {
  const y = Array.from({ length: N * OUTPUTS }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < INPUTS; k++)
      sum += x[Math.floor(i / OUTPUTS) * INPUTS + k]! * w[(i % OUTPUTS) * INPUTS + k]!;
    return sum;
  });
  const gradient = w.map((_, i) => {
    let sum = 0;
    for (let n = 0; n < N; n++) {
      const at = n * OUTPUTS + Math.floor(i / INPUTS);
      sum += (y[at]! - target[at]!) * x[n * INPUTS + (i % INPUTS)]!;
    }
    return sum;
  });
  gradient.forEach((value, i) => {
    w[i]! -= Math.max(-1, Math.min(1, value));
  });
  return y;
}

describe.each(isas)('gradient descent on %s', (isa) => {
  test.each([1, 3])('50 runs of %d threads are the same loop in JavaScript', async (threads) => {
    const { step, network, w } = descent();
    const states = new StateStore(step);
    const training = session(step, { states, isa, threads });
    const evaluation = session(network, { states, isa, threads });
    const mirror = Float32Array.from(w.data);
    const n = new Numbers(8);
    for (let i = 0; i < 50; i++) {
      const x = n.integers([N, INPUTS], -2, 2);
      const target = n.integers([N, OUTPUTS], -9, 9);
      const { y } = await training.run({ x, target });
      expect(data(y!)).toEqual(descend(mirror, x.data, target.data));
      expect(data(states.get('w'))).toEqual([...mirror]);
      const { y: after } = await evaluation.run({ x });
      expect(data(after!)).toEqual(descend(mirror.slice(), x.data, target.data));
    }
    expect([...mirror]).not.toEqual([...w.data]);
  });
});

describe('updates', () => {
  test('each sees the old values of all: three states change places', async () => {
    const g = new GraphBuilder();
    const [a, b, c] = [1, 2, 3].map((i) => g.state(floats(i, 10 * i), { name: 'abc'[i - 1]! }));
    const sum = g.add(g.add(a! as Value<'f32'>, b! as Value<'f32'>), c! as Value<'f32'>);
    const graph = g.graph([], { sum, a: a! }, { updates: { a: b!, b: c!, c: sum } });
    const states = new StateStore(graph);
    const rotation = session(graph, { states });
    const results = await rotation.run({});
    expect(data(results.sum!)).toEqual([6, 60]);
    expect(data(results.a!)).toEqual([1, 10]);
    expect(states.names.map((name) => data(states.get(name)))).toEqual([
      [2, 20],
      [3, 30],
      [6, 60],
    ]);
  });

  test('two states exchange their values', async () => {
    const g = new GraphBuilder();
    const [a, b] = [1, 2].map((i) => g.state(floats(i, 10 * i), { name: 'ab'[i - 1]! }));
    const graph = g.graph([], {}, { updates: { a: b!, b: a! } });
    const states = new StateStore(graph);
    const exchange = session(graph, { states });
    for (const [first, second] of [
      [2, 1],
      [1, 2],
    ] as const) {
      await exchange.run({});
      expect(data(states.get('a'))).toEqual([first, 10 * first]);
      expect(data(states.get('b'))).toEqual([second, 10 * second]);
    }
  });

  test.each([
    ['an input', (g: GraphBuilder) => g.input('x', 'f32', [2]), [5, 6]],
    ['a constant', (g: GraphBuilder) => g.constant(floats(7, 8)), [7, 8]],
    ['itself', (_: GraphBuilder, s: Value) => s, [1, 2]],
  ] as const)('may be %s', async (_, next, wanted) => {
    const g = new GraphBuilder();
    const s = g.state(floats(1, 2), { name: 's' });
    const value = next(g, s);
    const x = value.op === 'input' ? (value as never) : g.input('x', 'f32', [2]);
    const graph = g.graph([x], {}, { updates: { s: value } });
    const states = new StateStore(graph);
    expect(await session(graph, { states }).run({ x: Float32Array.of(5, 6) })).toEqual({});
    expect(data(states.get('s'))).toEqual(wanted);
  });

  test('a value that is a result too, and one of two states, reaches all of them', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [3]);
    const [s, t] = ['s', 't'].map((name) => g.state(floats(1, 2, 3), { name }));
    const next = g.add(s as Value<'f32'>, x);
    const other = g.mul(x, 2);
    const updates = { s: next, t: next, u: other, v: other };
    for (const name of 'uv') g.state(floats(0, 0, 0), { name });
    const graph = g.graph([x], { next }, { updates });
    const states = new StateStore(graph);
    const { next: result } = await session(graph, { states }).run({ x: Float32Array.of(1, 1, 1) });
    expect(data(result!)).toEqual([2, 3, 4]);
    for (const name of 'st') expect(data(states.get(name))).toEqual([2, 3, 4]);
    for (const name of 'uv') expect(data(states.get(name))).toEqual([2, 2, 2]);
    expect(t!.name).toBe('t');
  });

  test('all are carried out by a run that asks for one output', async () => {
    const { step } = descent();
    const states = new StateStore(step);
    const before = data(states.get('w'));
    const n = new Numbers(3);
    const feeds = { x: n.integers([N, INPUTS]), target: n.integers([N, OUTPUTS]) };
    await session(step, { states }).run(feeds, ['y']);
    expect(data(states.get('w'))).not.toEqual(before);
  });

  test('are undone by a profile, which runs for time alone', async () => {
    const { step } = descent();
    const states = new StateStore(step);
    const before = data(states.get('w'));
    const n = new Numbers(3);
    const feeds = { x: n.integers([N, INPUTS]), target: n.integers([N, OUTPUTS]) };
    const training = session(step, { states });
    const [layers] = await Promise.all([training.profile(3, feeds), training.run(feeds)]);
    expect(layers.length).toBeGreaterThan(2);
    const once = Float32Array.from(before);
    descend(once, feeds.x.data, feeds.target.data);
    expect(data(states.get('w'))).toEqual([...once]);
  });

  test('pass through a model file, and are printed', async () => {
    const { step } = descent();
    const read = decodeModel(encodeModel(step));
    expect(print(read)).toBe(print(step));
    expect(print(read)).toMatch(/^update \{w: %/m);
    const n = new Numbers(4);
    const feeds = { x: n.integers([N, INPUTS]), target: n.integers([N, OUTPUTS]) };
    const [a, b] = [step, read].map((graph) => new StateStore(graph));
    await session(step, { states: a! }).run(feeds);
    await session(read, { states: b! }).run(feeds);
    expect(data(b!.get('w'))).toEqual(data(a!.get('w')));
  });
});

describe('layers over states', () => {
  test('a binary convolution sees the signs of its latent weights in every run', async () => {
    const n = new Numbers(6);
    const latent = n.integers([33, 3, 3, 70], -2, 2);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [2, 5, 5, 70]);
    const w = g.state(latent, { name: 'w' });
    const sums = (b: GraphBuilder, weights: Value<'f32'>, of: Value<'f32'>) =>
      b.cast(b.conv2d(b.sign(of), b.sign(weights), { pads: [1, 1, 1, 1] }), 'f32');
    const y = sums(g, w, x);
    const delta = g.input('delta', 'f32', [33, 3, 3, 70]);
    const graph = g.graph([x, delta], { y }, { updates: { w: g.add(w, delta) } });
    const states = new StateStore(graph);
    for (const isa of isas) {
      const running = session(graph, { states, isa });
      expect((await running.profile(1)).some(({ kernel }) => kernel.startsWith('bconv'))).toBe(
        true,
      );
      for (let run = 0; run < 3; run++) {
        const feeds = {
          x: n.integers([2, 5, 5, 70], -1, 1),
          delta: n.integers([33, 3, 3, 70], -2, 2),
        };
        const c = new GraphBuilder();
        const cx = c.input('x', 'f32', [2, 5, 5, 70]);
        const constant = c.graph([cx], {
          y: sums(c, c.constant(states.get('w')) as Value<'f32'>, cx),
        });
        const wanted = await session(constant, { isa }).run({ x: feeds.x });
        const found = await running.run(feeds);
        expect(found.y).toEqual(wanted.y);
      }
    }
  });

  test('a state of bits is read and written as bits', async () => {
    const n = new Numbers(2);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [4, 70]);
    const w = g.state(n.bits([70, 70]), { name: 'w' });
    const y = g.dense(g.sign(x), w as Value<'b1'>);
    const flip = g.input('flip', 'f32', [70, 70]);
    const next = g.sign(g.mul(g.cast(w as Value<'b1'>, 'f32'), flip));
    const graph = g.graph([x, flip], { y: g.cast(y, 'f32') }, { updates: { w: next } });
    const states = new StateStore(graph);
    const running = session(graph, { states });
    const before = states.get('w');
    const feeds = { x: n.floats([4, 70]), flip: new Float32Array(70 * 70).fill(-1) };
    const first = await running.run(feeds);
    const second = await running.run(feeds);
    expect(data(second.y!)).toEqual(data(first.y!).map((value) => 0 - value));
    expect(data(states.get('w'))).toEqual(data(before));
  });

  test('float weights that are computed from a state are packed anew in every run', async () => {
    const n = new Numbers(9);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 6, 6, 8]);
    const scale = g.input('scale', 'f32', [1]);
    const w = g.state(n.integers([8, 3, 3, 1]), { name: 'w' });
    const y = g.relu(g.conv2d(x, g.mul(w, scale), { groups: 8, name: 'deep' }));
    const running = session(g.graph([x, scale], { y }));
    const feeds = { x: n.integers([2, 6, 6, 8]) };
    const one = await running.run({ ...feeds, scale: Float32Array.of(1) });
    const three = await running.run({ ...feeds, scale: Float32Array.of(3) });
    expect(data(one.y!).some((value) => value > 0)).toBe(true);
    expect(data(three.y!)).toEqual(data(one.y!).map((value) => 3 * value));
  });
});

describe('runs that share a store', () => {
  /** s' = 3 s + x, modulo nothing: the order of runs decides what comes out. */
  function counter() {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1]);
    const s = g.state(floats(1), { name: 's' });
    return g.graph([x], { s }, { updates: { s: g.add(g.mul(s, -0.5), x) } });
  }

  test('go one after another in the order in which they were begun, of all sessions', async () => {
    const graph = counter();
    const states = new StateStore(graph);
    const sessions = [1, 2, 3].map((threads) => session(graph, { states, threads }));
    const runs = Array.from({ length: 60 }, (_, i) =>
      sessions[i % 3]!.run({ x: Float32Array.of(i % 7) }),
    );
    let value = 1;
    for (const [i, run] of runs.entries()) {
      expect(data((await run).s!)).toEqual([value]);
      value = Math.fround(Math.fround(value * -0.5) + (i % 7));
    }
    expect(data(states.get('s'))).toEqual([value]);
  });

  test('states are not touched from outside while runs use them', async () => {
    const graph = counter();
    const states = new StateStore(graph);
    const run = session(graph, { states }).run({ x: Float32Array.of(0) });
    await Promise.resolve();
    expect(codeOf(() => states.get('s'))).toBe('ERR_ARGUMENT s');
    expect(codeOf(() => states.set('s', floats(4)))).toBe('ERR_ARGUMENT s');
    await run;
    states.set('s', floats(4));
    const copy = states.get('s');
    copy.data[0] = 9;
    expect(data(states.get('s'))).toEqual([4]);
  });

  /** Seconds of layers; the update comes before them or behind them. */
  function slow(first: boolean) {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 56, 56, 32]);
    const s = g.state(floats(1), { name: 's' });
    const next = g.add(s, 1);
    const w = g.constant(
      new Tensor('f32', new Float32Array(32 * 9 * 32).fill(1e-3), [32, 3, 3, 32]),
    );
    let y: Value<'f32'> = first ? g.add(x, next) : x;
    for (let i = 0; i < 150; i++) y = g.conv2d(y, w, { pads: [1, 1, 1, 1] });
    const last = g.add(s, g.reshape(g.reduce(y, 'max', [1, 2, 3]), [1]));
    return g.graph([x], { y }, { updates: { s: first ? next : last } });
  }
  const SLOW = { isa: 'scalar', threads: 1, optimize: false } as const;

  test('a run that is stopped before its first update changes nothing', async () => {
    const graph = slow(false);
    const states = new StateStore(graph);
    const running = session(graph, { states, ...SLOW });
    const [flight, waiting] = [new AbortController(), new AbortController()];
    const runs = [flight, waiting].map(({ signal }) => running.run(LONG_FEED, { signal }));
    setTimeout(() => waiting.abort(), 10);
    setTimeout(() => flight.abort(), 40);
    expect(await Promise.all(runs.map(rejection))).toEqual([
      'ERR_ABORTED undefined',
      'ERR_ABORTED undefined',
    ]);
    expect(data(states.get('s'))).toEqual([1]);
  });

  test('a run that is stopped after its first update ends, and gives its results', async () => {
    const graph = slow(true);
    const states = new StateStore(graph);
    const running = session(graph, { states, ...SLOW });
    const wanted = await running.run(LONG_FEED);
    states.set('s', floats(1));
    const stop = new AbortController();
    const run = running.run(LONG_FEED, { signal: stop.signal });
    setTimeout(() => stop.abort(), 40);
    expect(await run).toEqual(wanted);
    expect(data(states.get('s'))).toEqual([2]);
  });

  test('a session that is released meanwhile ends what flies and refuses what waits', async () => {
    const graph = counter();
    const states = new StateStore(graph);
    const [one, two] = [session(graph, { states }), session(graph, { states })];
    const runs = [one.run({ x: floats(1) }), one.run({ x: floats(2) }), two.run({ x: floats(3) })];
    const outcomes = Promise.all(runs.map(rejection));
    await one.release();
    expect(await outcomes).toEqual(['result', 'ERR_RELEASED undefined', 'result']);
    expect(data(states.get('s'))).toEqual([2.75]);
  });
});

describe('bad input names the state', () => {
  const make = (name: string, tensor: Tensor) => {
    const g = new GraphBuilder();
    const s = g.state(tensor, { name });
    return { g, s: s as Value<'f32'>, graph: () => g.graph([], { y: g.relu(s as Value<'f32'>) }) };
  };

  test('an update of a state that the graph does not have', () => {
    const { g, s } = make('s', floats(1));
    expect(codeOf(() => g.graph([], {}, { updates: { t: s } }))).toBe('ERR_GRAPH t');
  });

  test.each([
    ['shape', (g: GraphBuilder, s: Value<'f32'>) => g.reshape(s, [1, 2])],
    ['dtype', (g: GraphBuilder, s: Value<'f32'>) => g.sign(s)],
  ])('an update of another %s', (_, next) => {
    const { g, s } = make('s', floats(1, 2));
    expect(codeOf(() => g.graph([], {}, { updates: { s: next(g, s) } }))).toBe('ERR_GRAPH s');
  });

  test('graphs that disagree about a state, or a store without it', () => {
    const states = new StateStore(make('s', floats(1, 2)).graph());
    for (const [name, tensor] of [
      ['s', floats(1)],
      ['s', new Tensor('i32', Int32Array.of(1, 2), [2])],
      ['t', floats(1, 2)],
    ] as const) {
      const g = new GraphBuilder();
      const state = g.state(tensor as Tensor, { name });
      const graph = g.graph([], { y: state });
      expect(codeOf(() => session(graph, { states }))).toBe(`ERR_GRAPH ${name}`);
    }
    expect(codeOf(() => session(make('s', floats(1)).graph(), { states: {} as never }))).toBe(
      'ERR_ARGUMENT undefined',
    );
  });

  test('names, dtypes and shapes that a store does not have', () => {
    const states = new StateStore(make('s', floats(1, 2)).graph());
    expect(() => states.get('t')).toThrow(/name of a state \("s"\)/);
    expect(codeOf(() => states.set('s', floats(1)))).toBe('ERR_ARGUMENT s');
    expect(codeOf(() => states.set('s', new Tensor('i32', Int32Array.of(1, 2), [2])))).toBe(
      'ERR_ARGUMENT s',
    );
  });

  test('updates in a map, which would be lost without a word', () => {
    const { g, s } = make('s', floats(1));
    const updates = new Map([['s', s]]) as never;
    expect(codeOf(() => g.graph([], {}, { updates }))).toBe('ERR_GRAPH undefined');
  });

  test('names that are no strings', () => {
    const states = new StateStore(make('s', floats(1)).graph());
    for (const name of [undefined, 3, Symbol('s'), Object.create(null)])
      expect(codeOf(() => states.get(name as never))).toBe('ERR_ARGUMENT undefined');
  });

  test('a batch that no memory holds, before its weights are sized', async () => {
    const g = new GraphBuilder();
    const w = g.state(new Tensor('f32', new Float32Array(20), [5, 4]), { name: 'w' });
    const x = g.input('x', 'f32', ['N', 4]);
    const running = session(g.graph([x], { y: g.dense(x, w as Value<'f32'>) }));
    for (const batch of [2 ** 31 - 1, 2 ** 31 - 1000])
      expect(await rejection(running.warm([batch]))).toBe('ERR_LIMIT x');
    const one = new GraphBuilder();
    const thin = one.input('x', 'f32', ['N', 1]);
    const v = one.state(new Tensor('f32', new Float32Array(1), [1, 1]), { name: 'w' });
    const large = session(one.graph([thin], { y: one.dense(thin, v as Value<'f32'>) }), {
      maxBytes: Infinity,
    });
    // A program alone takes no memory for its maps.
    expect(await rejection(large.warm([2 ** 31 - 1]))).toBe('result');
  });

  test('a store that was released while a session profiles or warms', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2]);
    const s = g.state(floats(1, 2), { name: 's' }) as Value<'f32'>;
    const graph = g.graph([x], { y: g.add(x, s) }, { updates: { s: g.mul(s, 2) } });
    const states = new StateStore(graph);
    const running = session(graph, { states });
    const profile = running.profile(30, { x: new Float32Array(2) });
    states.release();
    expect(await rejection(profile)).toMatch(/^(ERR_RELEASED s|nothing)$/);
    expect(await rejection(running.warm([3]))).toBe('ERR_RELEASED s');
  });

  test('a store that was released', async () => {
    const graph = make('s', floats(1, 2)).graph();
    const states = new StateStore(graph);
    const running = session(graph, { states });
    await running.run({});
    states.release();
    expect(await rejection(running.run({}))).toBe('ERR_RELEASED s');
    expect(codeOf(() => states.get('s'))).toBe('ERR_RELEASED s');
    expect(codeOf(() => states.set('s', floats(1, 2)))).toBe('ERR_RELEASED s');
    expect(codeOf(() => session(graph, { states }))).toBe('ERR_RELEASED s');
  });
});
