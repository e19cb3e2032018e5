/**
 * The identity that ops share which move or repeat elements: of the same type nothing is left to
 * do. Not here: identities of arithmetic (./binary.ts).
 */
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';

/** The first operand where it has the result's type: a border or a slice would change its shape. */
export function unchanged({ inputs: [x], dtype, shape }: Value): Value | undefined {
  return x!.dtype === dtype && sameShape(x!.shape, shape) ? x : undefined;
}
