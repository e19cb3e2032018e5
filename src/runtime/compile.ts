/**
 * From a graph to a native program: bind sizes, schedule, plan memory, lower. Crosses
 * to C++ once. Not here: optimization (src/passes), running (./session.ts).
 */
import { BitplaneError } from '../core/errors.js';
import { type Limits, UNLIMITED } from '../core/limits.js';
import { elementCount } from '../core/shape.js';
import type { Pausing } from '../core/turns.js';
import { type Graph, outputsOf, type Value } from '../graph/value.js';
import {
  addon,
  type NativeAddon,
  type NativeConstants,
  type NativeProgram,
} from '../native/addon.js';
import { opDef } from '../ops/index.js';
import type { Macs } from '../ops/op.js';
import { binding } from '../passes/bind.js';
import type { Call, KernelCall, Scratch } from '../schedule/calls.js';
import { scheduling } from '../schedule/index.js';
import { planningMemory } from '../schedule/memory-plan.js';
import { Assembler } from './assembler.js';
import { ConstantPool } from './constant-pool.js';
import { memoryLeft, requireRoom, requireScratch } from './limits.js';
import { LoweringContext } from './lower/context.js';
import { layerOf, lower } from './lower/index.js';
import { lowerCopy } from './lower/strided-copy.js';
import { lowerStrips } from './lower/strips.js';
import type { LowBit } from './session-types.js';
import type { StateMemory } from './state-memory.js';

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
  /** How sums of low-bit products are formed; 'auto' unless given. */
  readonly lowBit?: LowBit;
}

/** Weights of so many bytes are packed in a turn of their own. */
const PACKED_ALONE = 2 ** 15;

/** The constants of a session in native memory, grown as programs ask for more. */
export class SessionConstants {
  private readonly pool = new ConstantPool();
  private native: { readonly constants: NativeConstants; readonly count: number } | undefined;

  /** Pauses after each layer, and after the weights of each are packed. */
  *compiling(
    graph: Graph,
    sizes: Readonly<Record<string, number>>,
    target: Target,
    limits: Limits = UNLIMITED,
    states?: StateMemory,
  ): Pausing<Program> {
    const bound = yield* binding(graph, sizes);
    yield;
    const { calls, outputs: results, homes, commit } = yield* scheduling(bound, target.threads);
    yield;
    const outputs = outputsOf(bound).map(([, value]) => value);
    // A lowering may ask a kernel about sizes; those that no run can have are refused before.
    const memories = [...bound.inputs, ...calls.flatMap(({ stores }) => stores)];
    requireRoom(memories, limits);
    const asm = new Assembler(addon());
    const stateNumber = (state: Value) => requireStates(states, state).numberOf(state.name);
    const { lowBit: _, ...machine } = target;
    const setting = { ...target, homes, stateNumber };
    this.pool.forget(); // what a program asked for that failed
    const context = new LoweringContext(asm, this.pool, setting);
    const labels: Label[] = [];
    const label = (what: Label) => {
      while (labels.length < asm.length) labels.push(what);
    };
    const during = new Map<Call, readonly Scratch[]>();
    let committing: number | undefined;
    for (const call of calls) {
      if (call === commit) committing = asm.length;
      if (call.stores.every((memory) => elementCount(memory.shape) === 0)) continue;
      lowerCall(call, context, label);
      if (context.demands.length > 0) during.set(call, context.demands.splice(0));
      yield;
    }
    const inputIds = bound.inputs.map((value) => context.buffer(value));
    const outputIds = results.map((memory) => context.buffer(memory));
    yield;
    const demands = { kept: results, during, homes };
    const { places, arenaBytes } = yield* planningMemory(bound, calls, demands);
    yield;
    context.place(places);
    const held = this.pool.bytes + (states?.bytes ?? 0);
    const demand = { arenaBytes, values: places.keys(), outputs, constantBytes: held };
    this.pool.settle(memoryLeft(demand, limits) - (states?.bytes ?? 0));
    const { code, buffers } = asm.finish();
    const constants = this.load();
    const run = { arenaBytes, ...machine, states: states?.native, commit: committing };
    yield;
    try {
      for (const { from, to, constants: packed } of asm.packing(PACKED_ALONE)) {
        yield* fetching(constants, packed);
        packWeights(constants, code.subarray(from, to), buffers, run);
        yield;
      }
      const native = new (addon().Program)(constants, code, buffers, run, inputIds, outputIds);
      const { contextBytes, tableBytes } = native;
      // Nothing of it is allocated before the first run.
      requireScratch(contextBytes - arenaBytes, limits);
      const codeBytes =
        code.byteLength + buffers.byteLength + tableBytes + asm.length * INSTRUCTION_BYTES;
      return { native, labels, inputs: bound.inputs, outputs, arenaBytes, contextBytes, codeBytes };
    } catch (error) {
      if (error instanceof BitplaneError) throw error; // weights that could not be read
      throw refused(error, labels);
    }
  }

  /** Bytes of all constants, as limits count them. */
  get bytes(): number {
    return this.pool.bytes;
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

/** Fetches constants; pauses after each part. What cannot be read the whole program says. */
function* fetching(constants: NativeConstants, numbers: readonly number[]): Pausing<void> {
  try {
    for (const number of numbers) while (!constants.fetch(number)) yield;
  } catch {}
}

/**
 * Packs the weights of one instruction ahead, so that the whole program finds them packed. What is
 * wrong with them the whole program says, which knows the layer.
 */
function packWeights(
  constants: NativeConstants,
  code: Int32Array,
  buffers: Float64Array,
  run: ConstructorParameters<NativeAddon['Program']>[3],
): void {
  try {
    new (addon().Program)(constants, code, buffers, run, [], []).release();
  } catch {}
}

function requireStates(states: StateMemory | undefined, { name }: Value): StateMemory {
  if (states === undefined)
    throw new BitplaneError('ERR_NATIVE', 'no memory was given for it', {
      op: 'state',
      node: name,
    });
  return states;
}

/** What the addon said of a program; a sentence about an instruction names its layer. */
function refused(cause: unknown, labels: readonly Label[]): BitplaneError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const [, instruction] = /^instruction (\d+)\b/.exec(reason) ?? [];
  const layer = labels[Number(instruction)];
  return new BitplaneError('ERR_NATIVE', `the program could not be built: ${reason}`, {
    op: layer?.op,
    node: layer?.name,
    cause,
  });
}

const NO_MACS: Macs = { binary: 0, integer: 0, float: 0 };

/** Lowers a call, and says after each of its layers what its instructions count to. */
function lowerCall(call: Call, context: LoweringContext, label: (what: Label) => void): void {
  switch (call.kind) {
    case 'kernel':
      lower(call, context);
      label(labelOf(call));
      break;
    case 'strips': {
      const own = new Map(call.parts.map(({ on }) => [on, labelOf(on)]));
      lowerStrips(call, context, ({ on }) => label(own.get(on) as Label));
      break;
    }
    case 'copy':
      lowerCopy(call.from, call.to, context);
      label({ name: call.to.name, op: 'copy', macs: NO_MACS });
  }
}

function labelOf(call: KernelCall): Label {
  const { anchor, map } = call;
  const named = layerOf(call);
  const macs = map ? NO_MACS : (opDef(anchor.op).macs?.(anchor) ?? NO_MACS);
  return { name: named.name, op: named.op, macs };
}
