/**
 * Nodes that compute nothing: removed where the result is the same bits for every operand, NaN and
 * -0 included. Which nodes those are, each op says. Not here: x + 0, which turns -0 into 0
 * (./binarize.ts drops it where only the sign is taken); merged multiplications, which round once
 * less.
 */
import { opDef } from '../ops/index.js';
import { make } from '../ops/make.js';
import type { Rule } from './rewrite.js';

/** x * 1, x / 1, x - 0, x + -0, x ^ 1 and every op whose attributes make it the identity. */
export const dropIdentities: Rule = (value) =>
  value.inputs.length === 0 ? undefined : opDef(value.op).identity?.(value);

/** transpose(transpose(x)), reshape(reshape(x)) and the like are one; relu(relu(x)) is relu(x). */
export const composeRepeats: Rule = (value) => {
  const [inner] = value.inputs;
  if (inner === undefined || inner.op !== value.op) return undefined;
  const def = opDef(value.op);
  if (def.idempotent) return inner;
  const attrs = def.compose?.(value, inner);
  return attrs && make(value.op, value.name, inner.inputs, attrs);
};
