/**
 * Weights as exporters write a comparison of them, 2 * (w >= 0) - 1: a truth value times a number,
 * plus a number. Not here: weights of other forms (./bipolar.ts), maps of such a form
 * (./gated-signs.ts).
 */
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp, opDef } from '../ops/index.js';
import { scalarOf } from '../ops/scalar-of.js';
import { valuesOf } from '../tensor/values.js';

/** More steps from a truth value to a weight than any exporter writes. */
const MOST_STEPS = 4;

/**
 * The weights as floats, where they are two numbers that truth values of the file choose from;
 * undefined for any other constant expression.
 */
export function truthWeights(w: Value): Float32Array | undefined {
  const steps: ((level: number) => number)[] = [];
  let value = w;
  while (!isOp(value, 'cast')) {
    if (value.inputs.length !== 2 || steps.length === MOST_STEPS) return undefined;
    const scalar = opDef(value.op).scalar?.(value.attrs);
    if (scalar === undefined) return undefined;
    const [a, b] = value.inputs;
    const right = scalarOf(b as Value);
    const other = right ?? scalarOf(a as Value);
    const inner = (right === undefined ? b : a) as Value;
    if (other === undefined || !sameShape(inner.shape, w.shape)) return undefined;
    steps.unshift((level) => (right === undefined ? scalar(other, level) : scalar(level, other)));
    value = inner;
  }
  const held = value.inputs[0] as Value;
  if (held.op !== 'constant' || held.dtype !== 'u1') return undefined;
  const [no, yes] = [0, 1].map((level) => steps.reduce((x, step) => step(x), level));
  return Float32Array.from(valuesOf(held.data!), (truth) => (truth === 0 ? no : yes) as number);
}
