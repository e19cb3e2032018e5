/**
 * What may differ between two ways of running a graph: nothing where a result is exact, a rounding
 * error where float sums are behind it, anything where a rounding error decides a jump. Not here:
 * running (./agree.mjs).
 */
import { topological } from '../../src/graph/value.ts';

/** Sums of whole numbers below this are exact in every order. */
const EXACT_SUM = 2 ** 24;
/** Ops whose float results depend on the order of a sum, or on whose logarithm it is. */
const ROUNDED = new Set(['conv2d', 'dense', 'matmul', 'avgPool2d', 'reduce', 'softmax', 'tanh', 'sigmoid', 'exp', 'log', 'pow']);
/** Ops that make of a small difference a large one. */
const JUMPS = new Set(['sign', 'round', 'floor', 'ceil', 'signum', 'threshold', 'multiThreshold', 'cast']);
const STEEP = new Set(['div', 'pow', 'exp', 'log', 'sqrt', 'softmax', 'batchNorm']);
const KEEPS_WHOLE = new Set(['relu', 'neg', 'abs', 'max', 'min', 'reshape', 'transpose', 'slice', 'concat', 'expand', 'maxPool2d', 'cast']);

/**
 * @param inputBound the largest magnitude of feeds that are whole numbers; undefined where they are
 * not @returns for every value 'exact', 'rounded' or 'wild'
 */
export function exactness(graph, inputBound) {
  const known = new Map();
  for (const value of topological(graph)) known.set(value, classOf(value, known, inputBound));
  return new Map([...known].map(([value, { kind }]) => [value, kind]));
}

/** { kind, bound }: the bound where all elements are whole numbers of at most that magnitude. */
function classOf(value, known, inputBound) {
  const inputs = value.inputs.map((input) => known.get(input));
  if (value.dtype === 'b1') return inputs.some(({ kind }) => kind !== 'exact') ? { kind: 'wild' } : { kind: 'exact', bound: 1 };
  if (value.op === 'input') return { kind: 'exact', bound: inputBound };
  if (value.data !== undefined) return { kind: 'exact', bound: wholeBound(value.data.data) };
  if (inputs.some(({ kind }) => kind === 'wild')) return { kind: 'wild' };
  const rounded = inputs.some(({ kind }) => kind === 'rounded');
  const jumps = JUMPS.has(value.op) && !(value.op === 'cast' && value.dtype === 'f32');
  if (rounded && (jumps || STEEP.has(value.op))) return { kind: 'wild' };
  const bound = rounded ? undefined : boundOf(value, inputs);
  if (bound !== undefined) return { kind: 'exact', bound };
  const sums = ROUNDED.has(value.op) && !(value.op === 'reduce' && ['max', 'min'].includes(value.attrs.kind));
  return { kind: rounded || (sums && value.dtype === 'f32') ? 'rounded' : 'exact' };
}

function boundOf(value, inputs) {
  const bounds = inputs.map(({ bound }) => bound);
  if (bounds.some((bound) => bound === undefined)) return undefined;
  let bound;
  if (value.op === 'add' || value.op === 'sub') bound = bounds[0] + bounds[1];
  else if (value.op === 'mul') bound = bounds[0] * bounds[1];
  else if (KEEPS_WHOLE.has(value.op)) bound = Math.max(...bounds);
  else if (value.op === 'pad' && Number.isInteger(value.attrs.value)) bound = Math.max(bounds[0], Math.abs(value.attrs.value));
  else if (['conv2d', 'dense', 'matmul'].includes(value.op)) bound = bounds[0] * bounds[1] * termsOf(value);
  return bound < EXACT_SUM ? bound : undefined;
}

function termsOf({ op, inputs: [a, w] }) {
  if (op === 'matmul') return a.shape.at(-1);
  return w.shape.slice(1).reduce((product, dim) => product * dim, 1);
}

function wholeBound(data) {
  let most = 0;
  for (const item of data) {
    if (!Number.isInteger(item) || Object.is(item, -0)) return undefined;
    most = Math.max(most, Math.abs(item));
  }
  return most;
}
