/**
 * Legalization: what no kernel does is said in ops that kernels do. Bits are packed along the last
 * axis, so only what keeps whole words of channels moves them; softmax runs along the last axis,
 * and reductions over neighbouring axes. Not here: how an op becomes an instruction (lowering).
 */
import { type Integer, integerBounds, isSubByte } from '../core/dtype.js';
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp, opDef } from '../ops/index.js';
import { make } from '../ops/make.js';
import { inverse } from '../ops/permutation.js';
import { joinsWords, keepsWords } from '../tensor/layout.js';
import { isConstantExpression, vector } from './constants.js';
import { normalized } from './lower.js';
import { firstOf, type Rule } from './rewrite.js';
import { valueRange } from './value-range.js';
import { narrowWeights } from './wide-weights.js';

/** move(bits) -> sign(move(cast(bits))): through floats, the way that always works. */
const moveBitsAsFloats: Rule = (value) => {
  if (
    value.dtype !== 'b1' ||
    value.inputs.length === 0 ||
    !opDef(value.op).moves ||
    isConstantExpression(value)
  )
    return undefined;
  if (value.op === 'concat' && joinsWords(value.inputs, value.attrs.axis)) return undefined;
  if (value.op === 'reshape' && keepsWords((value.inputs[0] as Value).shape, value.shape))
    return undefined;
  const floats = value.inputs.map((input) =>
    make('cast', `${input.name}.values`, [input], { to: 'f32' }),
  );
  return make('sign', value.name, [make(value.op, `${value.name}.values`, floats, value.attrs)]);
};

/** softmax along another axis is softmax along the last between two transposes. */
const softmaxLast: Rule = (value) => {
  if (!isOp(value, 'softmax')) return undefined;
  const last = value.shape.length - 1;
  const axis = value.attrs.axis;
  if (axis === last) return undefined;
  const perm = [...value.shape.keys()].map((i) => (i === axis ? last : i === last ? axis : i));
  const moved = make('transpose', `${value.name}.transposed`, value.inputs, { perm });
  return make(
    'transpose',
    value.name,
    [make('softmax', `${value.name}.last`, [moved], { axis: last })],
    { perm: inverse(perm) },
  );
};

/** 2c - c|c|, c = x clipped to [-1, 1]. */
const composedApproxSign: Rule = (value) => {
  if (!isOp(value, 'approxSign')) return undefined;
  const { name } = value;
  const c = make('clip', `${name}.clipped`, value.inputs, { min: -1, max: 1 });
  const square = make('mul', `${name}.square`, [c, make('abs', `${name}.abs`, [c])]);
  const two = vector(`${name}.two`, Float32Array.of(2));
  return make('sub', name, [make('mul', `${name}.twice`, [c, two]), square]);
};

/** x - max - log(sum of exp(x - max)), in the ops that say it. */
const composedLogSoftmax: Rule = (value) => {
  if (!isOp(value, 'logSoftmax')) return undefined;
  const [x] = value.inputs;
  const { name } = value;
  const over = { axes: [value.attrs.axis], keepDims: true };
  const top = make('reduce', `${name}.max`, [x], { ...over, kind: 'max' });
  const below = make('sub', `${name}.below`, [x, top]);
  const power = make('exp', `${name}.exp`, [below]);
  const sum = make('reduce', `${name}.sum`, [power], { ...over, kind: 'sum' });
  return make('sub', name, [below, make('log', `${name}.log`, [sum])]);
};

/**
 * A reduction over axes with others between them is one over each run of neighbours, the outermost
 * first: that leaves rows to be added as they lie, and moves nothing.
 */
const reduceNeighbours: Rule = (value) => {
  if (!isOp(value, 'reduce')) return undefined;
  const [x] = value.inputs;
  const { name, attrs } = value;
  const axes = [...attrs.axes].sort((a, b) => a - b);
  const gap = axes.findIndex((axis, i) => axis !== axes[0]! + i);
  if (gap < 0) return undefined;
  const over = (map: Value, some: readonly number[], part: string) =>
    make('reduce', part, [map], { ...attrs, axes: some, keepDims: true });
  const first = over(x, axes.slice(0, gap), `${name}.first`);
  if (attrs.keepDims) return over(first, axes.slice(gap), name);
  const rest = over(first, axes.slice(gap), `${name}.rest`);
  return make('reshape', name, [rest], { shape: value.shape });
};

/** matmul(a, b) -> dense(a, transpose(b)) for a matrix that runs compute. */
const computedMatmul: Rule = (value) => {
  if (!isOp(value, 'matmul')) return undefined;
  const [a, b] = value.inputs;
  // The weights of a dense layer have a known number of outputs.
  if (typeof b.shape[1] !== 'number') return undefined;
  return make('dense', value.name, [a, make('transpose', `${b.name}.t`, [b], { perm: [1, 0] })]);
};

/**
 * batchNorm with statistics that are not constants: the same arithmetic, its scale computed when it
 * runs.
 */
const computedBatchNorm: Rule = (value) => {
  if (!isOp(value, 'batchNorm')) return undefined;
  const [x, gamma, beta, mean, variance] = value.inputs;
  const { name } = value;
  const epsilon = vector(`${name}.epsilon`, Float32Array.of(value.attrs.epsilon));
  const sigma = make('sqrt', `${name}.sigma`, [make('add', `${name}.var`, [variance, epsilon])]);
  return normalized(name, x, mean, make('div', `${name}.scale`, [gamma, sigma]), beta);
};

/** normalize(x) -> batchNorm with the moments of x, in the arithmetic of that. */
const computedNormalize: Rule = (value, tools) => {
  if (!isOp(value, 'normalize')) return undefined;
  const [x, gamma, beta] = value.inputs;
  const { name } = value;
  const channels = x.shape.at(-1)!;
  const statistics = make('moments', `${name}.moments`, [x]);
  const row = (index: number, what: string) =>
    make(
      'reshape',
      `${name}.${what}`,
      [
        make('slice', `${name}.${what}.row`, [statistics], {
          starts: [index, 0],
          ends: [index + 1, channels],
          steps: [1, 1],
        }),
      ],
      { shape: [channels] },
    );
  const inputs = [x, gamma, beta, row(0, 'mean'), row(1, 'var')];
  return computedBatchNorm(make('batchNorm', name, inputs, value.attrs), tools);
};

/**
 * An average that counts its padding but not what `ceil` lets hang over the end: kernels count all
 * of a window or the elements of x in it, so the padding becomes elements.
 */
const paddedAverage: Rule = (value) => {
  if (!isOp(value, 'avgPool2d') || value.attrs.countPad !== true || value.attrs.ceil !== true)
    return undefined;
  // of stride 1: nothing hangs over
  if (value.shape.slice(1, 3).some((dim) => typeof dim === 'string')) return undefined;
  const [top, left, bottom, right] = value.attrs.pads;
  const attrs = { ...value.attrs, countPad: false, pads: [0, 0, 0, 0] };
  const [x] = value.inputs;
  if (top + left + bottom + right === 0) return make('avgPool2d', value.name, [x], attrs);
  const border = make('pad', `${value.name}.padded`, [x], {
    pads: [0, top, left, 0, 0, bottom, right, 0],
    value: 0,
  });
  const average = make('avgPool2d', `${value.name}.averaged`, [border], attrs);
  // A last window that begins within the padding is one more now, and is dropped again.
  return make('slice', value.name, [average], {
    starts: [0, 0, 0, 0],
    ends: value.shape,
    steps: [1, 1, 1, 1],
  });
};

/**
 * cast to fewer than 8 bits: memory holds bytes, and a store saturates at what a byte holds, so
 * what may be beyond the dtype is clipped. Integers go through floats, which have a clip.
 */
const clippedCast: Rule = (value) => {
  if (!isOp(value, 'cast') || !isSubByte(value.dtype) || isConstantExpression(value))
    return undefined;
  const { lo: min, hi: max } = integerBounds(value.dtype as Integer);
  const [x] = value.inputs as readonly Value[];
  const range = valueRange(x!);
  if (range !== undefined && range.lo >= min && range.hi <= max) return undefined;
  if (isOp(x!, 'clip') && x.attrs.min >= min && x.attrs.max <= max) return undefined;
  const floats =
    x!.dtype === 'f32' ? x! : make('cast', `${value.name}.values`, [x!], { to: 'f32' });
  const clipped = make('clip', `${value.name}.clipped`, [floats], { min, max });
  return make('cast', value.name, [clipped], value.attrs);
};

/** Rows of a map from which on writing a number once for each channel costs next to nothing. */
const FEW_ROWS = 8;

/**
 * An operand of one number that a run computes, as the scale of a quantizer in training: repeated
 * for each channel, because epilogues read operands by channel. Constants are repeated when they
 * are packed.
 */
const numberByChannel: Rule = (value) => {
  if (value.inputs.length !== 2 || opDef(value.op).step?.(value.attrs) === undefined)
    return undefined;
  const channels = value.shape.at(-1);
  const rows = value.shape.slice(0, -1).map((dim) => (typeof dim === 'number' ? dim : FEW_ROWS));
  if (channels === 1 || rows.reduce((a, b) => a * b, 1) < FEW_ROWS) return undefined;
  const at = value.inputs.findIndex(
    (input) => input.shape.every((dim) => dim === 1) && !isConstantExpression(input),
  );
  const number = value.inputs[at];
  if (number === undefined || !sameShape(value.inputs[1 - at]!.shape, value.shape))
    return undefined;
  const shape = [...number.shape.slice(0, -1), channels!];
  const inputs = [...value.inputs];
  inputs[at] = make('expand', `${number.name}.repeated`, [number], { shape });
  return make(value.op, value.name, inputs, value.attrs);
};

export const legalize: Rule = firstOf(
  moveBitsAsFloats,
  clippedCast,
  softmaxLast,
  composedLogSoftmax,
  composedApproxSign,
  reduceNeighbours,
  computedBatchNorm,
  computedNormalize,
  computedMatmul,
  paddedAverage,
  narrowWeights,
  numberByChannel,
);
