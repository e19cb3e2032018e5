/**
 * Random graphs over all ops, run on every instruction set of this machine, with one thread and
 * three, optimized and as written, give the values of the ops' own formulas. BITPLANE_FUZZ=<count>
 * draws more; BITPLANE_SEED=<n> begins elsewhere.
 */
import { expect, test } from 'vitest';
import { print } from '../../src/ops/print.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Isa } from '../../src/runtime/session-types.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { testedIsas } from '../native/harness.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { randomNetwork } from '../passes/random-network.js';
import { RandomGraph } from './random-graph.js';
import type { Draw, Known } from './random-values.js';

const COUNT = Number(process.env['BITPLANE_FUZZ'] ?? 200);
const FIRST = Number(process.env['BITPLANE_SEED'] ?? 1);
/**
 * For float sums and the functions that kernels compute by polynomials; against the largest value
 * on the way, because sums cancel.
 */
const TOLERANCE = 1e-5;

/** What is wrong with a result; undefined if nothing is. */
function difference(
  got: Tensor | undefined,
  { tensor: want, exact, scale }: Known,
): string | undefined {
  if (got === undefined) return 'missing';
  if (got.dtype !== want.dtype || got.shape.join() !== want.shape.join())
    return `${got.dtype}[${got.shape}], not ${want.dtype}[${want.shape}]`;
  const limit = exact || want.dtype !== 'f32' ? 0 : TOLERANCE * Math.max(1, scale);
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [got.data[i] as number, want.data[i] as number];
    if (!(Math.abs(a - b) <= limit))
      return `element ${i} is ${a}, not ${b}${limit === 0 ? '' : ` within ${limit}`}`;
  }
  return undefined;
}

async function failures({ graph, feeds, want }: Draw): Promise<string[]> {
  const found: string[] = [];
  for (const isa of testedIsas() as Isa[]) {
    for (const threads of [1, 3]) {
      for (const optimize of [true, false]) {
        const where = `${isa}, ${threads} threads, optimize: ${optimize}`;
        try {
          const session = GraphSession.fromGraph(graph, { isa, threads, optimize });
          const results = await session.run(feeds);
          for (const [name, known] of Object.entries(want)) {
            const problem = difference(results[name], known);
            if (problem !== undefined) found.push(`${where}: ${name}: ${problem}`);
          }
          await session.release();
        } catch (error) {
          found.push(`${where}: ${error instanceof Error ? error.stack : String(error)}`);
        }
      }
    }
  }
  return found;
}

async function expectAll(count: number, draw: (seed: number) => Draw): Promise<void> {
  const broken: string[] = [];
  for (let seed = FIRST; seed < FIRST + count && broken.length < 3; seed++) {
    const drawn = draw(seed);
    const found = await failures(drawn);
    if (found.length > 0)
      broken.push(`seed ${seed}\n${print(drawn.graph)}\n${found.slice(0, 6).join('\n')}`);
  }
  expect(broken.join('\n\n')).toBe('');
}

/** A network as importers write it; all its sums are exact. */
function network(seed: number): Draw {
  const { graph, feeds } = randomNetwork(seed);
  const results = evaluateGraph(graph, feeds);
  const known = Object.entries(graph.outputs).map(([name, value]) => [
    name,
    { value, tensor: results[name] as Tensor, exact: true, scale: 0 },
  ]);
  return { graph, feeds, want: Object.fromEntries(known) };
}

test(`${COUNT} graphs from seed ${FIRST} compute what their ops mean`, {
  timeout: 600_000 + COUNT * 1000,
}, async () => {
  await expectAll(COUNT, (seed) => new RandomGraph(seed).draw());
});

test(`${COUNT / 5} networks from seed ${FIRST} compute what they did as imported`, {
  timeout: 600_000 + COUNT * 1000,
}, async () => {
  await expectAll(COUNT / 5, network);
});
