/**
 * A few integers of up to 16 bits in their places, times a scale of each output, as a layer adds
 * them to its weights of few bits (./quantized-weights.ts):
 *
 *   few = placed * scale        placed: constants alone, whole numbers, nearly all of them 0
 *
 * The graph may compute `placed` in any way; its numbers decide. Not here: which weights are so few
 * (src/quant/formats/outlier.ts).
 */
import { elementCount, sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { Tensor } from '../tensor/tensor.js';
import { isConstantExpression } from './constants.js';
import { canEvaluate, evaluate } from './evaluate.js';
import { scalesOf } from './weight-scales.js';

export interface FewWeights {
  /**
   * i32 [outputs + 1], where each output's entries begin and end; then these: the place within the
   * output in the upper 16 bits, ascending, and the integer in the lower.
   */
  readonly table: Tensor<'i32'>;
  /** [outputs] */
  readonly scales: Tensor<'f32'>;
  /** The most that the magnitudes of an output's integers add up to. */
  readonly most: number;
  /** The floats that are computed from constants. */
  readonly floats: readonly Value[];
}

/** What computes places is a dozen ops over some numbers a block. */
const MOST_NODES = 32;
const ROOM = { share: 4, least: 1024 };
/** More of all weights than this are no few: an entry takes as much as a float. */
const MOST_SHARE = 1 / 4;
const MOST_PLACES = 2 ** 16;
const MOST_INTEGER = 2 ** 15 - 1;

export function fewWeights(value: Value): FewWeights | undefined {
  if (!isOp(value, 'mul') || !isConstantExpression(value)) return undefined;
  const at = value.inputs.findIndex((input) => sameShape(input.shape, value.shape));
  const [placed, scale] = [value.inputs[at], value.inputs[1 - at]];
  const own = placed && scale && scalesOf(value, scale);
  if (own === undefined) return undefined;
  const nodes = nodesOf(placed!, elementCount(value.shape));
  const made = nodes && madeOnce(nodes, placed!, own);
  return made && { ...made, floats: [...nodes!, value] };
}

/** The computed values of an expression, inputs first; undefined where they are too many. */
function nodesOf(value: Value, size: number): readonly Value[] | undefined {
  const nodes = new Set<Value>();
  const visit = (node: Value): boolean => {
    if (node.op === 'constant' || nodes.has(node)) return true;
    const fits = elementCount(node.shape) <= ROOM.least + ROOM.share * size;
    if (!fits || !canEvaluate(node.op) || nodes.size >= MOST_NODES) return false;
    if (!node.inputs.every(visit)) return false;
    nodes.add(node);
    return nodes.size <= MOST_NODES;
  };
  return visit(value) ? [...nodes] : undefined;
}

type Made = Pick<FewWeights, 'table' | 'scales' | 'most'>;

/**
 * By the tensors that it is made of: every size of a batch has an expression of its own over the
 * same tensors, and native constants are found by tensor.
 */
const known = new WeakMap<Tensor, { of: readonly unknown[]; made: Made | undefined }[]>();

function madeOnce(nodes: readonly Value[], placed: Value, scale: Float32Array): Made | undefined {
  const parts = nodes.flatMap(({ op, attrs, inputs }) => [
    `${op} ${JSON.stringify(attrs)}`,
    ...inputs.map((input) => input.data ?? nodes.indexOf(input)),
  ]);
  const of = [...parts, placed.data, scale];
  const key = of.find((part) => part instanceof Tensor) as Tensor | undefined;
  if (key === undefined) return undefined;
  const all = known.get(key) ?? [];
  const same = all.find(
    (one) => one.of.length === of.length && one.of.every((p, i) => p === of[i]),
  );
  if (same !== undefined) return same.made;
  const made = encode(numbersOf(nodes, placed), scale);
  all.push({ of, made });
  known.set(key, all);
  return made;
}

function numbersOf(nodes: readonly Value[], placed: Value): Tensor {
  const tensors = new Map<Value, Tensor>();
  const of = (value: Value) => (tensors.get(value) ?? value.data) as Tensor;
  for (const node of nodes)
    tensors.set(node, evaluate(node.op, node.inputs.map(of), node.attrs, node));
  return of(placed);
}

function encode(placed: Tensor, scale: Float32Array): Made | undefined {
  const outputs = placed.shape[0] as number;
  const each = placed.size / outputs;
  if (!(each <= MOST_PLACES)) return undefined;
  const starts = [0];
  const entries: number[] = [];
  let [sum, most] = [0, 0];
  for (const [i, number] of placed.data.entries()) {
    if (number !== 0) {
      if (!Number.isInteger(number) || Math.abs(number) > MOST_INTEGER) return undefined;
      if (entries.length >= MOST_SHARE * placed.size) return undefined;
      sum += Math.abs(number);
      entries.push(((i % each) << 16) | (number & 0xffff));
    }
    if ((i + 1) % each !== 0) continue;
    starts.push(entries.length);
    most = Math.max(most, sum);
    sum = 0;
  }
  const table = Int32Array.from(starts.concat(entries));
  return {
    most,
    table: new Tensor('i32', table, [table.length]),
    scales: new Tensor(
      'f32',
      Float32Array.from({ length: outputs }, (_, o) => scale[scale.length === 1 ? 0 : o]!),
      [outputs],
    ),
  };
}
