/**
 * What every op that multiplies and accumulates shares: which dtypes meet, what they give, and how
 * the work is counted. Not here: the ops (./conv2d.ts, ./dense.ts).
 */
import type { DType } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import type { Macs, NodeDraft } from './op.js';
import { mismatch, operand } from './operands.js';
import { type RangeOf, signedSum, type ValueRange } from './value-range.js';
import { elementsTouched } from './work.js';

/** f32 x f32 and f32 x b1 give f32; b1 x b1 gives i32, the exact dot product. */
export function productDtype(draft: NodeDraft): DType {
  const x = operand(draft, 'x', 'f32', 'b1');
  const w = operand(draft, 'w', 'f32', 'b1');
  if (x.dtype === 'b1' && w.dtype === 'f32')
    throw mismatch(
      draft,
      'ERR_DTYPE',
      'w of dtype b1 where x is b1 (cast x to f32 otherwise)',
      w.dtype,
    );
  return x.dtype === 'b1' ? 'i32' : 'f32';
}

/** Each element of the result is a dot product with one row of the weights: w is [O, ...]. */
export function macsPerRow(node: Value): Macs {
  const [x, w] = node.inputs as [Value, Value];
  const count = elementCount(node.shape) * elementCount(w.shape.slice(1));
  return x.dtype === 'b1' && w.dtype === 'b1'
    ? { binary: count, integer: 0, float: 0 }
    : { binary: 0, integer: 0, float: count };
}

/** A step for each of them, and one for each element that is read or written. */
export function macWork(node: Value): number {
  const { binary, float } = macsPerRow(node);
  return binary + float + elementsTouched(node);
}

/**
 * The sums that weights of -1 and +1 can make of terms on a grid. `border` stands outside x where
 * some windows hang over its edge.
 */
export function productRange(
  node: Value,
  rangeOf: RangeOf,
  border?: number,
): ValueRange | undefined {
  const [x, w] = node.inputs as [Value, Value];
  const bipolar = w.dtype === 'b1' || (w.op === 'cast' && w.inputs[0]!.dtype === 'b1');
  return bipolar ? signedSum(rangeOf(x), elementCount(w.shape.slice(1)), border) : undefined;
}
