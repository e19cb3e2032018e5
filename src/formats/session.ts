/**
 * The public Session: a GraphSession that can open files. Not here: the formats, the running.
 */
import { requireOptions, requireSignal } from '../core/checks.js';
import { inTurns } from '../core/turns.js';
import { isOpen } from '../graph/open.js';
import type { Graph } from '../graph/value.js';
import { GraphSession } from '../runtime/session.js';
import { requireGoing, sessionSettings } from '../runtime/session-settings.js';
import { SESSION_OPTIONS, type SessionOptions } from '../runtime/session-types.js';
import { requireWarm } from '../runtime/warm.js';
import { LOAD_OPTIONS, type LoadOptions, openModel } from './model.js';

/** Options of a session from a file: those of a session, and those of reading the file. */
export interface CreateOptions extends SessionOptions, Omit<LoadOptions, 'signal'> {}

/**
 * Runs a model.
 *
 *     const session = await Session.create('model.onnx');
 *     const { logits } = await session.run({ image });
 */
export class Session<G extends Graph = Graph> extends GraphSession<G> {
  private close: () => Promise<void> = async () => undefined;

  /**
   * Opens an ONNX, QONNX or bitplane safetensors model from a path or from bytes. A safetensors
   * file stays open until the session is released: weights are read from it when they are packed.
   * It may be deleted or replaced by another; once it is written to, reading further weights is an
   * ERR_IO. What `warm` lists is compiled before the promise resolves: by default one image, or
   * the batch that the model declares. The event loop goes on between the turns of all this.
   * @throws BitplaneError ERR_IO, ERR_FORMAT, ERR_LIMIT, ERR_UNSUPPORTED_OP, ERR_ARGUMENT, ERR_ISA,
   * ERR_NATIVE, ERR_ABORTED
   */
  static async create(
    model: string | URL | Uint8Array | ArrayBuffer,
    options: CreateOptions = {},
  ): Promise<Session> {
    requireOptions(options, { ...SESSION_OPTIONS, ...LOAD_OPTIONS }, { op: 'Session' });
    requireWarm(options.warm);
    requireSignal(options.signal, { op: 'Session' });
    // The reader counts the values.
    const { multiThresholdAxis, maxFileBytes, maxNodes, shapes, ...more } = options;
    const { signal, maxBytes } = more;
    const loading = { signal, multiThresholdAxis, maxFileBytes, maxNodes, maxBytes, shapes };
    const settings = sessionSettings(more);
    const { graph, close } = await openModel(model, loading);
    let session: Session;
    try {
      const prepared = isOpen(graph)
        ? undefined
        : await inTurns(settings.preparing(graph), () => requireGoing(signal));
      session = new Session(graph, settings, prepared);
    } catch (error) {
      await close();
      throw error;
    }
    session.close = close;
    try {
      await session.compileFirst(options.warm, signal);
      return session;
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  static override fromGraph<G extends Graph>(graph: G, options: SessionOptions = {}): Session<G> {
    return new Session<G>(graph, sessionSettings(options)).warmed(options);
  }

  override async release(): Promise<void> {
    await super.release();
    await this.close();
  }
}
