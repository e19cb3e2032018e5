/** The fields that instructions with a sliding window share. */
import type { Value } from '../../graph/value.js';
import type { Pair, Sides } from '../../ops/attributes.js';

type Four = readonly [number, number, number, number];

interface WindowAttrs {
  readonly strides: Pair;
  readonly pads: Sides;
  readonly dilations: Pair;
}

export function windowFields({ strides, pads, dilations }: WindowAttrs) {
  return {
    sh: strides[0],
    sw: strides[1],
    dh: dilations[0],
    dw: dilations[1],
    pt: pads[0],
    pl: pads[1],
  };
}

/** x is [n, h, w, c] and y [n, oh, ow, o]. */
export function mapFields(x: Value, y: Value) {
  const [n, h, w, c] = x.shape as Four;
  const [, oh, ow, o] = y.shape as Four;
  return { n, h, w, c, oh, ow, o };
}
