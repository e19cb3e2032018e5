/**
 * The public shapes of inference. Not here: how a run happens.
 */
import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';

export type Isa = 'scalar' | 'avx2' | 'avx512' | 'neon';

export interface SessionOptions {
  /** Threads that one run may use, 1 to 64. Default: the number of cores. */
  readonly threads?: number;
  /** Forces an instruction set; BITPLANE_ISA does the same for the process. Default: the best this machine has. */
  readonly isa?: Isa;
  /** Stops loading. */
  readonly signal?: AbortSignal;
  /** False keeps every op as written (no binarization, folding or fusion): the float network, for comparison. Default true. */
  readonly optimize?: boolean;
  /**
   * What ONNX `Sign` may be taken for. 'exact' (default): its sign(0) is 0, so it becomes a bit only where zero is proved impossible. 'plus': the
   * caller's word that +1 will do for 0, so every Sign is a bit.
   */
  readonly signZero?: 'exact' | 'plus';
}

export interface RunOptions {
  /** Stops the run between two layers; run() rejects with ERR_ABORTED. */
  readonly signal?: AbortSignal;
}

/** An input or output of a model. */
export interface TensorMetadata {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** One layer of a profile. */
export interface LayerProfile {
  /** Name of the graph node whose result the instruction writes. */
  readonly name: string;
  readonly op: string;
  readonly kernel: string;
  /** Median over the profiled runs. */
  readonly us: number;
  readonly macs: { readonly binary: number; readonly integer: number; readonly float: number };
}
