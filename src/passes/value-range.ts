/**
 * The value range of every value of a graph: each op's own rule (`OpDef.range`), asked inputs
 * first. Not here: what is concluded from it (./nonzero.ts, ./thresholds.ts).
 */
import { integerBounds, isByteInteger } from '../core/dtype.js';
import { eachUnknown, type Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import { scalarOf } from '../ops/scalar-of.js';
import { BIPOLAR, exact, single, type ValueRange } from '../ops/value-range.js';

const known = new WeakMap<Value, ValueRange | null>();

/** A range that holds every number the value can take (it may hold more), or undefined. */
export function valueRange(value: Value): ValueRange | undefined {
  // Inputs first, so that the recursion of derive ends at the first step.
  eachUnknown(
    value,
    (one) => known.has(one),
    (one) => known.set(one, exact(derive(one)) ?? null),
  );
  return known.get(value) ?? undefined;
}

function derive(value: Value): ValueRange | undefined {
  if (value.dtype === 'b1') return BIPOLAR;
  if (value.inputs.length > 0) return opDef(value.op).range?.(value, valueRange);
  if (isByteInteger(value.dtype)) return { origin: 0, step: 1, ...integerBounds(value.dtype) };
  const number = scalarOf(value);
  return number === undefined || !Number.isFinite(number) ? undefined : single(number);
}
