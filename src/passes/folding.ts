/**
 * The folding of one node over constants, and how much of it one graph may ask for: a file of a few
 * bytes can name a computation without end. What is over the budget stays a node, and is computed
 * when the graph runs. Not here: which nodes get folded (./fold.ts).
 */
import { byteLength, isByteInteger } from '../core/dtype.js';
import { Budget } from '../core/limits.js';
import { elementCount } from '../core/shape.js';
import type { Attrs, Graph, Value } from '../graph/value.js';
import { constant, make } from '../ops/make.js';
import type { Tensor } from '../tensor/tensor.js';
import { storedElements } from './constants.js';
import { canEvaluate, evaluate, workOf } from './evaluate.js';

/**
 * A folded constant may be this many elements larger than what it was made from; `expand` of a
 * scalar must not fill a file.
 */
const MAX_GROWTH = 1 << 16;
/**
 * Work is counted in elements touched, at some 10 ns each. One node may take so many, and so many
 * for each element that it reads; all nodes together likewise, for each element of the graph's
 * constants: what converted models fold, transposes of their weights, takes 2 to 5.
 */
const NODE_WORK = { least: 1 << 20, share: 8 };
const GRAPH_WORK = { least: 1 << 22, share: 16 };

export class Folding {
  private work: number;
  private readonly bytes: Budget;
  private bytesLeft: number;

  /** @param maxBytes of all constants that are made */
  constructor(graph: Graph, maxBytes = Infinity) {
    this.work = GRAPH_WORK.least + GRAPH_WORK.share * storedElements(graph);
    this.bytes = new Budget(maxBytes, 'what is computed from constants');
    this.bytesLeft = maxBytes;
  }

  /** `make`, computed at once where every input is a constant. */
  fold(op: string, name: string, inputs: readonly Value[], attrs: Attrs): Value {
    const node = make(op, name, inputs, attrs);
    return this.foldNode(node) ?? node;
  }

  /** The constant that a node over constants computes; undefined where it must stay a node. */
  foldNode(node: Value): Value | undefined {
    if (node.inputs.length === 0 || !node.inputs.every((input) => input.op === 'constant'))
      return undefined;
    // Weights stay n bits: the cast is what a layer of bits or integers is recognised by.
    if (isHeldSmall(node)) return undefined;
    if (!canEvaluate(node.op) || node.shape.some((dim) => typeof dim !== 'number'))
      return undefined;
    const before = node.inputs.reduce((sum, input) => sum + elementCount(input.shape), 0);
    const count = elementCount(node.shape);
    const work = workOf(node);
    const bytes = byteLength(node.dtype, count);
    if (count > before + MAX_GROWTH || work > NODE_WORK.least + NODE_WORK.share * before)
      return undefined;
    if (work > this.work || bytes > this.bytesLeft) return undefined;
    this.work -= work;
    return this.computed(node, bytes);
  }

  /**
   * The numbers of a cast of weights, which whoever reads them needs. @throws BitplaneError
   * ERR_LIMIT
   */
  materialize(cast: Value): Value {
    return this.computed(cast, byteLength(cast.dtype, elementCount(cast.shape)));
  }

  private computed(node: Value, bytes: number): Value {
    // A reshape shares the elements of its operand.
    if (node.op !== 'reshape') {
      this.bytes.take(bytes, { op: node.op, node: node.name });
      this.bytesLeft -= bytes;
    }
    const inputs = node.inputs.map((input) => input.data as Tensor);
    return constant(node.name, evaluate(node.op, inputs, node.attrs, node));
  }
}

/** True for the cast to floats of bits or of integers that take a byte at most. */
export function isHeldSmall({ op, dtype, inputs: [held] }: Value): boolean {
  if (op !== 'cast' || dtype !== 'f32') return false;
  return held!.dtype === 'b1' || isByteInteger(held!.dtype);
}
