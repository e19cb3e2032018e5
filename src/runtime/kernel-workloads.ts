/**
 * What `bitplane bench kernels` measures: one instruction at one shape a row. Not here: measuring
 * (./kernel-bench.ts).
 */
import type { Bound } from '../native/addon.js';
import type { EncodedStep } from './assembler.js';

export interface Workload {
  readonly shape: string;
  readonly opcode: string;
  readonly fields: Readonly<Record<string, number>>;
  /** Bytes of every buffer: fed, written, constant, or packed weights. */
  readonly buffers: Readonly<
    Record<string, { readonly kind: 'in' | 'out' | 'constant' | 'weights'; readonly bytes: number }>
  >;
  readonly epilogue?: readonly (Omit<EncodedStep, 'buffer'> & { readonly operand?: string })[];
  /** Multiply-accumulates, or bytes moved. */
  readonly work: number;
  readonly bound: Bound;
}

const RESNET18 = [
  [64, 56],
  [128, 28],
  [256, 14],
  [512, 7],
] as const;

const ONE = { n: 1, sh: 1, sw: 1, dh: 1, dw: 1 };
const STORE = [{ op: 'store_f32', kind: 'tensor', operand: 'y' }] as const;
/** What `pool` and `reduce` read. */
const FLOATS = { dtype: 0, zero: 0, scale: 0 } as const;

/** A window of k x k around every pixel of a square map, c channels to c. */
function around(c: number, size: number, k: number) {
  const pad = (k - 1) / 2;
  const map = { h: size, w: size, c, oh: size, ow: size, o: c };
  return { ...map, kh: k, kw: k, pt: pad, pl: pad, g: 1 };
}

function binaryConvolution(c: number, size: number): Workload {
  const bits = (size * size * c) / 8;
  return {
    shape: `3x3 ${c}->${c} @${size}, signs`,
    opcode: 'bconv',
    fields: { ...ONE, ...around(c, size, 3), padding: 1 },
    buffers: {
      x: { kind: 'in', bytes: bits },
      weights: { kind: 'weights', bytes: (c * c * 9) / 8 },
      thresholds: { kind: 'constant', bytes: c * 8 },
      y: { kind: 'out', bytes: bits },
    },
    work: size * size * c * c * 9,
    bound: 'popcount',
  };
}

function floatConvolution(c: number, size: number, k: number): Workload {
  const bytes = size * size * c * 4;
  return {
    shape: `${k}x${k} ${c}->${c} @${size}`,
    opcode: 'conv',
    fields: { ...ONE, weightBits: 32, ...around(c, size, k) },
    buffers: {
      x: { kind: 'in', bytes },
      weights: { kind: 'weights', bytes: c * c * k * k * 4 },
      y: { kind: 'out', bytes },
    },
    epilogue: STORE,
    work: size * size * c * c * k * k,
    bound: 'fma',
  };
}

/** The field `weightKind` of weights that are -1 and 1. */
const BIPOLAR = 2;

/** A layer of integers; `result` are the bytes of its int32 sums. */
function integer(
  title: string,
  opcode: 'qconv' | 'qdwconv',
  [weightBits, xBits]: readonly [number, number],
  fields: Readonly<Record<string, number>>,
  [x, weights, sums]: readonly [number, number, number],
): Workload {
  return {
    shape: `${title}, W${weightBits}A${xBits}`,
    opcode,
    fields: {
      ...ONE,
      ...{
        xSigned: 0,
        xBits,
        weightBits,
        weightKind: weightBits === 1 ? BIPOLAR : 0,
        zero: 0,
        method: 0,
        ...{ zeros: -1, few: -1, scales: -1 },
      },
      ...fields,
    },
    buffers: {
      x: { kind: 'in', bytes: x },
      weights: { kind: 'weights', bytes: Math.ceil((weights * weightBits) / 8) },
      y: { kind: 'out', bytes: sums * 4 },
    },
    work: (weights * sums) / (fields.o ?? (fields.c as number)),
    bound: opcode === 'qdwconv' || (xBits === 8 && weightBits === 8) ? 'bytes' : 'narrow',
  };
}

const PAIRS = [
  [8, 8],
  [4, 8],
  [4, 4],
  [2, 2],
  [1, 2],
  [2, 1],
] as const;

function integerConvolution(c: number, size: number, bits: readonly [number, number]): Workload {
  const pixels = size * size * c;
  const fields = around(c, size, 3);
  return integer(`3x3 ${c}->${c} @${size}`, 'qconv', bits, fields, [pixels, c * c * 9, pixels]);
}

function integerDense(c: number, bits: readonly [number, number]): Workload {
  const point = { h: 1, w: 1, oh: 1, ow: 1, kh: 1, kw: 1, pt: 0, pl: 0, g: 1 };
  return integer(`1 x ${c} . ${c} x ${c}`, 'qconv', bits, { ...point, c, o: c }, [c, c * c, c]);
}

function integerDepthwise(c: number, size: number, bits: readonly [number, number]): Workload {
  const fields = { h: size, w: size, c, oh: size, ow: size, kh: 3, kw: 3, pt: 1, pl: 1 };
  const pixels = size * size * c;
  return integer(`3x3 depthwise ${c} @${size}`, 'qdwconv', bits, fields, [pixels, c * 9, pixels]);
}

function pooled(
  opcode: string,
  c: number,
  size: number,
  extra: Record<string, number>,
  epilogue: Workload['epilogue'],
): Workload {
  const element = opcode === 'bpool' ? 1 / 8 : 4;
  const input = size * size * c * element;
  return {
    shape: `2x2 s2 ${c} @${size}`,
    opcode,
    fields: {
      n: 1,
      h: size,
      w: size,
      c,
      oh: size / 2,
      ow: size / 2,
      kh: 2,
      kw: 2,
      sh: 2,
      sw: 2,
      dh: 1,
      dw: 1,
      pt: 0,
      pl: 0,
      ...extra,
    },
    buffers: { x: { kind: 'in', bytes: input }, y: { kind: 'out', bytes: input / 4 } },
    ...(epilogue === undefined ? {} : { epilogue }),
    work: input * 1.25,
    bound: 'stream',
  };
}

/** Sums of blocks of rows, for a batch norm in training. */
function statistics(rows: number, c: number): Workload[] {
  const [fold, block] = [64 / c, 128];
  const fields = { rows, c, fold, block };
  const bytes = rows * c * 4;
  const parts = (sums: number) => ({
    kind: 'out' as const,
    bytes: Math.ceil(rows / fold / block) * sums * 64 * 4,
  });
  const map = { kind: 'in', bytes } as const;
  return [
    {
      ...{ shape: `moments ${rows} x ${c}`, opcode: 'moments', fields },
      ...{ buffers: { x: map, parts: parts(3) }, work: bytes, bound: 'stream' },
    },
    {
      ...{ shape: `norm sums ${rows} x ${c}`, opcode: 'normsums', fields },
      buffers: { dy: map, x: map, mean: { kind: 'in', bytes: c * 4 }, parts: parts(2) },
      ...{ work: 2 * bytes, bound: 'stream' },
    },
  ];
}

function pooledGradient(title: string, c: number, size: number, kind: number): Workload {
  const bytes = size * size * c * 4;
  return {
    shape: `${title} gradient ${c} @${size}`,
    opcode: 'poolgrad',
    fields: {
      ...{ kind, n: 1, h: size, w: size, c, hw: size * size, oh: size / 2, ow: size / 2 },
      ...{ kh: 2, kw: 2, sh: 2, sw: 2, dh: 1, dw: 1, pt: 0, pl: 0, pb: 0, pr: 0 },
    },
    buffers: {
      dy: { kind: 'in', bytes: bytes / 4 },
      ...(kind === 0 && { x: { kind: 'in', bytes } }),
      y: { kind: 'out', bytes },
    },
    epilogue: STORE,
    work: bytes * (kind === 0 ? 2.25 : 1.25),
    bound: 'stream',
  };
}

/**
 * The epilogue of a residual block over a map: ops with an operand by channel, `shortcut` an
 * addition of a map, `=` the store of floats, `bits` that of signs.
 */
function residual(title: string, c: number, size: number, ops: readonly string[]): Workload {
  const bytes = size * size * c * 4;
  return {
    shape: `${title} residual epilogue ${c} @${size}`,
    opcode: 'map',
    fields: { dtype: 0, n: 1, hw: size * size, c },
    buffers: {
      x: { kind: 'in', bytes },
      shortcut: { kind: 'in', bytes },
      channel: { kind: 'constant', bytes: c * 4 },
      y: { kind: 'out', bytes },
      bits: { kind: 'out', bytes: size * size * Math.ceil(c / 64) * 8 },
    },
    epilogue: ops.map((op) => {
      if (op === '=') return STORE[0];
      if (op === 'bits') return { op: 'store_bits', kind: 'tensor', operand: 'bits' };
      if (op === 'shortcut') return { op: 'add', kind: 'tensor', operand: 'shortcut' };
      if (op === 'clip') return { op, a: -1, b: 1 };
      return { op, kind: 'channel', operand: 'channel' };
    }),
    work: bytes * 3,
    bound: 'stream',
  };
}

/** Every workload, in the order in which they are printed. */
export function workloads(): Workload[] {
  const [c, size] = [64, 56];
  const bytes = size * size * c * 4;
  const map = { x: { kind: 'in', bytes }, y: { kind: 'out', bytes } } as const;
  return [
    ...RESNET18.map(([channels, side]) => binaryConvolution(channels, side)),
    ...RESNET18.map(([channels, side]) => floatConvolution(channels, side, 3)),
    ...PAIRS.flatMap((bits) => [
      ...RESNET18.map(([channels, side]) => integerConvolution(channels, side, bits)),
      integerDepthwise(256, 14, bits),
      integerDense(512, bits),
      integerDense(1024, bits),
    ]),
    floatConvolution(128, 28, 1),
    {
      shape: `3x3 depthwise ${c} @${size}`,
      opcode: 'dwconv',
      fields: {
        ...ONE,
        weightBits: 32,
        h: size,
        w: size,
        c,
        oh: size,
        ow: size,
        kh: 3,
        kw: 3,
        pt: 1,
        pl: 1,
      },
      buffers: { ...map, weights: { kind: 'weights', bytes: c * 36 } },
      epilogue: STORE,
      work: size * size * c * 9,
      bound: 'fma',
    },
    pooled('pool', c, size, { ...FLOATS, kind: 0 }, STORE),
    pooled('bpool', 256, size, { dtype: 0 }, undefined),
    {
      shape: `scale, shift, store, signs ${c} @${size}`,
      opcode: 'map',
      fields: { dtype: 0, n: 1, hw: size * size, c },
      buffers: {
        ...map,
        scale: { kind: 'constant', bytes: c * 4 },
        shift: { kind: 'constant', bytes: c * 4 },
        bits: { kind: 'out', bytes: bytes / 32 },
      },
      epilogue: [
        { op: 'mul', kind: 'channel', operand: 'scale' },
        { op: 'add', kind: 'channel', operand: 'shift' },
        ...STORE,
        { op: 'store_bits', kind: 'tensor', operand: 'bits' },
      ],
      work: bytes * 2,
      bound: 'stream',
    },
    residual('listed', c, 28, ['mul', 'shortcut', 'add', 'prelu', '=', 'add', 'bits']),
    residual('unlisted', c, 28, ['mul', 'shortcut', 'sub', 'prelu', 'add', 'clip', '=', 'bits']),
    {
      shape: `mean over ${size * size} of ${c}`,
      opcode: 'reduce',
      fields: { ...FLOATS, kind: 0, outer: 1, k: size * size, inner: c },
      buffers: { x: { kind: 'in', bytes }, y: { kind: 'out', bytes: c * 4 } },
      work: bytes,
      bound: 'stream',
    },
    ...statistics(131072, 16),
    pooledGradient('2x2 s2 maximum', c, size, 0),
    pooledGradient('2x2 s2 average', c, size, 1),
    {
      shape: '64 x 1000',
      opcode: 'softmax',
      fields: { rows: 64, c: 1000 },
      buffers: { x: { kind: 'in', bytes: 256000 }, y: { kind: 'out', bytes: 256000 } },
      work: 512000,
      bound: 'stream',
    },
    {
      shape: `${c} x ${size}x${size} to channels last`,
      opcode: 'copy',
      fields: {
        ...{
          xoffset: 0,
          yoffset: 0,
          d0: 1,
          d1: 1,
          d2: 1,
          d3: 1,
          d4: size * size,
          d5: c,
          xs0: 0,
          xs1: 0,
          xs2: 0,
          xs3: 0,
          xs4: 1,
        },
        ...{ xs5: size * size, ys0: 0, ys1: 0, ys2: 0, ys3: 0, ys4: c, ys5: 1, bytes: 4 },
      },
      buffers: map,
      work: bytes * 2,
      bound: 'stream',
    },
  ];
}
