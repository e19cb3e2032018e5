/**
 * Graphs drawn from a seed that read, mix, exchange and update states: run after run they give what
 * the same graph gives whose states are constants of their present values and whose updates are
 * outputs. So no reader ever sees a new value, wherever updates are written.
 */
import { expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { optimize } from '../../src/passes/index.js';
import { GraphSession } from '../../src/runtime/session.js';
import { StateStore } from '../../src/runtime/state-store.js';
import { schedule } from '../../src/schedule/index.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { Numbers } from '../passes/fixtures.js';

const SIDE = 6;
const STATES = 4;
type Float = Value<'f32'>;

interface Drawn {
  readonly x: ReturnType<GraphBuilder['input']>;
  readonly outputs: Record<string, Value>;
  readonly updates: Record<string, Value>;
}

/** Whole numbers throughout: every order of sums gives the same. */
function draw(seed: number, g: GraphBuilder, stateOf: (name: string) => Float): Drawn {
  const n = new Numbers(seed);
  const x = g.input('x', 'f32', [SIDE, SIDE]);
  const states = Array.from({ length: STATES }, (_, i) => stateOf(`s${i}`));
  const known: Float[] = [x as unknown as Float, ...states];
  const some = () => known[n.int(0, known.length - 1)]!;
  for (let i = n.int(3, 14); i > 0; i--) {
    const [a, b] = [some(), some()];
    const next = n.pick<() => Value>(
      () => g.add(a, b),
      () => g.sub(a, b),
      () => g.max(a, b),
      () => g.relu(a),
      () => g.transpose(a, [1, 0]),
      () => g.dense(g.clip(a, -2, 2), g.clip(b, -2, 2)),
      () => g.cast(g.dense(g.sign(a), g.sign(b)), 'f32'),
      () => g.concat([g.slice(a, [0, 0], [2, SIDE]), g.slice(b, [2, 0], [SIDE, SIDE])], 0),
      () => g.reshape(g.reshape(a, [SIDE * SIDE]), [SIDE, SIDE]),
    )() as Float;
    // Numbers stay small, run after run.
    known.push(g.clip(next, -9, 9));
  }
  const pick = (count: number) => Array.from({ length: count }, some);
  const updates = Object.fromEntries(
    pick(STATES)
      .map((value, i) => [`s${i}`, value] as const)
      .filter(() => n.int(0, 4) > 0),
  );
  const outputs = Object.fromEntries(pick(n.int(1, 3)).map((value, i) => [`y${i}`, value]));
  return { x, outputs, updates };
}

test('60 graphs, three runs each, on one thread and three', async () => {
  let [inPlace, copied] = [0, 0];
  for (let seed = 1; seed <= 60; seed++) {
    const n = new Numbers(1000 + seed);
    const initial = Array.from({ length: STATES }, () => n.integers([SIDE, SIDE], -5, 5));
    const g = new GraphBuilder();
    const { x, outputs, updates } = draw(
      seed,
      g,
      (name) => g.state(initial[Number(name[1])]!, { name }) as Float,
    );
    const graph = g.graph([x as never], outputs, { updates }) as Graph;
    const planned = schedule(bind(optimize(graph), {}), 1);
    inPlace += planned.homes.size;
    copied += planned.calls.filter(({ kind }) => kind === 'copy').length;
    const states = new StateStore(graph);
    const sessions = [{ threads: 1 }, { threads: 3 }, { threads: 1, optimize: false }].map(
      (options) => GraphSession.fromGraph(graph, { states, ...options }),
    );
    for (const session of sessions) {
      const now = (name: string) =>
        (states.names.includes(name)
          ? states.get(name)
          : initial[Number(name[1])]) as Tensor<'f32'>;
      const c = new GraphBuilder();
      const same = draw(seed, c, (name) => c.constant(now(name)) as unknown as Float);
      const results = Object.entries(same.updates).map(([name, value]) => [`new ${name}`, value]);
      const plain = c.graph([same.x as never], { ...same.outputs, ...Object.fromEntries(results) });
      const reference = GraphSession.fromGraph(plain as Graph, { threads: 1, optimize: false });
      const feeds = { x: n.integers([SIDE, SIDE], -5, 5) };
      const wanted = (await reference.run(feeds)) as Record<string, Tensor>;
      const found = (await session.run(feeds)) as Record<string, Tensor>;
      const numbers = (tensor: Tensor | undefined) =>
        Array.from(tensor!.data, (value) => value + 0);
      for (const name of Object.keys(outputs))
        expect(numbers(found[name]), `seed ${seed} ${name}`).toEqual(numbers(wanted[name]));
      for (const name of Object.keys(updates))
        expect(numbers(states.get(name)), `seed ${seed} ${name}`).toEqual(
          numbers(wanted[`new ${name}`]),
        );
      await reference.release();
    }
    for (const session of sessions) await session.release();
    states.release();
  }
  expect(inPlace).toBeGreaterThan(30);
  expect(copied).toBeGreaterThan(30);
});
