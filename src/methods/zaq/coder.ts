/**
 * How ZAQ quantizes while it trains: weights by their own range in every step, maps by what the
 * batch shows, of which a moving mean stays for the finished network. Rounding and clipping let
 * gradients through as they are. Not here: where a network is quantized (../student.ts).
 */
import type { Update, Value } from '../../graph/value.js';
import type { GraphBuilder } from '../../ops/builder.js';
import { LEAST_POSITIVE } from '../../ops/gradient.js';
import { halfEven } from '../../quant/rounding.js';
import type { QuantSpec } from '../../quant/spec.js';
import { Tensor } from '../../tensor/tensor.js';
import { affineCodes } from '../affine-codes.js';
import { type Coder, rangeName } from '../student.js';

type Float = Value<'f32'>;

/**
 * 'symmetric': S = (2^(bits - 1) - 1) / max |x|, no zero point, the paper's. 'asymmetric': from
 * the least to the greatest number, whose zero point is no integer, the release's.
 */
export type UniformForm = 'symmetric' | 'asymmetric';

/** The least scale, as released. */
const LEAST = 1e-8;
/** Of a moving mean. */
export const KEPT = 0.9;
const f = Math.fround;

export interface UniformCodes {
  readonly scale: number;
  /** What code 0 stands for. */
  readonly offset: number;
  /** x' = code scale + offset. */
  readonly codes: Int32Array;
  readonly values: Float32Array;
}

/**
 * The released quantizer on numbers, in float32, half to even. Its symmetric form has codes from
 * -2^(bits - 1) on, and takes the scale of whichever end is farther from 0.
 */
export function uniformQuantization(
  x: ArrayLike<number>,
  bits: number,
  form: UniformForm,
): UniformCodes {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < x.length; i++) {
    min = Math.min(min, x[i]!);
    max = Math.max(max, x[i]!);
  }
  const half = 2 ** (bits - 1);
  const isHigh = Math.abs(max) > Math.abs(min);
  const whole = f(f(max - min) / (2 ** bits - 1));
  const far = isHigh ? f(Math.abs(max) / (half - 1)) : f(Math.abs(min) / half);
  const scale = Math.max(f(LEAST), form === 'asymmetric' ? whole : far);
  const offset = form === 'asymmetric' ? min : 0;
  const [lo, hi] = form === 'asymmetric' ? [0, 2 * half - 1] : [-half, half - 1];
  const codes = Int32Array.from(x, (value) =>
    halfEven(Math.min(hi, Math.max(lo, f(f(value - offset) / scale)))),
  );
  return { scale, offset, codes, values: Float32Array.from(codes, (q) => f(q * scale) + offset) };
}

/** `uniformQuantization` in a graph, over [lo, hi]; its gradient is that of x. */
export function uniform(
  g: GraphBuilder,
  x: Float,
  { lo, hi }: { readonly lo: Float; readonly hi: Float },
  bits: number,
  form: UniformForm,
): Float {
  const still = g.surrogate(x);
  const half = 2 ** (bits - 1);
  if (form === 'asymmetric') {
    const scale = g.max(g.div(g.sub(hi, lo), 2 ** bits - 1), LEAST);
    const code = g.round(g.clip(g.div(g.sub(still, lo), scale), 0, 2 ** bits - 1));
    return g.surrogate(g.add(g.mul(code, scale), lo), x);
  }
  const [high, low] = [g.abs(hi), g.abs(lo)];
  const difference = g.sub(high, low);
  const scale = g.max(
    g.add(
      g.gate(g.div(high, half - 1), difference, { min: LEAST_POSITIVE }),
      g.gate(g.div(low, half), difference, { max: 0 }),
    ),
    LEAST,
  );
  const code = g.round(g.clip(g.div(still, scale), -half, half - 1));
  return g.surrogate(g.mul(code, scale), x);
}

export class UniformCoder implements Coder {
  readonly updates: Update[] = [];
  private readonly codes = new Map<string, Float>();
  private readonly ranges = new Map<string, { readonly lo: Float; readonly hi: Float }>();

  constructor(
    private readonly g: GraphBuilder,
    private readonly form: UniformForm,
    /** Whether weights have a scale an output channel. */
    private readonly perChannel = false,
  ) {}

  weights(w: Float, { bits }: QuantSpec): Float {
    const { g } = this;
    const still = g.surrogate(w);
    const axes = [...w.shape.keys()].slice(this.perChannel ? 1 : 0);
    const keepDims = this.perChannel;
    const lo = g.reduce(still, 'min', axes, { keepDims });
    const hi = g.reduce(still, 'max', axes, { keepDims });
    return uniform(g, w, { lo, hi }, bits, this.form);
  }

  /**
   * The range goes from the mean of the pictures' least numbers to the mean of their greatest.
   * Its zero point is an integer, as in the finished network. The release has a zero point between
   * integers; behind a ReLU both are 0.
   */
  map(name: string, x: Float, { bits }: QuantSpec): Float {
    const key = `${bits} ${name}`;
    const range = this.ranges.get(name) ?? this.rangeOf(name, x);
    this.ranges.set(name, range);
    const known = this.codes.get(key) ?? affineCodes(this.g, x, range, bits);
    this.codes.set(key, known);
    return known;
  }

  private rangeOf(name: string, x: Float) {
    const { g } = this;
    const still = g.surrogate(x);
    const axes = [...x.shape.keys()].slice(1);
    const [lo, hi] = (['min', 'max'] as const).map((kind) => {
      const seen = g.reduce(g.reduce(still, kind, axes), 'mean', [0]);
      const zero = new Tensor('f32', new Float32Array(1), []);
      const old = g.state(zero, { name: rangeName(name, kind) }) as Float;
      this.updates.push([old, g.add(g.mul(old, KEPT), g.mul(seen, 1 - KEPT))]);
      return seen;
    }) as [Float, Float];
    return { lo, hi };
  }
}
