/**
 * How GDFQ quantizes while it trains: weights by their own least and greatest number in every step,
 * maps by ranges that follow what is seen. Rounding lets gradients through as they are. Not here:
 * where a network is quantized (../student.ts).
 */
import { expected } from '../../core/errors.js';
import type { Update, Value } from '../../graph/value.js';
import type { GraphBuilder } from '../../ops/builder.js';
import type { Range } from '../../quant/affine.js';
import type { QuantSpec } from '../../quant/spec.js';
import { Tensor } from '../../tensor/tensor.js';
import { affineCodes } from '../affine-codes.js';
import { type Coder, rangeName } from '../student.js';

type Float = Value<'f32'>;

/** What a moving mean keeps of itself. */
export const KEPT = 0.9;

export interface FollowingOptions {
  /**
   * 'paper': the moving mean is divided by 1 - 0.9^t where it is used. 'release': what is divided
   * is also what the mean goes on with.
   */
  readonly as: 'paper' | 'release';
  /** Whether a run moves the ranges of maps. */
  readonly follows: boolean;
  /** 1 - 0.9^t, t being how often ranges were moved, this run included if it moves them. */
  readonly correction: Float;
}

export class FollowingCoder implements Coder {
  readonly updates: Update[] = [];
  private readonly ranges = new Map<string, { readonly lo: Float; readonly hi: Float }>();
  private readonly codes = new Map<string, Float>();

  constructor(
    private readonly g: GraphBuilder,
    private readonly options: FollowingOptions,
  ) {}

  /** A scale an output channel. */
  weights(w: Float, { bits }: QuantSpec): Float {
    const { g } = this;
    const still = g.surrogate(w);
    const axes = [...w.shape.keys()].slice(1);
    const lo = g.reduce(still, 'min', axes, { keepDims: true });
    const hi = g.reduce(still, 'max', axes, { keepDims: true });
    return affineCodes(g, w, { lo, hi }, bits);
  }

  map(name: string, x: Float, { bits }: QuantSpec): Float {
    const key = `${bits} ${name}`;
    const known = this.codes.get(key) ?? affineCodes(this.g, x, this.rangeOf(name, x), bits);
    this.codes.set(key, known);
    return known;
  }

  private rangeOf(name: string, x: Float) {
    const known = this.ranges.get(name) ?? {
      lo: this.followed(name, x, 'min'),
      hi: this.followed(name, x, 'max'),
    };
    this.ranges.set(name, known);
    return known;
  }

  private followed(map: string, x: Float, kind: 'min' | 'max'): Float {
    const { g } = this;
    const { as, follows, correction } = this.options;
    const zero = new Tensor('f32', new Float32Array(1), []);
    const old = g.state(zero, { name: rangeName(map, kind) }) as Float;
    const used = (mean: Float) => (as === 'paper' ? g.div(mean, correction) : mean);
    if (!follows) return used(old);
    const seen = g.reduce(g.surrogate(x), kind, [...x.shape.keys()]);
    const moved = g.add(g.mul(old, KEPT), g.mul(seen, 1 - KEPT));
    const next = as === 'paper' ? moved : g.div(moved, correction);
    this.updates.push([old, next]);
    return used(next);
  }
}

/** The range that a student has of a map. @throws BitplaneError ERR_GRAPH for one it has none of */
export function followedRange(
  { name, op }: Value,
  states: ReadonlyMap<string, Tensor<'f32'>>,
  as: 'paper' | 'release',
  correction: number,
): Range {
  const [lo, hi] = (['min', 'max'] as const).map((end) => {
    const number = states.get(rangeName(name, end))?.data[0];
    if (number === undefined)
      throw expected('ERR_GRAPH', 'a map that the student quantizes', 'another', {
        op,
        node: name,
      });
    return as === 'paper' ? number / correction : number;
  }) as [number, number];
  return { lo, hi };
}
