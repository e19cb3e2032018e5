/**
 * Bit planes: a value of a few evenly spaced levels is a sum of bits, so that its product with
 * binary weights is a sum of binary products.
 *
 * With thresholds t1 <= ... <= tT and levels centred on 0 (bias = -scale * T / 2), where #{t : x >=
 * t} = sum over k of (1 + b_k) / 2:
 *   multiThreshold(x) = scale / 2 * sum over k of b_k,   b_k = sign(x - t_k)
 * ONNX Sign is the case of two thresholds: x >= 0, and x > 0, which is x >= the least float32.
 * Centred levels need no constant term, so a border of zeros stays one. Each plane is
 * non-decreasing in the level, hence max pooling acts on each by itself. Only NaN differs: every
 * plane takes it as +1. Not here: one threshold, which is a sign and a scale (./binarize.ts).
 */
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { make } from '../ops/make.js';
import { keepsWords } from '../tensor/layout.js';
import { bipolarWeights, positiveScales, scaleOperand } from './bipolar.js';
import { isConstantExpression, vector } from './constants.js';
import type { Rule } from './rewrite.js';

/** More planes than this cost about as much as the float product. */
const MOST_PLANES = 4;
/** Below this many channels a binary product leaves most of each word empty. */
const LEAST_CHANNELS = 16;
/**
 * Where this divides the channels, one product of integers looks up what two binary products count,
 * in the time of one: that of levels which are integers (./integers.ts).
 */
const LOOKED_UP = 4;
/**
 * Poolings and reshapes in a row that planes are made through: each is repeated for each plane, and
 * for each product behind them.
 */
const MOST_BETWEEN = 8;
const LEAST_FLOAT = 2 ** -149;

/** x = scale * sum of the planes, scale > 0. */
interface Planes {
  readonly bits: readonly Value[];
  readonly scale: number;
}

/**
 * conv2d(x, w) -> scale * (conv2d(b_1, w) + ... + conv2d(b_T, w)), and dense likewise; the sums are
 * whole numbers and exact.
 */
export const productOfPlanes: Rule = (value) => {
  if (!isOp(value, 'conv2d') && !isOp(value, 'dense')) return undefined;
  const [x, w] = value.inputs;
  if ((w.shape.at(-1) as number) < LEAST_CHANNELS) return undefined;
  const weights =
    w.dtype === 'b1' && w.op === 'constant' ? { bits: w as Value<'b1'> } : bipolarWeights(w);
  const planes = weights && planesOf(x);
  if (planes === undefined) return undefined;
  const isWhole = Number.isInteger(planes.bits.length / 2);
  if (isWhole && (w.shape.at(-1) as number) % LOOKED_UP === 0) return undefined;
  const { bits, scale = Float32Array.of(1) } = positiveScales(weights!, planes.scale);
  const { name } = value;
  const dots = planes.bits.map((plane, k) => {
    const dot = make(value.op, `${name}.plane${k}.dot`, [plane, bits], value.attrs);
    return make('cast', `${name}.plane${k}`, [dot], { to: 'f32' });
  });
  const sum = dots.reduce((a, b, k) => make('add', `${name}.sum${k}`, [a, b]));
  return make('mul', name, [sum, scaleOperand(`${name}.scale`, scale)]);
};

/** The planes of a value of a few levels, seen through what acts on each plane by itself. */
function planesOf(x: Value, depth = 0): Planes | undefined {
  if (!isOp(x, 'maxPool2d') && !isOp(x, 'reshape')) return leveled(x);
  if (depth === MOST_BETWEEN) return undefined;
  const [source] = x.inputs;
  if (x.op === 'reshape' && !keepsWords(source.shape, x.shape)) return undefined;
  const inner = planesOf(source, depth + 1);
  return (
    inner && {
      ...inner,
      bits: inner.bits.map((bits, k) => make(x.op, `${x.name}.plane${k}`, [bits], x.attrs)),
    }
  );
}

function leveled(x: Value): Planes | undefined {
  const [from, thresholds] = x.inputs;
  if (from === undefined || isConstantExpression(from)) return undefined;
  if (x.op === 'signum') {
    const above = make('sub', `${x.name}.above`, [
      from,
      vector(`${x.name}.least`, Float32Array.of(LEAST_FLOAT)),
    ]);
    return {
      bits: [make('sign', `${x.name}.plane0`, [from]), make('sign', `${x.name}.plane1`, [above])],
      scale: 0.5,
    };
  }
  if (!isOp(x, 'multiThreshold') || thresholds?.op !== 'constant') return undefined;
  const { scale, bias } = x.attrs;
  const [rows, count] = thresholds.shape as [number, number];
  if (
    count < 2 ||
    count > MOST_PLANES ||
    !(scale > 0) ||
    bias !== (-scale * count) / 2 ||
    !areExact(scale, bias, count)
  )
    return undefined;
  const all = thresholds.data!.data as Float32Array;
  const bits = Array.from({ length: count }, (_, k) => {
    const t = vector(
      `${thresholds.name}.${k}`,
      Float32Array.from({ length: rows }, (_, row) => all[row * count + k] as number),
    );
    return make('sign', `${x.name}.plane${k}`, [make('sub', `${x.name}.above${k}`, [from, t])]);
  });
  return { bits, scale: scale / 2 };
}

/** Every level is a float32 that the op computes without rounding. */
function areExact(scale: number, bias: number, count: number): boolean {
  return (
    Array.from({ length: count + 1 }, (_, k) => bias + scale * k).every(
      (level) => Math.fround(level) === level,
    ) && Math.fround(scale) === scale
  );
}
