/**
 * The public shapes of inference. Not here: how a run happens.
 */
import type { OptionNames } from '../core/checks.js';
import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type { LimitOptions } from './limits.js';
import type { ResultMemory } from './result-targets.js';
import type { StateStore } from './state-store.js';

/** Instruction sets that kernels are written for. */
export type Isa = 'scalar' | 'avx2' | 'avx512' | 'neon';

/** How products of low-bit integers are formed: see SessionOptions.lowBit. */
export const LOW_BITS = ['auto', 'planes', 'dot'] as const;
/** How sums of few bits are formed; results are the same to the bit. */
export type LowBit = (typeof LOW_BITS)[number];

/** How a session runs a graph: threads, instruction set, limits, what is compiled ahead. */
export interface SessionOptions extends LimitOptions {
  /**
   * The most threads that one run may use, 1 to 64. Default: the number of cores. Runs shorter
   * than 50 ms get helpers only where runs before them were faster with helpers; how many threads
   * there are changes no bit of a result.
   */
  readonly threads?: number | undefined;
  /**
   * Forces an instruction set; BITPLANE_ISA does the same for the process. Default: the best this
   * machine has.
   */
  readonly isa?: Isa | undefined;
  /**
   * How layers of integer weights of one or two bits and integer activations of up to four form
   * their sums; results are the same to the bit. 'planes': bits of weights look sums of a few
   * products up in a table, where the numbers have one that pays off and every group of input
   * channels divides by 4 or 2; 'dot': the instruction set's products of 8-bit integers; 'auto'
   * (default): what takes fewer vector operations.
   */
  readonly lowBit?: LowBit | undefined;
  /**
   * Stops loading and what `warm` compiles: `create` rejects with ERR_ABORTED, and `fromGraph`,
   * which takes one turn of the event loop, throws it where the signal was aborted before.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * False keeps every op as written (no binarization, folding or fusion): the float network, for
   * comparison. Default true.
   */
  readonly optimize?: boolean | undefined;
  /**
   * What ONNX `Sign` may be taken for. 'exact' (default): its sign(0) is 0, so it becomes a bit
   * only where zero is proved impossible. 'plus': the caller's word that +1 will do for 0, so every
   * Sign is a bit.
   */
  readonly signZero?: 'exact' | 'plus' | undefined;
  /**
   * Bytes that the programs of a session may hold, one for each batch size (sizes of symbols, and
   * outputs asked for) that was run: the memory of its runs and its instructions, not the packed
   * weights, which all share. Beyond, the one unused longest is forgotten. Default 256 MB (2^28).
   */
  readonly programBytes?: number | undefined;
  /**
   * What `session.warm` takes: sizes to compile for before the session is given out; false compiles
   * each when it is first run. Default: of a model from a file its own batch, or one image where
   * that is a symbol, unless it has other symbols too; of a graph built in code none.
   */
  readonly warm?: readonly WarmSizes[] | false | undefined;
  /**
   * Where the states of the graph live: a store that other sessions may share. It must hold every
   * state of the graph, with its dtype and shape. Default: a store of the session's own, which is
   * released with it.
   */
  readonly states?: StateStore | undefined;
}

/**
 * A batch size, for a model with one symbol; or the size of every symbol, by the names of symbols,
 * `{ H: 224 }`, or by shapes of inputs, `{ x: [1, 3, 224, 224] }`.
 */
export type WarmSizes = number | Readonly<Record<string, number | readonly number[]>>;

export const SESSION_OPTIONS: OptionNames<SessionOptions> = {
  maxNodes: true,
  maxBytes: true,
  threads: true,
  isa: true,
  lowBit: true,
  signal: true,
  optimize: true,
  signZero: true,
  programBytes: true,
  warm: true,
  states: true,
};

/**
 * Outputs to compute, and no others: a list of names, or a map from names to null or to memory that
 * receives the result (onnxruntime's fetches): a tensor of the output's dtype and shape, or a typed
 * array with as many elements.
 */
export type Outputs<K extends string = string> =
  | readonly K[]
  | { readonly [N in K]: ResultMemory | null };

/** What one run may say beside its feeds. */
export interface RunOptions<K extends string = string> {
  /**
   * Stops the run between two layers; run() rejects with ERR_ABORTED. One that has not begun gives
   * its memory back at once. A run that has begun to change states is not stopped: it ends, and
   * run() gives its results.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Default: all. Only what these need is computed, and every update of states; all inputs are fed
   * as ever. Where a tensor or a typed array is given for an output, the result is written into it
   * when the run has ended, and only if it gives results; it must not overlap a feed, memory of
   * another output, or memory of a run that has not ended. Where it is lost meanwhile (detached,
   * made smaller) the run is rejected, and its updates of states have happened.
   */
  readonly outputs?: Outputs<K> | undefined;
  /** Of a session over a store: which of its networks runs. Default: that of the session. */
  readonly task?: string | undefined;
}

/** Facts about an open session. */
export interface SessionInfo {
  /** The path of the model's file; undefined for a model from bytes or a graph. */
  readonly model: string | undefined;
  /** In the model's order. */
  readonly inputs: readonly TensorMetadata[];
  /** In the model's order. */
  readonly outputs: readonly TensorMetadata[];
  /** The instruction set of its kernels. */
  readonly isa: string;
  /** The most threads of a run. */
  readonly threads: number;
  /** Bytes of one run's memory, for the batch sizes run so far (largest). */
  readonly arenaBytes: number;
  /** Bytes of packed weights; of a store, of all tasks that have been run or compiled. */
  readonly packedBytes: number;
  /**
   * Bytes of weights in memory: packed ones, and of a store what stays there of its tensors: small
   * ones of single tasks, or all of them where the session reads them from no file.
   */
  readonly residentBytes: number;
  /** How many programs are kept. */
  readonly programs: number;
  /** Bytes that they hold, as `programBytes` counts. */
  readonly heldBytes: number;
  /** The limit of that, as the session was given it. */
  readonly programBytes: number;
}

/** An input or output of a model. */
export interface TensorMetadata {
  /** What feeds or results call it. */
  readonly name: string;
  /** The type of its elements. */
  readonly dtype: DType;
  /** Sizes of its axes; symbols for sizes that a run gives. */
  readonly shape: Shape;
}

/** A layer and the kernel that computes it. */
export interface LayerKernel {
  /** Name of the graph node whose result the kernel writes. */
  readonly name: string;
  /** The op of that node. */
  readonly op: string;
  /** The kernel: op, types, tile and instruction set. */
  readonly kernel: string;
}

/** One layer of a profile. */
export interface LayerProfile {
  /** Name of the graph node whose result the instruction writes. */
  readonly name: string;
  /** The op of that node. */
  readonly op: string;
  /** The kernel: op, types, tile and instruction set. */
  readonly kernel: string;
  /** Median over the profiled runs. */
  readonly us: number;
  /** Multiplications with additions, by their kind. */
  readonly macs: { readonly binary: number; readonly integer: number; readonly float: number };
}
