/**
 * Binarization: products of bipolar values are counted in bits. sign and cast stand between float
 * and bits; the rules sink the casts through what can be done on bits (max pooling, borders of +-1,
 * reshapes) until they meet a convolution or dense layer:
 *   conv2d(cast(x) * s, cast(w) * t)  ->  cast(conv2d(x, w)) * (s * t)       b1 x b1 -> i32
 *   conv2d(x, cast(w) * t)            ->  conv2d(x, w) * t                   f32 x b1 -> f32
 * The integer dot product is exact; where the float sums of the graph before would have rounded,
 * the result is the better one. Not here: signs of integer results (./thresholds.ts).
 */
import { sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { make } from '../ops/make.js';
import { scalarOf } from '../ops/scalar-of.js';
import { keepsWords } from '../tensor/layout.js';
import { bipolarMap, bipolarWeights, positiveScales, scaleOperand } from './bipolar.js';
import { gradientOfBits } from './bit-gradients.js';
import type { Evaluations } from './chain.js';
import { isConstantExpression, vector } from './constants.js';
import { fewBehindMoves } from './few-integers.js';
import { gatedSign } from './gated-signs.js';
import { exactSums, integerProduct, requantized } from './integers.js';
import { isNeverZero } from './nonzero.js';
import { productOfPlanes } from './planes.js';
import { firstOf, type Rule } from './rewrite.js';

/**
 * `'exact'`: ONNX Sign is a binarization only where its argument provably is never zero. `'plus'`:
 * its 0 may be taken as +1.
 */
export type SignZero = 'exact' | 'plus';

/** signum(x) -> cast(sign(x)) where x is never zero, or the user says that zero counts as +1. */
function signumToSign(signZero: SignZero, evaluations: Evaluations): Rule {
  return (value) => {
    if (!isOp(value, 'signum')) return undefined;
    const [x] = value.inputs;
    if (isConstantExpression(x) || (signZero === 'exact' && !isNeverZero(x, evaluations)))
      return undefined;
    return make('cast', value.name, [make('sign', `${value.name}.bits`, [x])], { to: 'f32' });
  };
}

/**
 * multiThreshold with one threshold t and the results -b and b is sign(x - t) * b. x - t is below
 * zero exactly where x < t, as float32 subtraction of unequal numbers never gives zero. Only NaN
 * differs: a sign takes it as +1.
 */
const multiThresholdToSign: Rule = (value) => {
  if (!isOp(value, 'multiThreshold')) return undefined;
  const [x, thresholds] = value.inputs;
  const { scale, bias } = value.attrs;
  if (
    thresholds.op !== 'constant' ||
    thresholds.shape[1] !== 1 ||
    bias === 0 ||
    scale !== -2 * bias ||
    Math.fround(bias) !== bias
  )
    return undefined;
  const { name } = value;
  const difference = make('sub', `${name}.difference`, [
    x,
    vector(thresholds.name, thresholds.data!.data as Float32Array),
  ]);
  const bits = make('sign', `${name}.bits`, [difference]);
  if (bias === -1) return make('cast', name, [bits], { to: 'f32' });
  return make('mul', name, [
    make('cast', `${name}.cast`, [bits], { to: 'f32' }),
    scaleOperand(`${name}.scale`, Float32Array.of(-bias)),
  ]);
};

/**
 * sign(cast(b) * s) is b for s > 0; sign(x + 0) is sign(x), as a sign does not tell -0 from 0; and
 * so is that of x clipped around 0.
 */
const simplifySign: Rule = (value) => {
  if (!isOp(value, 'sign')) return undefined;
  const [x] = value.inputs;
  const map = bipolarMap(x);
  if (map !== undefined && map.scale > 0) return map.bits;
  if (isOp(x, 'clip'))
    return x.attrs.min < 0 && x.attrs.max >= 0 ? make('sign', value.name, x.inputs) : undefined;
  if (!isOp(x, 'add')) return undefined;
  const [a, b] = x.inputs;
  if (scalarOf(b) === 0 && sameShape(a.shape, x.shape)) return make('sign', value.name, [a]);
  return scalarOf(a) === 0 && sameShape(b.shape, x.shape)
    ? make('sign', value.name, [b])
    : undefined;
};

/**
 * Ops that only choose or move elements are done on bits: move(cast(b) * s) -> cast(move(b)) * s.
 */
const sinkCast: Rule = (value) => {
  const [x] = value.inputs;
  const map = x === undefined || isConstantExpression(x) ? undefined : bipolarMap(x);
  if (map === undefined) return undefined;
  const attrs = movable(value, map.scale, map.bits);
  return (
    attrs &&
    rescaled(
      value.name,
      make(value.op, `${value.name}.bits`, [map.bits], attrs),
      x as Value,
      map.scale,
    )
  );
};

/** The attributes of the op on the bits; undefined where it cannot be done on them. */
function movable(value: Value, scale: number, bits: Value): Value['attrs'] | undefined {
  switch (value.op) {
    case 'maxPool2d':
      // A negative scale would make it the smallest.
      return scale > 0 ? value.attrs : undefined;
    case 'reshape':
      return keepsWords(bits.shape, value.shape) ? value.attrs : undefined;
    case 'pad': {
      const border = value.attrs.value as number;
      if (Math.abs(border) !== Math.abs(scale) || border === 0) return undefined;
      return { ...value.attrs, value: border === scale ? 1 : -1 };
    }
    default:
      return undefined;
  }
}

/** cast(bits) * scale, with the scale's own operand reused where x was a plain product. */
function rescaled(name: string, bits: Value, x: Value, scale: number): Value {
  if (x.op === 'cast') return make('cast', name, [bits], { to: 'f32' });
  return make('mul', name, [
    make('cast', `${name}.cast`, [bits], { to: 'f32' }),
    scaleOperand(`${name}.scale`, Float32Array.of(scale)),
  ]);
}

const binarizeProduct: Rule = (value) => {
  if (!isOp(value, 'conv2d') && !isOp(value, 'dense')) return undefined;
  const [x, w] = value.inputs;
  if (w.dtype === 'b1') return undefined;
  const found = bipolarWeights(w);
  if (found === undefined) return undefined;
  const map = bipolarMap(x);
  const { bits, scale } = positiveScales(found, map?.scale ?? 1);
  const { name } = value;
  if (map === undefined) {
    if (scale === undefined) return make(value.op, name, [x, bits], value.attrs);
    return make('mul', name, [
      make(value.op, `${name}.unscaled`, [x, bits], value.attrs),
      scaleOperand(`${name}.scale`, scale),
    ]);
  }
  const dot = make(value.op, `${name}.dot`, [map.bits, bits], value.attrs);
  if (scale === undefined) return make('cast', name, [dot], { to: 'f32' });
  return make('mul', name, [
    make('cast', `${name}.cast`, [dot], { to: 'f32' }),
    scaleOperand(`${name}.scale`, scale),
  ]);
};

/**
 * dense(flatten(cast(x))) over a map whose channels do not fill words -> conv2d with a kernel of
 * the whole map, which leaves x as it is packed.
 */
const flattenBits: Rule = (value) => {
  if (!isOp(value, 'dense')) return undefined;
  const [flat, w] = value.inputs;
  const [map] = flat.inputs;
  if (
    !isOp(flat, 'reshape') ||
    flat.shape.length !== 2 ||
    map?.shape.length !== 4 ||
    map.shape[0] !== flat.shape[0]
  )
    return undefined;
  if (bipolarMap(map) === undefined || bipolarWeights(w) === undefined) return undefined;
  const kernel = make('reshape', `${w.name}.kernel`, [w], {
    shape: [w.shape[0] as number, ...map.shape.slice(1)],
  });
  const attrs = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1, padValue: 0 };
  return make('reshape', `${value.name}.flat`, [make('conv2d', value.name, [map, kernel], attrs)], {
    shape: value.shape,
  });
};

/**
 * All rules of the pass; a rewrite applies the first that fits, and the pass repeats until none
 * does.
 */
export function binarizeRules(signZero: SignZero, evaluations: Evaluations): Rule {
  return firstOf(
    signumToSign(signZero, evaluations),
    multiThresholdToSign,
    gatedSign,
    simplifySign,
    sinkCast,
    flattenBits,
    productOfPlanes,
    integerProduct,
    fewBehindMoves,
    exactSums,
    requantized,
    binarizeProduct,
    gradientOfBits,
  );
}
