/**
 * Which kernel computes each layer of a model on this machine, for `bitplane inspect`, which also
 * prints models that nothing here can run.
 */
import { BitplaneError } from '../core/errors.js';
import { Session } from '../formats/session.js';
import type { Graph } from '../graph/value.js';
import { type SessionFlags, toSessionOptions } from './options.js';

export interface LayerKernels {
  /** The name of a kernel by that of the layer that it computes. */
  readonly byLayer: ReadonlyMap<string, string>;
  /** Why there are none. */
  readonly problem?: string;
}

export async function layerKernels(graph: Graph, flags: SessionFlags): Promise<LayerKernels> {
  try {
    const session = Session.fromGraph(graph, { ...toSessionOptions(flags), threads: 1 });
    try {
      return { byLayer: new Map(session.kernels().map(({ name, kernel }) => [name, kernel])) };
    } finally {
      await session.release();
    }
  } catch (error) {
    // What a command line asks for and this machine lacks is the caller's error, as elsewhere.
    if (!(error instanceof BitplaneError) || error.code === 'ERR_ISA') throw error;
    return { byLayer: new Map(), problem: `no kernels are shown: ${error.message}` };
  }
}
