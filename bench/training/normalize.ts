/**
 * A batch norm in training, forward and backward, against the passes over memory that it cannot do
 * without, as plain instructions in the same order: the sum of x, a copy of x, the sums of dy and
 * of x, the sum of both maps. Not here: convolutions.
 */
import { type Graph, GraphBuilder, gradients, Session, Tensor, type Value } from 'bitplane';
import { random } from '../random.js';
import type { Row } from '../report.js';

type Float = Value<'f32'>;

/** Of ResNet-20 at a batch of 128, and of ResNet-18 at one of 16. */
const SHAPES = [
  [128, 32, 32, 16],
  [128, 8, 8, 64],
  [16, 56, 56, 64],
  [16, 7, 7, 512],
];
const ROUNDS = 40;
/** Bytes that both move, in maps: 6 are read, 2 written. */
const MAPS = 8;

export async function normalizeRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const shape of SHAPES)
    for (const threads of [1, 2]) rows.push(await measure(shape, threads));
  return rows;
}

async function measure(shape: readonly number[], threads: number): Promise<Row> {
  const next = random(1);
  const size = shape.reduce((product, dim) => product * dim, 1);
  const map = () =>
    new Tensor(
      'f32',
      Float32Array.from({ length: size }, () => next() - 0.3),
      shape,
    );
  const feeds = { x: map(), dy: map() };
  const sessions = [batchNorm(shape), passes(shape, size)].map((graph) =>
    Session.fromGraph(graph, { threads }),
  );
  // The best of each layer: a moment in which the machine is busy spoils one layer, not a round.
  const best = sessions.map(() => new Map<string, number>());
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, session] of sessions.entries()) {
      const layers = await session.profile(1, feeds);
      for (const { name, us } of layers)
        best[i]!.set(name, Math.min(best[i]!.get(name) ?? Number.POSITIVE_INFINITY, us));
    }
  }
  for (const session of sessions) await session.release();
  const [own, plain] = best.map((layers) =>
    [...layers.values()].reduce((sum, us) => sum + us, 0),
  ) as [number, number];
  const rate = (us: number) => `${((MAPS * size * 4) / us / 1000).toFixed(1)} GB/s`;
  return {
    what:
      `batch norm, forward and backward, [${shape.join(', ')}], ` +
      `${threads === 1 ? 'one thread' : 'two threads'} / plain passes`,
    value: own / plain,
    unit: 'x',
    goal: { max: 1.2 },
    note: `${own.toFixed(0)} us, ${rate(own)}; plain ${rate(plain)}`,
  };
}

/** y, dx, and gamma and beta after a step. */
function batchNorm(shape: readonly number[]): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', shape);
  const dy = g.input('dy', 'f32', shape);
  const channels = shape.at(-1) as number;
  const state = (value: number): Float =>
    g.state(new Tensor('f32', new Float32Array(channels).fill(value), [channels]));
  const [gamma, beta] = [state(1), state(0)];
  const y = g.normalize(x, gamma, beta);
  const [dx, dgamma, dbeta] = gradients(g, y, [x, gamma, beta], { upstream: dy });
  const updates = { [gamma.name]: g.sub(gamma, dgamma!), [beta.name]: g.sub(beta, dbeta!) };
  return g.graph([x, dy], { y, dx: dx! }, { updates });
}

function passes(shape: readonly number[], size: number): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', shape);
  const dy = g.input('dy', 'f32', shape);
  // In 64 or 128 rows, so that two threads share one; the two sums of x are different nodes.
  const sum = (of: Float, rows: number) => g.reduce(g.reshape(of, [rows, size / rows]), 'sum', [1]);
  return g.graph([x, dy], {
    first: sum(x, 64),
    y: g.neg(x),
    upstream: sum(dy, 64),
    second: sum(x, 128),
    dx: g.add(x, dy),
  });
}
