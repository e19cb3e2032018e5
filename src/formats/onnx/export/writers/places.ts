/**
 * Arithmetic and comparisons of integers, and elements at places that a run computes. Axes are as
 * the graph has them. Not here: products of integers (./integers.ts).
 */
import type { Value } from '../../../../graph/value.js';
import { isOp } from '../../../../ops/index.js';
import type { IntegerKind } from '../../../../ops/integer-binary.js';
import { valueRange } from '../../../../passes/value-range.js';
import { DataType } from '../../data-type.js';
import type { Emission } from '../emission.js';
import type { NewAttribute } from '../encode.js';
import { plainOrder } from '../order.js';
import { integerPayload } from '../payload.js';
import type { Writer } from './writer.js';

interface Form {
  readonly op: string;
  readonly attributes?: Readonly<Record<string, NewAttribute>>;
  /** Its result is a truth value in ONNX. */
  readonly compares?: boolean;
}

/** Those of bits came with operator set 18 (BITWISE). Division by 0 means nothing in ONNX. */
const FORMS: Readonly<Record<IntegerKind, Form>> = {
  add: { op: 'Add' },
  sub: { op: 'Sub' },
  mul: { op: 'Mul' },
  div: { op: 'Div' },
  mod: { op: 'Mod' },
  remainder: { op: 'Mod', attributes: { fmod: 1 } },
  max: { op: 'Max' },
  min: { op: 'Min' },
  pow: { op: 'Pow' },
  and: { op: 'BitwiseAnd' },
  or: { op: 'BitwiseOr' },
  xor: { op: 'BitwiseXor' },
  equal: { op: 'Equal', compares: true },
  less: { op: 'Less', compares: true },
  lessOrEqual: { op: 'LessOrEqual', compares: true },
};

/** True for a node that operator set 13 lacks. */
export function isBitwise(value: Value): boolean {
  return isOp(value, 'integerBinary') && FORMS[value.attrs.kind].op.startsWith('Bitwise');
}

export const placeWriters: Readonly<Record<string, Writer>> = {
  integerBinary(emission, value) {
    if (!isOp(value, 'integerBinary')) return;
    const { op, attributes = {}, compares = false } = FORMS[value.attrs.kind];
    const operands = value.inputs.map((x) => wholeOf(emission, x));
    const suffix = compares ? '.truth' : '';
    const result = emission.node(op, operands, value, { attributes, suffix });
    const y = compares ? emission.cast(result, DataType.BOOL, DataType.INT32, value) : result;
    emission.hold(value, y, plainOrder(value.shape.length), DataType.INT32);
  },

  order(emission, value) {
    if (!isOp(value, 'order')) return;
    const { axis, count, largest, last } = value.attrs;
    const [operand] = value.inputs as readonly [Value];
    const x = operand.dtype === 'i32' ? wholeOf(emission, operand) : emission.float(operand);
    const suffix = '.places';
    let places: string;
    if (count === 1) {
      const attributes = { axis, keepdims: 1, ...(last && { select_last_index: 1 }) };
      places = emission.node(largest ? 'ArgMax' : 'ArgMin', [x], value, { attributes, suffix });
    } else {
      if (last)
        throw emission.fail(value, 'expected the first of equal elements before, as in ONNX');
      const attributes = { axis, largest: Number(largest) };
      const inputs = [x, emission.integers([count])];
      places = emission.node('TopK', inputs, value, { attributes, suffix, skipped: 1 });
    }
    const y = emission.cast(places, DataType.INT64, DataType.INT32, value);
    emission.hold(value, y, plainOrder(value.shape.length), DataType.INT32);
  },

  take: (emission, value) => writeTaken(emission, value, 'Gather'),
  takeAlong: (emission, value) => writeTaken(emission, value, 'GatherElements'),
};

function writeTaken(emission: Emission, value: Value, op: 'Gather' | 'GatherElements'): void {
  const [x, indices] = value.inputs as readonly [Value, Value];
  const axis = value.attrs.axis as number;
  const size = x.shape[axis] as number;
  let places = wholeOf(emission, indices);
  // What lies outside of the axis takes its end here, and is an error in ONNX.
  if (!isWithin(indices, size)) {
    const bound = (number: number) =>
      emission.scalar(number, integerPayload([number], DataType.INT32), DataType.INT32);
    const least = emission.node('Max', [places, bound(-size)], value, { suffix: '.least' });
    places = emission.node('Min', [least, bound(size - 1)], value, { suffix: '.most' });
  }
  const y = emission.node(op, [emission.plain(x), places], value, { attributes: { axis } });
  emission.hold(value, y, plainOrder(value.shape.length), emission.dataTypeOf(x));
}

/** True for places that are known to lie in an axis of so many elements. */
function isWithin(indices: Value, size: number): boolean {
  const { op, data } = indices;
  if (op === 'constant') return data!.data.every((i) => i >= -size && i < size);
  if (isOp(indices, 'order'))
    return (indices.inputs[0].shape[indices.attrs.axis] as number) <= size;
  const most = boundOf(indices, 'min');
  const least = most && boundOf(most.of, 'max');
  if (least !== undefined) return most!.by < size && least.by >= -size;
  const range = valueRange(indices);
  return range !== undefined && range.lo >= -size && range.hi < size;
}

/** The constant number that an integer is held by, from one side. */
function boundOf(
  value: Value,
  kind: 'min' | 'max',
): { readonly of: Value; readonly by: number } | undefined {
  if (!isOp(value, 'integerBinary') || value.attrs.kind !== kind) return undefined;
  const [of, bound] = value.inputs;
  const by = bound.op === 'constant' && bound.data!.size === 1 ? bound.data!.data[0] : undefined;
  return by === undefined ? undefined : { of, by };
}

/** As INT32: sums of bits are held as floats. */
function wholeOf(emission: Emission, x: Value): string {
  return emission.cast(emission.plain(x), emission.dataTypeOf(x), DataType.INT32, x);
}
