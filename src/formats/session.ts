/**
 * The public Session: a GraphSession that can open files. Not here: the formats, the running.
 */
import { requireOptions, requireSignal } from '../core/checks.js';
import { inTurns } from '../core/turns.js';
import { isOpen } from '../graph/open.js';
import type { Graph } from '../graph/value.js';
import { fixShapes } from '../passes/fix-shapes.js';
import { limitsOf } from '../runtime/limits.js';
import { PackedWeights } from '../runtime/packed-weights.js';
import { GraphSession } from '../runtime/session.js';
import { requireGoing, sessionSettings } from '../runtime/session-settings.js';
import {
  SESSION_OPTIONS,
  type SessionInfo,
  type SessionOptions,
} from '../runtime/session-types.js';
import { CREATE, isTraced, traced } from '../runtime/tracing.js';
import { requireWarm } from '../runtime/warm.js';
import { LOAD_OPTIONS, type LoadOptions, openModel } from './model.js';
import { type Store, taskGraph, taskNumber } from './store/store.js';

/** Options of a session from a file: those of a session, and those of reading the file. */
export interface CreateOptions extends SessionOptions, Omit<LoadOptions, 'signal'> {}

/** The sessions of the tasks of one store, made when they are first asked for. */
interface Family {
  readonly store: Store;
  readonly options: SessionOptions;
  readonly shapes: LoadOptions['shapes'];
  readonly sessions: Map<string, Session>;
  /** One copy for all tasks. */
  readonly weights: PackedWeights;
  /** Bytes of the store's tensors that are in memory. */
  readonly heldBytes: number;
}

/**
 * Runs a model.
 *
 *     const session = await Session.create('model.onnx');
 *     const { logits } = await session.run({ image });
 *
 * Of a store, the networks of all tasks; runs of several may be in flight at once:
 *
 *     const session = await Session.create('store.safetensors', { task: 'cifar10' });
 *     const { logits } = await session.run({ image }, { task: 'cifar100' });
 */
export class Session<G extends Graph = Graph> extends GraphSession<G> {
  private close: () => Promise<void> = async () => undefined;
  private family: Family | undefined;

  /**
   * Opens an ONNX, QONNX or bitplane safetensors model from a path or from bytes. A safetensors
   * file stays open until the session is released: weights are read from it when they are packed.
   * It may be deleted or replaced by another; once it is written to, reading further weights is an
   * ERR_IO. What `warm` lists is compiled before the promise resolves: by default one image, or
   * the batch that the model declares. The event loop goes on between the turns of all this.
   * @throws BitplaneError ERR_IO, ERR_FORMAT, ERR_LIMIT, ERR_UNSUPPORTED_OP, ERR_ARGUMENT, ERR_ISA,
   * ERR_NATIVE, ERR_ABORTED
   */
  static create(
    model: string | URL | Uint8Array | ArrayBuffer,
    options: CreateOptions = {},
  ): Promise<Session> {
    if (!isTraced(CREATE)) return Session.open(model, options);
    return traced(CREATE, { model: nameOf(model) }, () => Session.open(model, options));
  }

  private static async open(
    model: string | URL | Uint8Array | ArrayBuffer,
    options: CreateOptions,
  ): Promise<Session> {
    requireOptions(options, { ...SESSION_OPTIONS, ...LOAD_OPTIONS }, { op: 'Session' });
    requireWarm(options.warm);
    requireSignal(options.signal, { op: 'Session' });
    // The reader counts the values.
    const { multiThresholdAxis, maxFileBytes, maxNodes, shapes, task, ...more } = options;
    const { signal, maxBytes } = more;
    const loading = { signal, multiThresholdAxis, maxFileBytes, maxNodes, maxBytes, shapes, task };
    const settings = sessionSettings(more);
    const { graph, store, heldBytes = 0, close } = await openModel(model, loading);
    const weights = new PackedWeights();
    let session: Session;
    try {
      const prepared = isOpen(graph)
        ? undefined
        : await inTurns(settings.preparing(graph), () => requireGoing(signal));
      session = new Session(graph, settings, prepared, weights);
    } catch (error) {
      await close();
      throw error;
    }
    session.close = close;
    session.model = nameOf(model);
    if (store !== undefined) {
      const { warm: _, states: __, signal: ___, ...each } = more;
      const sessions = new Map([[task as string, session]]);
      const own = { ...each, ...(maxNodes && { maxNodes }) };
      session.family = { store, options: own, shapes, sessions, weights, heldBytes };
    }
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

  /** The tasks of the store that this session is over; none for other models. */
  get tasks(): readonly string[] {
    return this.family?.store.tasks.map(({ name }) => name) ?? [];
  }

  override get info(): SessionInfo {
    const info = super.info;
    return { ...info, residentBytes: info.packedBytes + (this.family?.heldBytes ?? 0) };
  }

  protected override ofTask(task: string): GraphSession {
    if (this.family === undefined) return super.ofTask(task);
    const { store, options, shapes, sessions, weights } = this.family;
    taskNumber(store, task);
    let session = sessions.get(task);
    if (session === undefined) {
      const graph = taskGraph(store, task, { limits: limitsOf(options, 'Session') });
      const fixed = shapes === undefined ? graph : fixShapes(graph, shapes, { op: 'shapes' });
      session = new Session(fixed, sessionSettings(options), undefined, weights);
      // So that it knows its own name in a run.
      session.family = this.family;
      session.model = this.model;
      sessions.set(task, session);
    }
    return session;
  }

  override async release(): Promise<void> {
    const { sessions = new Map<string, Session>() } = this.family ?? {};
    for (const session of sessions.values())
      if (session !== (this as Session)) await session.releaseAlone();
    await this.releaseAlone();
  }

  private async releaseAlone(): Promise<void> {
    await super.release();
    await this.close();
  }
}

/** The path of a model; undefined for bytes, and for what is no model. */
function nameOf(model: unknown): string | undefined {
  return typeof model === 'string' || model instanceof URL ? String(model) : undefined;
}
