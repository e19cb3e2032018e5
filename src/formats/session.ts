/**
 * The public Session: a GraphSession that can open files. Not here: the formats, the running.
 */
import type { Graph } from '../graph/value.js';
import { GraphSession } from '../runtime/session.js';
import type { SessionOptions } from '../runtime/session-types.js';
import { loadModel } from './model.js';

/**
 * Runs a model.
 *
 *     const session = await Session.create('model.onnx');
 *     const { logits } = await session.run({ image });
 */
export class Session<G extends Graph = Graph> extends GraphSession<G> {
  /**
   * Opens an ONNX, QONNX or bitplane safetensors model from a path or from bytes.
   * @throws BitplaneError ERR_IO, ERR_FORMAT, ERR_UNSUPPORTED_OP, ERR_ARGUMENT, ERR_ISA, ERR_NATIVE, ERR_ABORTED
   */
  static async create(model: string | URL | Uint8Array | ArrayBuffer, options: SessionOptions = {}): Promise<Session> {
    const graph = await loadModel(model, options.signal === undefined ? {} : { signal: options.signal });
    return new Session(graph, options);
  }

  static override fromGraph<G extends Graph>(graph: G, options: SessionOptions = {}): Session<G> {
    return new Session<G>(graph, options);
  }
}
