/**
 * The order of a tensor's axes. ONNX has the channels of maps on axis 1, this graph has them last:
 * a tensor of the file may hold a value with its axes in another order, so that transpositions cost
 * nothing until somebody needs one order. Axis i of the tensor is axis order[i] of the value. Not
 * here: tensors (./emission.ts).
 */
import type { Value } from '../../../graph/value.js';
import { isOp } from '../../../ops/index.js';
import { inverse } from '../../../ops/permutation.js';

export type Order = readonly number[];

/** As the value itself has them. */
export function plainOrder(rank: number): Order {
  return Array.from({ length: rank }, (_, i) => i);
}

/** Axis 1 holds the channels, which the value has last. */
export function channelsSecond(rank: number): Order {
  return [0, rank - 1, ...plainOrder(rank).slice(1, -1)];
}

export function isPlain(order: Order): boolean {
  return order.every((axis, i) => axis === i);
}

/** Behind any transpositions: axis i of the value is axis perm[i] of `base`. */
export interface Base {
  readonly value: Value;
  readonly perm: Order;
}

export function baseOf(value: Value): Base {
  let base = value;
  let perm = plainOrder(value.shape.length);
  while (isOp(base, 'transpose')) {
    const inner = base.attrs.perm;
    perm = perm.map((axis) => inner[axis] as number);
    base = base.inputs[0];
  }
  return { value: base, perm };
}

/** An order of the value, as an order of its base. */
export function toBase(order: Order, { perm }: Base): Order {
  return order.map((axis) => perm[axis] as number);
}

/** An order of the base, as an order of the value. */
export function fromBase(order: Order, { perm }: Base): Order {
  const back = inverse(perm);
  return order.map((axis) => back[axis] as number);
}
