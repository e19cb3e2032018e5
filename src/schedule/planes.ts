/**
 * Maps whose channels come first, as ONNX has them, at the ends of what is computed with channels
 * last: signs are read off one, [N,C,H,W], without turning its floats; and an epilogue writes one
 * as its last step. Not here: which transposes remain (src/passes/layout.ts).
 */
import type { Value } from '../graph/value.js';
import { isOp, type OpValue } from '../ops/index.js';

/** The store of an epilogue that writes [N,C,H,W]. */
export const PLANES = 'store_planes';

/** True where [N, ..., C] becomes [N, C, ...], of so many images. */
export function bringsChannelsFirst(
  { inputs: [x], attrs: { perm } }: OpValue<'transpose'>,
  images: number,
): boolean {
  const last = perm.length - 1;
  return (
    last >= 2 &&
    x.shape[0] === images &&
    perm.every((axis, i) => axis === (i === 0 ? 0 : i === 1 ? last : i - 1))
  );
}

/** The signs of maps that only signs read with channels last, and those maps, channels first. */
export function signsOfPlanes(
  order: readonly Value[],
  usersOf: (value: Value) => readonly Value[],
  isResult: (value: Value) => boolean,
): Map<Value, Value> {
  const found = new Map<Value, Value>();
  for (const value of order) {
    if (!isOp(value, 'transpose') || value.dtype !== 'f32' || isResult(value)) continue;
    const users = usersOf(value);
    if (users.length === 0 || !users.every(({ op }) => op === 'sign')) continue;
    const [x] = value.inputs;
    if (x.op !== 'constant' && bringsChannelsLast(value))
      for (const user of users) found.set(user, x);
  }
  return found;
}

function bringsChannelsLast({ attrs: { perm } }: OpValue<'transpose'>): boolean {
  const last = perm.length - 1;
  return last >= 2 && perm.every((axis, i) => axis === (i === 0 ? 0 : i === last ? 1 : i + 1));
}
