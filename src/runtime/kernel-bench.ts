/**
 * Every kernel variant of this machine on shapes that matter, against the bound measured in the
 * same process: the popcount or multiply-add loop on registers, or a copy of as many bytes. Times
 * are those of the instruction alone, on one worker thread, the best of many. Not here: whole
 * models (`bitplane bench MODEL`).
 */
import { addon, type NativeProgram } from '../native/addon.js';
import { resolveIsa, supportedIsas } from '../native/isa.js';
import { Assembler, type EncodedStep } from './assembler.js';
import { ConstantPool } from './constant-pool.js';
import { launch } from './scheduler.js';

/**
 * One variant at one shape. Rates are multiply-accumulates per second, or bytes per second where a
 * kernel has none.
 */
export interface KernelRow {
  readonly kernel: string;
  readonly isa: string;
  readonly shape: string;
  readonly unit: 'MAC' | 'B';
  readonly rate: number;
  /** What one core could do at best. */
  readonly bound: number;
  /** rate / bound. */
  readonly share: number;
  /** For binary kernels: rate / (256-bit fp32 multiply-add rate), where the machine has AVX2. */
  readonly timesFma256?: number;
}

type Bound = 'popcount' | 'fma' | 'stream';

interface Workload {
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

/** Best of at least this many runs, and of this much time. */
const MIN_RUNS = 20;
const MIN_MS = 60;

const RESNET18 = [
  [64, 56],
  [128, 28],
  [256, 14],
  [512, 7],
] as const;

const ONE = { n: 1, sh: 1, sw: 1, dh: 1, dw: 1 };
const STORE = [{ op: 'store_f32', kind: 'tensor', operand: 'y' }] as const;

function binaryConvolution(c: number, size: number): Workload {
  const bits = (size * size * c) / 8;
  return {
    shape: `3x3 ${c}->${c} @${size}, signs`,
    opcode: 'bconv',
    fields: {
      ...ONE,
      h: size,
      w: size,
      c,
      oh: size,
      ow: size,
      o: c,
      kh: 3,
      kw: 3,
      pt: 1,
      pl: 1,
      g: 1,
      padding: 1,
    },
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
  const pad = (k - 1) / 2;
  return {
    shape: `${k}x${k} ${c}->${c} @${size}`,
    opcode: 'conv',
    fields: {
      ...ONE,
      weightBits: 32,
      h: size,
      w: size,
      c,
      oh: size,
      ow: size,
      o: c,
      kh: k,
      kw: k,
      pt: pad,
      pl: pad,
      g: 1,
    },
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

function workloads(): Workload[] {
  const [c, size] = [64, 56];
  const bytes = size * size * c * 4;
  const map = { x: { kind: 'in', bytes }, y: { kind: 'out', bytes } } as const;
  return [
    ...RESNET18.map(([channels, side]) => binaryConvolution(channels, side)),
    ...RESNET18.map(([channels, side]) => floatConvolution(channels, side, 3)),
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
    pooled('pool', c, size, { kind: 0 }, STORE),
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
      fields: { kind: 0, outer: 1, k: size * size, inner: c },
      buffers: { x: { kind: 'in', bytes }, y: { kind: 'out', bytes: c * 4 } },
      work: bytes,
      bound: 'stream',
    },
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

export interface KernelBenchOptions {
  /** Only this instruction set. Default: all of this machine. */
  readonly isa?: string | undefined;
  /**
   * Runs of each kernel, of which the best counts. Default: as many as fit into 60 ms, at least 20.
   */
  readonly repeat?: number | undefined;
}

/**
 * Measures everything; takes some seconds.
 * @throws BitplaneError ERR_ISA where the machine lacks the instruction set asked for
 */
export async function benchKernels({
  isa: asked,
  repeat,
}: KernelBenchOptions = {}): Promise<KernelRow[]> {
  const native = addon();
  const isas = asked === undefined ? supportedIsas() : [resolveIsa(asked)];
  const rows: KernelRow[] = [];
  const fma256 = native.isas.avx2 === true ? native.bound('fma', 'avx2') : undefined;
  for (const isa of isas) {
    const popcount = native.bound('popcount', isa);
    const fma = native.bound('fma', isa);
    for (const workload of workloads()) {
      const { kernel, ns } = await measure(workload, isa, repeat);
      const bytes = Object.values(workload.buffers).reduce((sum, buffer) => sum + buffer.bytes, 0);
      const bound = {
        popcount,
        fma,
        stream: workload.bound === 'stream' ? native.bound('stream', String(bytes)) : 0,
      }[workload.bound];
      const rate = workload.work / (ns * 1e-9);
      rows.push({
        kernel,
        isa,
        shape: workload.shape,
        unit: workload.bound === 'stream' ? 'B' : 'MAC',
        rate,
        bound,
        share: rate / bound,
        ...(workload.bound === 'popcount' && fma256 !== undefined
          ? { timesFma256: rate / fma256 }
          : {}),
      });
    }
  }
  return rows;
}

async function measure(
  workload: Workload,
  isa: string,
  repeat: number | undefined,
): Promise<{ readonly kernel: string; readonly ns: number }> {
  const { program, feeds } = assemble(workload, isa);
  let best = Number.POSITIVE_INFINITY;
  const until = performance.now() + MIN_MS;
  for (
    let i = 0;
    repeat === undefined ? i < MIN_RUNS || performance.now() < until : i < repeat;
    i++
  ) {
    let ticket = 0;
    await new Promise<void>((resolve) => {
      ticket = launch(program, feeds, true, 0, () => resolve());
    });
    const times = program.finish(ticket, null);
    best = Math.min(best, times?.[0] ?? best);
  }
  const kernel = program.kernels[0] ?? workload.opcode;
  program.release();
  return { kernel, ns: best };
}

function assemble(
  workload: Workload,
  isa: string,
): { readonly program: NativeProgram; readonly feeds: Uint8Array[] } {
  const native = addon();
  const asm = new Assembler(native);
  const pool = new ConstantPool();
  const numbers: Record<string, number> = {};
  const inputs: number[] = [];
  const feeds: Uint8Array[] = [];
  let arenaBytes = 0;
  for (const [name, { kind, bytes }] of Object.entries(workload.buffers)) {
    if (kind === 'weights' || kind === 'constant') {
      const constant = pool.add([], name, () => pattern(bytes));
      numbers[name] =
        kind === 'weights' ? asm.weights(constant, bytes) : asm.constant(constant, bytes);
      continue;
    }
    numbers[name] = asm.arena(arenaBytes, bytes);
    arenaBytes += Math.ceil((bytes + 64) / 64) * 64;
    if (kind === 'in') {
      inputs.push(numbers[name]);
      feeds.push(pattern(bytes));
    }
  }
  const epilogue = (workload.epilogue ?? []).map(({ operand, ...step }) =>
    operand === undefined ? step : { ...step, buffer: numbers[operand] as number },
  );
  const { x = -1, y = -1, weights = -1, thresholds = -1 } = numbers;
  asm.emit(workload.opcode, { ...workload.fields, x, y, weights, thresholds }, epilogue);
  pool.settle(Infinity);
  const { code, buffers } = asm.finish();
  return {
    program: new native.Program(
      new native.Constants(pool.constants),
      code,
      buffers,
      { arenaBytes, isa, threads: 1 },
      inputs,
      [],
    ),
    feeds,
  };
}

/**
 * Bytes that read as small floats, as integers and as bits alike: 0x3f or 0xbf on top of each word.
 */
function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) =>
    i % 4 === 3 ? (i % 8 === 3 ? 0x3e : 0xbe) : (i * 89 + (i >> 7) * 31) & 0xff,
  );
}
