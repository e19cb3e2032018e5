/**
 * How far two runs of a graph may differ: not at all in an exact result, by a rounding error behind
 * float sums, by anything if a rounding error decides a jump. Not here: running (./agree.mjs).
 */
import { topological } from '../../src/graph/value.ts';

/** Sums of multiples of one power of two, so many of them, are exact in every order. */
const EXACT_SUM = 2 ** 24;
/** Weights of networks that are meant to be exact are multiples of this. */
const FINEST = 2 ** -8;
/** Ops whose float results depend on the order of a sum or on the implementation of a function. */
const ROUNDED = new Set([
  'conv2d',
  'dense',
  'matmul',
  'avgPool2d',
  'reduce',
  'softmax',
  'tanh',
  'sigmoid',
  'erf',
  'exp',
  'log',
  'pow',
]);
/** Ops that turn a small difference into a large one. */
const JUMPS = new Set([
  'sign',
  'round',
  'floor',
  'ceil',
  'signum',
  'threshold',
  'multiThreshold',
  'cast',
]);
const STEEP = new Set(['div', 'pow', 'exp', 'log', 'sqrt', 'softmax', 'batchNorm']);
const KEEPS_WHOLE = new Set([
  'relu',
  'neg',
  'abs',
  'max',
  'min',
  'reshape',
  'transpose',
  'slice',
  'concat',
  'expand',
  'maxPool2d',
  'cast',
]);

/**
 * @param inputBound the largest magnitude of feeds that are whole numbers; undefined where they are
 * not @returns for every value 'exact', 'rounded' or 'wild'
 */
export function exactness(graph, inputBound) {
  const known = new Map();
  for (const value of topological(graph)) known.set(value, classOf(value, known, inputBound));
  return new Map([...known].map(([value, { kind }]) => [value, kind]));
}

/**
 * { kind, bound, unit }: a bound where all elements are multiples of `unit`, of at most that
 * magnitude.
 */
function classOf(value, known, inputBound) {
  const inputs = value.inputs.map((input) => known.get(input));
  if (value.dtype === 'b1')
    return inputs.some(({ kind }) => kind !== 'exact')
      ? { kind: 'wild' }
      : { kind: 'exact', bound: 1, unit: 1 };
  if (value.op === 'input')
    return { kind: 'exact', ...(inputBound !== undefined && { bound: inputBound, unit: 1 }) };
  if (value.data !== undefined) return { kind: 'exact', ...gridOf(value.data.data) };
  if (inputs.some(({ kind }) => kind === 'wild')) return { kind: 'wild' };
  const rounded = inputs.some(({ kind }) => kind === 'rounded');
  const jumps = JUMPS.has(value.op) && !(value.op === 'cast' && value.dtype === 'f32');
  if (rounded && (jumps || STEEP.has(value.op))) return { kind: 'wild' };
  const grid = rounded ? undefined : gridAfter(value, inputs);
  if (grid !== undefined) return { kind: 'exact', ...grid };
  // The maximum and minimum of a reduction too: of 0 and -0 it keeps the one that comes first, and
  // a transposition moved behind the reduction changes which that is.
  const sums = ROUNDED.has(value.op) && value.dtype === 'f32';
  return { kind: rounded || sums ? 'rounded' : 'exact' };
}

/** { bound, unit } of a result; undefined where none is known, or sums would not fit a float. */
function gridAfter(value, inputs) {
  if (inputs.some(({ bound }) => bound === undefined)) return undefined;
  const [a, b] = inputs;
  const finest = Math.min(...inputs.map(({ unit }) => unit));
  let grid;
  if (value.op === 'add' || value.op === 'sub') grid = { bound: a.bound + b.bound, unit: finest };
  else if (value.op === 'mul') grid = { bound: a.bound * b.bound, unit: a.unit * b.unit };
  else if (KEEPS_WHOLE.has(value.op))
    grid = { bound: Math.max(...inputs.map(({ bound }) => bound)), unit: finest };
  else if (value.op === 'pad') {
    const border = gridOf([value.attrs.value]);
    if (border.bound !== undefined)
      grid = { bound: Math.max(a.bound, border.bound), unit: Math.min(a.unit, border.unit) };
  } else if (['conv2d', 'dense', 'matmul'].includes(value.op))
    grid = { bound: a.bound * b.bound * termsOf(value), unit: a.unit * b.unit };
  return grid !== undefined && grid.bound / grid.unit < EXACT_SUM ? grid : undefined;
}

function termsOf({ op, inputs: [a, w] }) {
  if (op === 'matmul') return a.shape.at(-1);
  return w.shape.slice(1).reduce((product, dim) => product * dim, 1);
}

/**
 * Nothing where an element is no multiple of 1/256, or a zero below nothing, whose sign sums lose.
 */
function gridOf(data) {
  let [bound, unit] = [0, 1];
  for (const item of data) {
    while (unit > FINEST && !Number.isInteger(item / unit)) unit /= 2;
    if (!Number.isInteger(item / unit) || Object.is(item, -0)) return {};
    bound = Math.max(bound, Math.abs(item));
  }
  return { bound, unit };
}
