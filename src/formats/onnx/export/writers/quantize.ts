/**
 * Quantization: QuantizeLinear and DequantizeLinear, and in the dialect of QONNX also Quant and
 * BipolarQuant. Where a node would not compute the same numbers, the chain stays elementary ops.
 * Not here: which values are such chains (../patterns.ts).
 */
import { DTYPES } from '../../../../core/dtype.js';
import type { Value } from '../../../../graph/value.js';
import { isOp } from '../../../../ops/index.js';
import { Tensor } from '../../../../tensor/tensor.js';
import { tensorOf, valuesOf } from '../../../../tensor/values.js';
import { DataType, quantizedType } from '../../data-type.js';
import { type Emission, QONNX_DOMAIN, reordered } from '../emission.js';
import { baseOf, type Order, plainOrder, toBase } from '../order.js';
import {
  constantIntegersOf,
  type Dequantize,
  type Fake,
  isBlocked,
  isZero,
  ONE,
  type Quantize,
  type Steps,
  widthOf,
  ZERO,
} from '../patterns.js';
import { computedType, integerPayload, payloadOf, payloadType } from '../payload.js';
import { RAISE, raised } from '../saturation.js';

/**
 * The type that holds integers of a range: 8 bits, with or without a sign. Of 4 bits only constants
 * are written: onnxruntime's optimizer moves ops between quantizations that do not take 4 bits.
 */
export function typeFor(lo: number, hi: number): number | undefined {
  return [DataType.UINT8, DataType.INT8].find((dataType) => {
    const type = quantizedType(dataType);
    return type !== undefined && type.lo <= lo && hi <= type.hi;
  });
}

export function writeQuantize(emission: Emission, value: Value, found: Quantize): void {
  const order = orderOf(emission, found.x);
  const dataType = computedType(value.dtype);
  emission.hold(value, quantize(emission, value, found, dataType, order, ''), order, dataType);
}

function quantize(
  emission: Emission,
  value: Value,
  found: Quantize,
  dataType: number,
  order: Order,
  suffix: string,
): string {
  const { lo, hi } = found;
  const type = quantizedType(dataType);
  const isWhole = type?.lo === lo && type.hi === hi;
  const { inputs, attributes } = parameters(emission, value, found, dataType, order);
  const x = emission.float(found.x, order);
  const q = emission.node('QuantizeLinear', [x, ...inputs], value, {
    attributes,
    suffix: isWhole ? suffix : '.quantized',
  });
  if (isWhole) return q;
  const bounds = [lo, hi].map((bound) =>
    emission.scalar(bound, integerPayload([bound], dataType), dataType),
  );
  return emission.node('Clip', [q, ...bounds], value, { suffix });
}

/** Scale and zero point as inputs, and the axis along which they differ. */
function parameters(
  emission: Emission,
  value: Value,
  { scale, zero }: { readonly scale: Steps; readonly zero: Steps },
  dataType: number,
  order: Order,
): { readonly inputs: string[]; readonly attributes: Readonly<Record<string, number>> } {
  const axis = scale.axis ?? zero.axis;
  const blocks = scale.blocks ?? zero.blocks;
  const count = Math.max(scale.numbers.length, zero.numbers.length);
  const shape = blocks?.shape ?? (axis === undefined ? [] : [count]);
  const spread = ({ numbers }: Steps) => {
    const all =
      numbers.length === count ? numbers : new Float32Array(count).fill(numbers[0] as number);
    const tensor = new Tensor('f32', all, shape);
    return blocks === undefined ? tensor : (reordered(tensor, order) as Tensor<'f32'>);
  };
  const [scales, zeros] = [spread(scale), spread(zero)];
  const name = (what: string) => `${value.name}.${what}`;
  return {
    inputs: [
      emission.shared(name('scale'), DataType.FLOAT, scales.shape, payloadOf(scales)),
      emission.shared(
        name('zero_point'),
        dataType,
        zeros.shape,
        integerPayload([...zeros.data], dataType),
      ),
    ],
    attributes: {
      ...(axis !== undefined && { axis: order.indexOf(axis) }),
      ...(blocks !== undefined && { block_size: blocks.size }),
    },
  };
}

export function writeDequantize(emission: Emission, value: Value, found: Dequantize): void {
  const order = orderOf(emission, found.q);
  emission.hold(value, dequantize(emission, value, found, order), order);
}

function dequantize(emission: Emission, value: Value, found: Dequantize, order: Order): string {
  const base = baseOf(found.q);
  const { dtype } = base.value;
  const isRaised = emission.raised.has(base.value);
  if (dtype !== 'b1' && !isRaised) {
    const q = emission.inOrder(found.q, order);
    return dequantizeLinear(emission, value, q, found, emission.dataTypeOf(found.q), order);
  }
  const wanted = toBase(order, base);
  const data = base.value.data as Tensor;
  const dataType = isRaised ? DataType.UINT8 : DataType.INT8;
  const q = emission.once(`${emission.numberOf(base.value)} ${wanted} as ${dataType}`, () =>
    emission.tensor(base.value.name, reordered(isRaised ? raised(data) : data, wanted), dataType),
  );
  const { numbers, ...zero } = found.zero;
  const origin = { ...zero, numbers: isRaised ? numbers.map((one) => one + RAISE) : numbers };
  return dequantizeLinear(emission, value, q, { ...found, zero: origin }, dataType, order);
}

/**
 * Its type is that of q, and a zero point of 0 may be left out. From operator set 21 on that of
 * INT8 is: onnxruntime's optimizer makes QuantizeLinear of it with an output_dtype, and then
 * refuses its zero point.
 */
function dequantizeLinear(
  emission: Emission,
  value: Value,
  q: string,
  found: Pick<Dequantize, 'scale' | 'zero'>,
  dataType: number,
  order: Order,
): string {
  const { inputs, attributes } = parameters(emission, value, found, dataType, order);
  const isLeft = emission.opset >= 21 && dataType === DataType.INT8 && isZero(found.zero);
  const operands = isLeft ? inputs.slice(0, 1) : inputs;
  return emission.node('DequantizeLinear', [q, ...operands], value, { attributes });
}

/**
 * False where no nodes of the dialect compute the same numbers, and in ONNX's own where the
 * integers are a value of the graph, which other nodes may read.
 */
export function canFake(emission: Emission, found: Fake): boolean {
  if (emission.dialect === 'qonnx')
    return widthOf(found.lo, found.hi) !== undefined && (found.addsFirst || isZero(found.zero));
  return (
    !found.addsFirst &&
    found.rounding === 'round' &&
    found.stored === undefined &&
    typeFor(found.lo, found.hi) !== undefined
  );
}

export function writeFake(emission: Emission, value: Value, found: Fake): void {
  const order = orderOf(emission, found.x);
  if (emission.dialect === 'qonnx') {
    const x = emission.float(found.x, order);
    emission.hold(value, quant(emission, value, x, found, order), order);
    return;
  }
  const dataType = typeFor(found.lo, found.hi) ?? DataType.INT8;
  const q = quantize(emission, value, found, dataType, order, '.integers');
  emission.hold(value, dequantizeLinear(emission, value, q, found, dataType, order), order);
}

/** Quant of QONNX; scales broadcast there as they do here. */
function quant(
  emission: Emission,
  value: Value,
  x: string,
  found: Pick<Fake, 'scale' | 'zero' | 'lo' | 'hi' | 'rounding'>,
  order: Order,
): string {
  const width = widthOf(found.lo, found.hi);
  if (width === undefined) throw emission.fail(value, 'expected integers of a bit width');
  const numbers = (steps: Steps, what: string) => spread(emission, value, steps, what, order);
  const inputs = [x, numbers(found.scale, 'scale'), numbers(found.zero, 'zero_point')];
  return emission.node('Quant', [...inputs, emission.scalar(width.bits)], value, {
    domain: QONNX_DOMAIN,
    attributes: {
      signed: Number(width.signed),
      narrow: Number(width.narrow),
      rounding_mode: found.rounding.toUpperCase(),
    },
  });
}

/** Floats, one or one for each element of an axis, as they broadcast. */
function spread(
  emission: Emission,
  value: Value,
  { numbers, axis }: Steps,
  what: string,
  order: Order,
): string {
  const dims = axis === undefined ? [] : order.map((one) => (one === axis ? numbers.length : 1));
  const raw = new Uint8Array(Float32Array.from(numbers).buffer);
  return emission.shared(`${value.name}.${what}`, DataType.FLOAT, dims, raw);
}

function orderOf(emission: Emission, x: Value): Order {
  return emission.orderOf(x) ?? plainOrder(x.shape.length);
}

/** True for a constant expression that is written with its axes in whichever order is asked for. */
export function isOnDemand(value: Value): boolean {
  return (
    value.data !== undefined ||
    bitsOf(value) !== undefined ||
    constantIntegersOf(value) !== undefined
  );
}

function bitsOf(value: Value): Value | undefined {
  if (value.op === 'constant' && value.dtype === 'b1') return value;
  if (!isOp(value, 'cast') || value.dtype !== 'f32') return undefined;
  const [bits] = value.inputs;
  return bits.op === 'constant' && bits.dtype === 'b1' ? bits : undefined;
}

/** Bits, and dequantized integers, of constants; undefined for constants that are numbers. */
export function writeOnDemand(emission: Emission, value: Value, order: Order): string | undefined {
  const bits = bitsOf(value);
  if (bits !== undefined) {
    return emission.dialect === 'onnx'
      ? dequantize(emission, value, { q: bits, scale: ONE, zero: ZERO }, order)
      : bipolarQuant(emission, value, bits, order);
  }
  const found = constantIntegersOf(value);
  if (found === undefined) return undefined;
  if (emission.dialect === 'onnx') return dequantize(emission, value, found, order);
  const { value: base, perm } = baseOf(found.q);
  if (base.dtype === 'b1') {
    const signs = bipolarQuant(emission, value, base, toBase(order, { value: base, perm }));
    return emission.node(
      'Mul',
      [signs, spread(emission, value, found.scale, 'scale', order)],
      value,
    );
  }
  return weightsOfQonnx(emission, value, found, order) ?? dequantize(emission, value, found, order);
}

/** Bits, and dequantized integers, of constants as (Cast(q) - zero) * scale. */
export function writeCast(emission: Emission, value: Value, order: Order): string | undefined {
  const bits = bitsOf(value);
  const found =
    bits === undefined ? constantIntegersOf(value) : { q: bits, scale: ONE, zero: ZERO };
  if (found === undefined || isBlocked(found)) return undefined;
  const base = baseOf(found.q);
  const wanted = toBase(order, base);
  const { dtype } = base.value;
  const dataType = dtype === 'b1' ? DataType.INT8 : emission.typeOfConstant(dtype);
  const q = emission.once(`${emission.numberOf(base.value)} ${wanted} as ${dataType}`, () =>
    emission.tensor(base.value.name, reordered(base.value.data as Tensor, wanted), dataType),
  );
  let floats = emission.cast(q, dataType, DataType.FLOAT, value);
  const after = (op: string, steps: Steps, what: string) => {
    const operand = spread(emission, value, steps, what, order);
    floats = emission.node(op, [floats, operand], value, { suffix: `.${what}d` });
  };
  if (!isZero(found.zero)) after('Sub', found.zero, 'zero');
  if (found.scale.numbers.some((one) => one !== 1)) after('Mul', found.scale, 'scale');
  return floats;
}

function bipolarQuant(emission: Emission, value: Value, bits: Value, order: Order): string {
  const floats = emission.tensor(bits.name, reordered(bits.data as Tensor, order));
  return emission.node('BipolarQuant', [floats, emission.scalar(1)], value, {
    domain: QONNX_DOMAIN,
    suffix: '.bits',
  });
}

/**
 * (q - zero) * scale as Quant of those very floats: a quotient by the scale is within a rounding of
 * the integer, which Quant gives back. Undefined for integers of other than a whole width.
 */
function weightsOfQonnx(
  emission: Emission,
  value: Value,
  found: Dequantize,
  order: Order,
): string | undefined {
  if (isBlocked(found)) return undefined;
  const base = baseOf(found.q);
  const { dtype } = base.value;
  const integers = reordered(base.value.data as Tensor, toBase(order, base));
  const { bits } = DTYPES[dtype];
  const signed = !dtype.startsWith('u');
  const [lo, hi] = signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  if (payloadType(dtype) === DataType.INT32 || widthOf(lo, hi) === undefined) return undefined;
  const f = Math.fround;
  const at = ({ numbers, axis }: Steps, i: number) => {
    if (axis === undefined) return numbers[0] as number;
    const place = order.indexOf(axis);
    const inner = integers.shape.slice(place + 1).reduce((product, dim) => product * dim, 1);
    return numbers[Math.floor(i / inner) % numbers.length] as number;
  };
  const floats = Float32Array.from(valuesOf(integers), (q, i) =>
    f(f(q - at(found.zero, i)) * at(found.scale, i)),
  );
  const x = emission.tensor(value.name, tensorOf('f32', floats, integers.shape));
  return quant(emission, value, x, { ...found, lo, hi, rounding: 'round' }, order);
}
