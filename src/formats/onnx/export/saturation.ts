/**
 * On x64 CPUs without VNNI, onnxruntime sums two products of UINT8 by INT8 in 16 bits, which
 * saturate at 32767; INT8 activations are raised to UINT8 there. Products of UINT8 by UINT8 have 32
 * bits. So weights whose products may be larger are written as UINT8, each raised by 128, with a
 * zero point of 128. Not here: the nodes of weights (./writers).
 */
import { type ByteInteger, integerBounds } from '../../../core/dtype.js';
import type { Value } from '../../../graph/value.js';
import { isOp } from '../../../ops/index.js';
import { Tensor } from '../../../tensor/tensor.js';
import { valuesOf } from '../../../tensor/values.js';
import { baseOf } from './order.js';
import { constantIntegersOf, dequantizeOf, fakeOf } from './patterns.js';

/** What signed weights are raised by. */
export const RAISE = 128;

const MOST_SUM = 2 ** 15 - 1;

interface Range {
  readonly lo: number;
  readonly hi: number;
}

/** True for signed weights that make two products with activations of a range leave 16 bits. */
export function mayExceed({ dtype, data }: Tensor, { lo, hi }: Range): boolean {
  if (dtype !== 'i8') return false;
  const most = lo < 0 ? hi + RAISE : hi;
  return data.some((weight) => 2 * most * Math.abs(weight) > MOST_SUM);
}

export function raised(tensor: Tensor, by = RAISE): Tensor<'u8'> {
  const data = Uint8Array.from(valuesOf(tensor), (weight) => weight + by);
  return new Tensor('u8', data, tensor.shape);
}

/** The constants among values in order that are raised: weights of dequantized activations. */
export function raisedWeights(order: readonly Value[]): ReadonlySet<Value> {
  const found = new Set<Value>();
  const others = new Set<Value>();
  for (const value of order) {
    if (!isOp(value, 'conv2d') && !isOp(value, 'dense') && !isOp(value, 'matmul')) continue;
    const [x, w] = value.inputs as readonly [Value, Value];
    const weights = constantIntegersOf(baseOf(w).value);
    if (weights === undefined) continue;
    const q = baseOf(weights.q).value;
    const range = storedRange(x);
    const isRaised = range !== undefined && mayExceed(q.data as Tensor, range);
    (isRaised ? found : others).add(q);
  }
  for (const q of others) found.delete(q);
  return found;
}

/** Steps between a dequantization and the product that reads it, at most. */
const MOST_BETWEEN = 16;

/** The integers that a value is dequantized from; undefined where it is not. */
export function storedRange(x: Value): Range | undefined {
  let value = x;
  for (let between = 0; between < MOST_BETWEEN; between++) {
    const fake = fakeOf(value);
    if (fake !== undefined) return fake;
    const stored = dequantizeOf(value);
    if (stored !== undefined) return integerBounds(stored.q.dtype as ByteInteger);
    if (value.inputs.length !== 1) return undefined;
    value = value.inputs[0] as Value;
  }
  return undefined;
}
