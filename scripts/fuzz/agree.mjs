/**
 * Runs a graph in every way: on each instruction set of this machine, with one thread and two,
 * packed and as written. All runs must refuse it with a BitplaneError or agree: bits and integers
 * exactly, floats behind sums to a tolerance. Not here: which values must agree exactly
 * (./exactness.mjs).
 */
import { DTYPES, integerBounds } from '../../src/core/dtype.ts';
import { BitplaneError } from '../../src/core/errors.ts';
import { isOpen } from '../../src/graph/open.ts';
import { outputsOf, topological } from '../../src/graph/value.ts';
import { supportedIsas } from '../../src/native/isa.ts';
import { opDef } from '../../src/ops/index.ts';
import { bind } from '../../src/passes/bind.ts';
import { evaluate } from '../../src/passes/evaluate.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { exactness } from './exactness.mjs';
import { Random } from './random.mjs';

/** Larger graphs are loaded and not run: a million files are to be tried. */
const MOST_ELEMENTS = 400_000;
const MOST_WORK = 8_000_000;
const TOLERANCE = 1e-4;
/** Sums of floats are not compared if intermediate values are larger than this. */
const LARGEST = 1e4;
const WHOLE = 8;
/** The memory that a run may take; a file that asks for more is refused. */
export const MOST_MEMORY = 256 * 2 ** 20;

/**
 * @returns 'ran', 'refused' (with a BitplaneError), or 'large'. @throws Difference, and any error
 * that is no BitplaneError
 */
export async function agree(graph, seed) {
  const random = new Random(seed);
  const sizes = Object.fromEntries(
    [
      ...new Set(
        graph.inputs.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string')),
      ),
    ].map((name) => [name, random.pick(isOpen(graph) ? [1, 2, 3, 5, 8] : [1, 2, 2, 3])]),
  );
  const bound = ours(() => bind(graph, sizes));
  if (bound === undefined) return 'refused';
  if (isLarge(bound)) return 'large';
  // Sessions give an open graph's back as it is; what they make of it is packed here.
  const packable = isOpen(graph) ? bound : graph;
  const whole = random.once(2) ? WHOLE : undefined;
  const feeds = Object.fromEntries(
    bound.inputs.map(({ name, dtype, shape }) => [name, feed(random, dtype, shape, whole)]),
  );
  const kinds = exactness(bound, whole);
  const written = await run(graph, feeds, { threads: 1, optimize: false });
  const packed = await runPacked(packable, feeds);
  // All instruction sets take the same graphs. The packed graph may run where the written one is
  // refused, and the reverse.
  const refused = packed.find(({ result }) => result instanceof BitplaneError);
  const runs = packed.find(({ result }) => !(result instanceof BitplaneError));
  if (refused !== undefined && runs !== undefined)
    throw new Difference(
      `${show(refused.way)}: ${refused.result.message}, but ${show(runs.way)} runs`,
    );
  const all = [written, ...packed].filter(({ result }) => !(result instanceof BitplaneError));
  for (const other of all.slice(1)) compare(bound, feeds, kinds, all[0], other);
  if (all.length > 0) return 'ran';
  return 'refused';
}

/** Optimized once: all other sessions get the graph that the first one runs. */
async function runPacked(graph, feeds) {
  let optimized;
  const results = [];
  for (const isa of supportedIsas()) {
    for (const threads of [1, 2]) {
      const way = { isa, threads, optimize: optimized === undefined };
      const ran = await run(optimized ?? graph, feeds, way);
      optimized ??= ran.graph;
      if (optimized === undefined) return [ran];
      results.push({ ...ran, way: { ...way, optimize: true } });
    }
  }
  return results;
}

export class Difference extends Error {
  name = 'Difference';
}

const show = ({ isa = 'default', threads, optimize }) =>
  `${isa}, ${threads} threads, optimize: ${optimize}`;

/** undefined where it throws an error of ours. */
function ours(body) {
  try {
    return body();
  } catch (error) {
    if (error instanceof BitplaneError) return undefined;
    throw error;
  }
}

/** { way, result, graph }: the results or an error of ours, and the graph as it ran. */
async function run(graph, feeds, way) {
  let session;
  try {
    session = GraphSession.fromGraph(graph, { ...way, maxBytes: MOST_MEMORY });
    return { way, result: await session.run(feeds), graph: session.graph };
  } catch (error) {
    if (error instanceof BitplaneError) return { way, result: error, graph: session?.graph };
    throw error;
  } finally {
    await session?.release();
  }
}

const elements = (shape) => shape.reduce((product, dim) => product * dim, 1);

function isLarge(graph) {
  let [count, work] = [0, 0];
  for (const value of topological(graph)) {
    count += elements(value.shape);
    const macs = value.inputs.length === 0 ? undefined : opDef(value.op).macs?.(value);
    work += macs === undefined ? 0 : macs.binary + macs.integer + macs.float;
    const { kernel } = value.attrs;
    if (Array.isArray(kernel))
      work += elements(value.shape) * Math.min(elements(kernel), elements(value.inputs[0].shape));
    if (count > MOST_ELEMENTS || work > MOST_WORK) return true;
  }
  return false;
}

function feed(random, dtype, shape, whole) {
  const count = elements(shape);
  if (dtype === 'b1') {
    const bytes = random.bytes(Math.ceil(count / 8));
    if (count % 8 !== 0) bytes[bytes.length - 1] &= (1 << (count % 8)) - 1;
    return new Tensor('b1', bytes, shape);
  }
  const next = () =>
    dtype === 'f32' && whole === undefined ? random.float() : random.below(2 * WHOLE + 1) - WHOLE;
  const { lo, hi } = dtype === 'f32' ? { lo: -Infinity, hi: Infinity } : integerBounds(dtype);
  const within = () => (dtype === 'f32' ? next() : Math.max(lo, Math.min(hi, next())));
  const { array } = DTYPES[dtype];
  return new Tensor(
    dtype,
    array.from({ length: count }, lo === 0 ? () => Math.min(hi, random.below(WHOLE)) : within),
    shape,
  );
}

function compare(graph, feeds, kinds, a, b) {
  for (const [name, value] of outputsOf(graph)) {
    const kind = kinds.get(value);
    if (kind === 'wild') continue;
    const [left, right] = [a.result[name], b.result[name]];
    if (left.dtype !== right.dtype || left.shape.join() !== right.shape.join())
      throw new Difference(`${name}: ${left.shape} and ${right.shape}`);
    const at = left.data.findIndex(
      (item, i) =>
        !(same(item, right.data[i]) || (kind === 'rounded' && near(item, right.data[i], 1))),
    );
    if (at < 0) continue;
    const sentence =
      `${name} (${kind}) element ${at}: ${left.data[at]} (${show(a.way)}) ` +
      `and ${right.data[at]} (${show(b.way)})`;
    if (kind !== 'rounded') throw new Difference(sentence);
    // Sums cancel, so an error is compared with the largest intermediate value.
    const scale = largest(graph, feeds);
    if (scale < LARGEST && !near(left.data[at], right.data[at], scale))
      throw new Difference(sentence);
  }
}

const same = (a, b) => Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b));
const near = (a, b, scale) => Math.abs(a - b) <= TOLERANCE * Math.max(scale, Math.abs(b));

/**
 * The largest magnitude of any value by the ops' own formulas; Infinity where one is not finite.
 */
function largest(graph, feeds) {
  const known = new Map();
  let most = 1;
  for (const value of topological(graph)) {
    const { op, attrs, dtype, shape, data, inputs } = value;
    const tensor =
      op === 'input'
        ? feeds[value.name]
        : (data ??
          evaluate(
            op,
            inputs.map((input) => known.get(input)),
            attrs,
            { dtype, shape },
          ));
    known.set(value, tensor);
    if (dtype === 'f32')
      for (const item of tensor.data)
        most = Math.max(most, Number.isFinite(item) ? Math.abs(item) : Number.POSITIVE_INFINITY);
  }
  return most;
}
