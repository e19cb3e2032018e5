/**
 * Every kernel variant of this machine on shapes that matter, against the bound measured in the
 * same process: the popcount or multiply-add loop on registers, or a copy of as many bytes. Times
 * are those of the instruction alone, on one worker thread, the best of many. Not here: the shapes
 * (./kernel-workloads.ts), whole models (`bitplane bench MODEL`).
 */
import { addon, type Bound, type NativeProgram } from '../native/addon.js';
import { withoutFeatures } from '../native/features.js';
import { resolveIsa, supportedIsas } from '../native/isa.js';
import { Assembler } from './assembler.js';
import { ConstantPool } from './constant-pool.js';
import { type Workload, workloads } from './kernel-workloads.js';
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
  /** What one core could do at best, with products; sums that are looked up may pass it. */
  readonly bound: number;
  /** rate / bound. */
  readonly share: number;
  /** For binary kernels: rate / (256-bit fp32 multiply-add rate), where the machine has AVX2. */
  readonly timesFma256?: number;
}

/** Best of at least this many runs, and of this much time. */
const MIN_RUNS = 20;
const MIN_MS = 60;

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
  const without = withoutFeatures();
  const fma256 = native.isas.avx2 === true ? native.bound('fma', 'avx2', without) : undefined;
  for (const isa of isas) {
    const measured = new Map<Bound, number>();
    const boundOf = ({ bound, buffers }: Workload) => {
      if (bound === 'stream') {
        const bytes = Object.values(buffers).reduce((sum, buffer) => sum + buffer.bytes, 0);
        return native.bound('stream', String(bytes), without);
      }
      const rate = measured.get(bound) ?? native.bound(bound, isa, without);
      measured.set(bound, rate);
      return rate;
    };
    for (const workload of workloads()) {
      const { kernel, ns } = await measure(workload, isa, without, repeat);
      const bound = boundOf(workload);
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
  without: number,
  repeat: number | undefined,
): Promise<{ readonly kernel: string; readonly ns: number }> {
  const { program, feeds } = assemble(workload, isa, without);
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
  without: number,
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
      feeds.push(pattern(bytes, workload.fields.xBits));
    }
  }
  const epilogue = (workload.epilogue ?? []).map(({ operand, ...step }) =>
    operand === undefined ? step : { ...step, buffer: numbers[operand] as number },
  );
  const absent = { x: -1, y: -1, weights: -1, thresholds: -1 };
  asm.emit(workload.opcode, { ...workload.fields, ...absent, ...numbers }, epilogue);
  pool.settle(Infinity);
  const { code, buffers } = asm.finish();
  return {
    program: new native.Program(
      new native.Constants(pool.constants),
      code,
      buffers,
      { arenaBytes, isa, threads: 1, without },
      inputs,
      [],
    ),
    feeds,
  };
}

/**
 * Bytes that read as small floats, as integers and as bits alike: 0x3f or 0xbf on top of each word.
 * Of low-bit integers only the lowest bits.
 */
function pattern(bytes: number, bits = 8): Uint8Array {
  return Uint8Array.from(
    { length: bytes },
    (_, i) =>
      (i % 4 === 3 ? (i % 8 === 3 ? 0x3e : 0xbe) : i * 89 + (i >> 7) * 31) & (2 ** bits - 1),
  );
}
