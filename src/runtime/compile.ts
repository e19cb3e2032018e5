/**
 * From a graph to a native program: bind sizes, fuse, cut into bands, plan memory, lower. Crosses
 * to C++ once. Not here: optimization (src/passes), running (./session.ts).
 */
import { BitplaneError } from '../core/errors.js';
import { type Limits, UNLIMITED } from '../core/limits.js';
import { elementCount } from '../core/shape.js';
import { type Graph, outputsOf, type Value } from '../graph/value.js';
import { addon, type NativeConstants, type NativeProgram } from '../native/addon.js';
import { opDef } from '../ops/index.js';
import type { Macs } from '../ops/op.js';
import { band, isBanded } from '../passes/bands.js';
import { bind } from '../passes/bind.js';
import { fuse, type Kernel } from '../passes/fuse.js';
import { storage } from '../passes/links.js';
import { plan } from '../passes/plan.js';
import { Assembler, ConstantPool } from './assembler.js';
import { memoryLeft } from './limits.js';
import { lowerBands } from './lower/bands.js';
import { LoweringContext } from './lower/context.js';
import { lower } from './lower/index.js';
import { lowerCopy } from './lower/movement.js';

/** What an instruction computes, for profiles: one object for all instructions of a layer. */
export interface Label {
  readonly name: string;
  readonly op: string;
  readonly macs: Macs;
}

/**
 * What an instruction takes as objects, here and there: its label and values in JavaScript, the
 * step in C++. Measured: 1.2 to 2 KB.
 */
const INSTRUCTION_BYTES = 2048;

export interface Program {
  readonly native: NativeProgram;
  readonly labels: readonly Label[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly arenaBytes: number;
  /**
   * Bytes of the memory of one run: the arena, the scratch of every thread, the table of addresses.
   */
  readonly contextBytes: number;
  /** Bytes of the program itself, nearly. */
  readonly codeBytes: number;
}

export interface Target {
  readonly isa: string;
  /** CPU features that are forced off, as the addon takes them; 0 unless given. */
  readonly without?: number;
  readonly threads: number;
}

/** The constants of a session in native memory, grown as programs ask for more. */
export class SessionConstants {
  private readonly pool = new ConstantPool();
  private native: { readonly constants: NativeConstants; readonly count: number } | undefined;

  compile(
    graph: Graph,
    sizes: Readonly<Record<string, number>>,
    target: Target,
    limits: Limits = UNLIMITED,
  ): Program {
    const bound = bind(graph, sizes);
    // Several threads would wait for each other at the end of every band: two take 7% longer for a
    // stem of 112 rows.
    const kernels = target.threads === 1 ? band(fuse(bound), bound) : fuse(bound);
    const outputs = outputsOf(bound).map(([, value]) => value);
    // A result that no kernel writes (an input or a constant handed through) gets memory and a copy
    // of its own.
    const handed = outputs.filter((value) => storage(value).inputs.length === 0);
    const copies = handed.map(
      (value): Kernel => ({
        anchor: copyOf(value),
        map: false,
        chain: [],
        stores: [copyOf(value)],
        reads: readsOf(value),
      }),
    );
    const { places, arenaBytes } = plan(
      bound,
      [...kernels, ...copies],
      copies.flatMap(({ stores }) => stores),
    );
    this.pool.most = memoryLeft(
      { arenaBytes, values: places.keys(), outputs, constantBytes: this.pool.bytes },
      limits,
    );
    const asm = new Assembler(addon());
    const context = new LoweringContext(asm, this.pool, { places, arenaBytes });
    const labels: Label[] = [];
    const label = (what: Label) => {
      while (labels.length < asm.length) labels.push(what);
    };
    for (const kernel of kernels) {
      if (kernel.stores.every((value) => elementCount(value.shape) === 0)) continue;
      if (isBanded(kernel)) {
        const own = new Map(kernel.parts.map(({ on }) => [on, labelOf(on)]));
        lowerBands(kernel, context, ({ on }) => label(own.get(on) as Label));
      } else {
        lower(kernel, context);
        label(labelOf(kernel));
      }
    }
    handed.forEach((value, i) => {
      if (elementCount(value.shape) === 0) return;
      lowerCopy(value, (copies[i] as Kernel).anchor, context);
      label({ name: value.name, op: 'copy', macs: NO_MACS });
    });
    const inputIds = bound.inputs.map((value) => context.buffer(value));
    const copied = new Map(handed.map((value, i) => [value, (copies[i] as Kernel).anchor]));
    const outputIds = outputs.map((value) => context.buffer(copied.get(value) ?? value));
    const { code, buffers } = asm.finish();
    try {
      const native = new (addon().Program)(
        this.load(),
        code,
        buffers,
        { arenaBytes, ...target },
        inputIds,
        outputIds,
      );
      const { contextBytes, tableBytes } = native;
      const codeBytes =
        code.byteLength + buffers.byteLength + tableBytes + asm.length * INSTRUCTION_BYTES;
      return { native, labels, inputs: bound.inputs, outputs, arenaBytes, contextBytes, codeBytes };
    } catch (error) {
      if (error instanceof BitplaneError) throw error; // weights that could not be read
      throw new BitplaneError(
        'ERR_NATIVE',
        `the program could not be built: ${error instanceof Error ? error.message : String(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  /** Bytes of packed weights. */
  get packedBytes(): number {
    return this.native?.constants.packedBytes ?? 0;
  }

  /** Frees what no program holds any more. */
  release(): void {
    this.native?.constants.release();
  }

  private load(): NativeConstants {
    const { constants } = this.pool;
    if (this.native === undefined)
      this.native = { constants: new (addon().Constants)(constants), count: constants.length };
    else if (this.native.count < constants.length) {
      this.native.constants.extend(constants.slice(this.native.count));
      this.native = { constants: this.native.constants, count: constants.length };
    }
    return this.native.constants;
  }
}

const NO_MACS: Macs = { binary: 0, integer: 0, float: 0 };

function labelOf(kernel: Kernel): Label {
  const { anchor } = kernel;
  const named = kernel.map
    ? (kernel.chain.findLast((link) => link.kind !== 'store')?.value ?? anchor)
    : anchor;
  return { name: named.name, op: named.op, macs: macsOf(kernel) };
}

function macsOf(kernel: Kernel): Macs {
  return kernel.map ? NO_MACS : (opDef(kernel.anchor.op).macs?.(kernel.anchor) ?? NO_MACS);
}

const copiesMade = new WeakMap<Value, Value>();

function copyOf(value: Value): Value {
  let copy = copiesMade.get(value);
  if (copy === undefined) {
    copy = Object.freeze({ ...value, op: 'copy', name: `${value.name}.copy`, inputs: [value] });
    copiesMade.set(value, copy);
  }
  return copy;
}

function readsOf(value: Value): Value[] {
  return storage(value).data === undefined ? [storage(value)] : [];
}
