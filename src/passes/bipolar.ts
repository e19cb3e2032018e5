/**
 * Recognises bipolar values: f32 values that are -1 and +1 times a scale. Not here: what is done
 * with them (./binarize.ts).
 */
import { elementCount, sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { constant } from '../ops/make.js';
import { scalarOf } from '../ops/scalar-of.js';
import { partOf, partsOf } from '../tensor/stored.js';
import { Tensor } from '../tensor/tensor.js';
import { signsOf, tensorOf, valuesOf } from '../tensor/values.js';
import { isConstantExpression } from './constants.js';
import { truthWeights } from './truth-weights.js';
import { isScale, productOfScales, scalesOf } from './weight-scales.js';

/** x = cast(bits) * scale. */
export interface BipolarMap {
  readonly bits: Value<'b1'>;
  readonly scale: number;
}

/**
 * More scales in a row than any quantizer writes; every value is asked, so a chain of products must
 * not be walked whole from each.
 */
const MOST_FACTORS = 8;

/** cast(b1), or that times numbers. */
export function bipolarMap(x: Value): BipolarMap | undefined {
  let scale = 1;
  let flowing: Value = x;
  for (let factors = 0; isOp(flowing, 'mul') && factors < MOST_FACTORS; factors++) {
    const [a, b] = flowing.inputs;
    const right = scalarOf(b);
    const factor = right ?? scalarOf(a);
    const next: Value = right === undefined ? b : a;
    // A product of shapes that differ is a broadcast as well as a scale.
    if (factor === undefined || !isScale(factor) || !sameShape(next.shape, x.shape))
      return undefined;
    scale = Math.fround(scale * factor);
    flowing = next;
  }
  const bits = isOp(flowing, 'cast') ? flowing.inputs[0] : undefined;
  return bits?.dtype === 'b1' ? { bits: bits as Value<'b1'>, scale } : undefined;
}

/** w [O, ...] = cast(bits) * scale, one scale an output or one for all. */
export interface BipolarWeights {
  readonly bits: Value<'b1'>;
  /** Length 1 or O, finite and not 0; absent where it is 1. */
  readonly scale?: Float32Array;
}

/**
 * Fewer weights an output than this are left alone where nothing in the graph calls them binary: of
 * one or two floats, equal magnitudes are no sign of a binary layer.
 */
const LEAST_WEIGHTS = 8;

/**
 * Weights that are bipolar: bits that are constant or computed, constants written so (cast of bits,
 * times scales, or a choice by truth values), or f32 numbers of one magnitude an output.
 */
export function bipolarWeights(w: Value, factors = 0): BipolarWeights | undefined {
  // Bits that a run computes, such as those of a parameter in training, are weights too.
  if (isOp(w, 'cast') && w.inputs[0].dtype === 'b1') return { bits: w.inputs[0] as Value<'b1'> };
  if (!isConstantExpression(w) || factors > MOST_FACTORS) return undefined;
  if (w.op === 'constant' && w.dtype === 'f32') return ofOneMagnitude(w as Value<'f32'>);
  if (isOp(w, 'mul')) {
    const [a, b] = w.inputs;
    const scaled = scaledBy(w, a, b, factors) ?? scaledBy(w, b, a, factors);
    if (scaled !== undefined) return scaled;
  }
  const chosen = truthWeights(w);
  if (chosen === undefined) return undefined;
  const shape = w.shape as readonly number[];
  return ofOneMagnitude(constant(w.name, new Tensor('f32', chosen, shape)));
}

function scaledBy(
  w: Value,
  weights: Value,
  scale: Value,
  factors: number,
): BipolarWeights | undefined {
  if (weights.shape.length !== w.shape.length) return undefined;
  const scales = scalesOf(w, scale);
  const inner = scales && bipolarWeights(weights, factors + 1);
  return inner && { bits: inner.bits, scale: productOfScales(inner.scale, scales!) };
}

/** The signs and magnitudes of weights, where there are such; several rules ask. */
interface OneMagnitude {
  readonly signs: Tensor<'b1'>;
  readonly magnitudes: Float32Array;
}

const found = new WeakMap<Tensor, OneMagnitude | null>();

function ofOneMagnitude(w: Value<'f32'>): BipolarWeights | undefined {
  const tensor = w.data as Tensor<'f32'>;
  let one = found.get(tensor);
  if (one === undefined) {
    const magnitudes = magnitudesOf(tensor);
    one = magnitudes ? { signs: signsOf(partsOf(tensor), tensor.shape), magnitudes } : null;
    found.set(tensor, one);
  }
  if (one === null) return undefined;
  const { magnitudes } = one;
  const bits = constant(w.name, one.signs);
  if (magnitudes.some((magnitude) => magnitude !== magnitudes[0]))
    return { bits, scale: magnitudes };
  return magnitudes[0] === 1 ? { bits } : { bits, scale: magnitudes.slice(0, 1) };
}

/**
 * The magnitude that all weights of an output share, for each output. The first that is not binary
 * ends it, and of weights in a file no more is read.
 */
function magnitudesOf(weights: Tensor<'f32'>): Float32Array | undefined {
  const outputs = weights.shape[0] as number;
  const each = elementCount(weights.shape.slice(1));
  if (each < LEAST_WEIGHTS || outputs === 0) return undefined;
  // Two tell most real weights.
  const [a, b] = partOf(weights, 0, 2);
  if (Math.abs(a as number) !== Math.abs(b as number)) return undefined;
  const magnitudes = new Float32Array(outputs);
  let [output, place, magnitude] = [0, 0, 0];
  for (const part of partsOf(weights)) {
    for (let i = 0; i < part.length; i++) {
      const size = Math.abs(part[i] as number);
      if (place === 0) {
        if (!(size > 0 && Number.isFinite(size))) return undefined;
        magnitude = size;
        magnitudes[output++] = size;
      } else if (size !== magnitude) return undefined;
      place = place + 1 === each ? 0 : place + 1;
    }
  }
  return magnitudes;
}

/**
 * The same weights times `by`, with positive scales: the bits of an output with a negative one are
 * turned. A dot product of 0 then stays 0, as the float sum of such terms is; times a negative
 * scale it would be -0.
 */
export function positiveScales(
  { bits, scale = Float32Array.of(1) }: BipolarWeights,
  by: number,
): BipolarWeights {
  const signed = scale.map((own) => own * by);
  const scales = signed.every((own) => Math.abs(own) === 1) ? {} : { scale: signed.map(Math.abs) };
  if (signed.every((own) => own > 0)) return { bits, ...scales };
  const each = elementCount(bits.shape.slice(1));
  const values = valuesOf(bits.data!).map((value, i) =>
    signed[signed.length === 1 ? 0 : Math.floor(i / each)]! < 0 ? -value : value,
  );
  return {
    bits: constant(bits.name, tensorOf('b1', values, bits.shape as readonly number[])),
    ...scales,
  };
}

/** A scale that multiplies a result whose last axis is the outputs. */
export function scaleOperand(name: string, scale: Float32Array): Value {
  return constant(name, new Tensor('f32', scale, scale.length === 1 ? [] : [scale.length]));
}
