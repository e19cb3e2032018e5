/**
 * What computing a node by its formula costs where nothing else is said: its elements. Not here:
 * the ops that cost more (each says it).
 */
import { elementCount } from '../core/shape.js';
import type { Value } from '../graph/value.js';

/** Elements of the operands and the result. */
export function elementsTouched({ inputs, shape }: Value): number {
  return inputs.reduce((sum, input) => sum + elementCount(input.shape), elementCount(shape));
}
