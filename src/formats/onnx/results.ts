/**
 * Truth values and integers at the border of an imported graph: truth values are fed and given as
 * u8, integers known at import become a constant where they are a result. Not here: the dtypes of
 * inputs (./import.ts).
 */
import { DTYPES, integerBounds } from '../../core/dtype.js';
import { expected } from '../../core/errors.js';
import type { Value } from '../../graph/value.js';
import { constant, make } from '../../ops/make.js';
import { Tensor } from '../../tensor/tensor.js';
import { DataType } from './data-type.js';
import type { Item } from './item.js';
import type { Scope } from './scope.js';

/** Truth values are u8, 0 or 1; integers known at import are a constant. */
export function resultOf(name: string, item: Item, elementType: number, scope: Scope): Value {
  if (item.kind === 'value') return item.value;
  if (item.kind === 'truth') return flagsOf(name, item.value, scope);
  if (item.kind === 'tensor' && elementType !== DataType.BOOL) return scope.constant(item, true);
  const { entries, shape } =
    item.kind === 'dims'
      ? item
      : { entries: Array.from(scope.decode(item).data), shape: scope.decode(item).shape };
  const dtype = elementType === DataType.BOOL ? 'u8' : 'i32';
  const { lo, hi } = integerBounds(dtype);
  const outside = entries.find((entry) => typeof entry !== 'number' || entry < lo || entry > hi);
  if (outside !== undefined)
    throw expected('ERR_UNSUPPORTED', `integers that ${dtype} holds, known at import`, outside, {
      op: 'output',
      node: name,
    });
  scope.make(entries.length * Int32Array.BYTES_PER_ELEMENT, { op: 'output', node: name });
  const data = DTYPES[dtype].array.from(entries as number[]);
  return constant(scope.unique(`${name}/value`), new Tensor(dtype, data, shape));
}

/** 0 and 1 as bytes. */
function flagsOf(name: string, truth: Value, scope: Scope): Value {
  return make('cast', scope.unique(`${name}/flags`), [truth], { to: 'u8' });
}

/** Bytes that are fed as truth values: what is not 0 is true. */
export function truthItem(scope: Scope, value: Value): Item {
  const { name } = value;
  const numbers = make('cast', scope.unique(`${name}/numbers`), [value], { to: 'f32' });
  const attrs = { min: 0, max: 1 };
  return { kind: 'truth', value: make('clip', scope.unique(`${name}/truth`), [numbers], attrs) };
}
