/**
 * The graph that a session runs. That of an open model is made anew for all sizes of its symbols,
 * and prepared as any other: constants that come out the same as before are those from before, so
 * that weights are in memory, and packed, once for all sizes. Not here: programs (./programs.ts).
 */
import { BitplaneError, continued } from '../core/errors.js';
import type { Sizes } from '../core/shape.js';
import { atOnce, type Pausing } from '../core/turns.js';
import { isOpen, type OpenGraph } from '../graph/open.js';
import type { Graph, Value } from '../graph/value.js';
import { constant } from '../ops/make.js';
import { rewriting } from '../passes/rewrite.js';
import { type ByteSource, sameSource, sourceOf } from '../tensor/stored.js';
import type { Tensor } from '../tensor/tensor.js';

export class SessionGraph {
  /** Inputs and outputs as users see them; for a graph that is not open, what runs. */
  readonly face: Graph;
  private readonly open: OpenGraph | undefined;
  private readonly prepare: (graph: Graph) => Pausing<Graph>;
  /** Constants by what they have in common before their elements are compared. */
  private readonly known = new Map<string, Tensor[]>();

  /**
   * @param prepare a graph from a model to the one that is compiled
   * @param prepared what that makes of the graph, where it is known
   */
  constructor(graph: Graph, prepare: (graph: Graph) => Pausing<Graph>, prepared?: Graph) {
    this.prepare = prepare;
    this.open = isOpen(graph) ? graph : undefined;
    this.face = this.open ?? prepared ?? atOnce(prepare(graph));
  }

  /** True where each combination of sizes has a graph of its own. */
  get isOpen(): boolean {
    return this.open !== undefined;
  }

  /**
   * The graph that runs; pauses while it is made.
   * @throws BitplaneError naming the node that cannot have these sizes
   */
  *at(sizes: Sizes): Pausing<Graph> {
    if (this.open === undefined) return this.face;
    const graph = yield* this.prepare(yield* this.ofSizes(this.open, sizes));
    return yield* rewriting(graph, (value) =>
      value.op === 'constant' ? this.shared(value) : undefined,
    );
  }

  private *ofSizes({ open }: OpenGraph, sizes: Sizes): Pausing<Graph> {
    try {
      return yield* open.forSizes(sizes);
    } catch (error) {
      if (!(error instanceof BitplaneError)) throw error;
      const given = Object.entries(sizes).map(([symbol, size]) => `${symbol} = ${size}`);
      throw continued(error, ` (with ${given.join(', ')})`);
    }
  }

  /** Constants of later graphs are their own again. */
  forget(): void {
    this.known.clear();
  }

  private shared(value: Value): Value | undefined {
    const tensor = value.data as Tensor;
    const source = sourceOf(tensor);
    const sample = source === undefined ? sampleOf(tensor) : 'elsewhere';
    const key = `${tensor.dtype} ${tensor.shape} ${sample}`;
    const alike = this.known.get(key);
    const before = alike?.find((other) =>
      source === undefined
        ? bytesOf(other).equals(bytesOf(tensor))
        : sameSource(sourceOf(other) as ByteSource, source),
    );
    if (before !== undefined) return before === tensor ? undefined : constant(value.name, before);
    if (alike === undefined) this.known.set(key, [tensor]);
    else if (source !== undefined || alike.length < MOST_ALIKE) alike.push(tensor);
    return undefined;
  }
}

const SAMPLES = 16;
/** So that the number of constants decides how long comparing takes, whatever they are. */
const MOST_ALIKE = 8;

/** Some bytes of a tensor, which mostly tell it from others of its shape. */
function sampleOf(tensor: Tensor): string {
  const bytes = bytesOf(tensor);
  const step = Math.max(1, Math.floor(bytes.length / SAMPLES));
  const picked = Buffer.alloc(Math.min(SAMPLES, bytes.length));
  for (let i = 0; i < picked.length; i++) picked[i] = bytes[i * step] as number;
  return picked.toString('hex');
}

function bytesOf({ data }: Tensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
