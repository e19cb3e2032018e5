/**
 * Arithmetic of a node that ONNX defines by a formula of several ops. Not here: any formula
 * (./ops).
 */
import type { Attrs, Value } from '../../graph/value.js';
import type { OpName } from '../../ops/index.js';
import type { NodeContext } from './context.js';

/**
 * Makes a value in the middle of a formula, named after the node and its op. Numbers are constants
 * that broadcast.
 */
export type Part = (op: OpName, operands: readonly (Value | number)[], attrs?: Attrs) => Value;

export function partsOf(context: NodeContext): Part {
  return (op, operands, attrs = {}) =>
    context.make(
      op,
      operands.map((x) => (typeof x === 'number' ? context.scalar(x, `/${op}_by`) : x)),
      attrs,
      `/${op}`,
    );
}
