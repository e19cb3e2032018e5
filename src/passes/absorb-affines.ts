/**
 * Scales and shifts by channel behind a product go into its weights and one bias: y = x * w, then
 * y * s + t becomes x * (w s) + t. So batch norms are gone: w' = w gamma / sqrt(var + epsilon),
 * b' = beta + (b - mean) gamma / sqrt(var + epsilon). Computed in float64 and rounded once, so
 * results differ by rounding from those of the graph before: this is no part of `optimize`. Not
 * here: products whose weights are no float constants; batch norms before a product.
 */
import { sameShape } from '../core/shape.js';
import { type Graph, outputsOf, topological, updatesOf, type Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { constant, make } from '../ops/make.js';
import { Tensor } from '../tensor/tensor.js';
import { perChannel, vector } from './constants.js';
import { rewrite } from './rewrite.js';

/** What follows a product: y * scale + shift, one number an output channel. */
interface Followed {
  readonly product: Value;
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

export function absorbAffines(graph: Graph): Graph {
  const followed = new Map<Value, Followed>();
  const readers = onlyReaders(graph);
  for (const value of topological(graph)) {
    if (!hasFloatWeights(value)) continue;
    const found = follow(value, readers);
    if (found !== undefined) followed.set(found.end, found);
  }
  if (followed.size === 0) return graph;
  return rewrite(graph, (value, site) => {
    const plan = followed.get(site.original);
    if (plan === undefined) return undefined;
    const { product, scale, shift } = plan;
    const x = site.rebuilt(product.inputs[0] as Value);
    const w = product.inputs[1] as Value;
    const y = make(product.op, product.name, [x, scaledRows(w, scale)], product.attrs);
    return shift.every((number) => number === 0)
      ? y
      : make('add', value.name, [y, vector(`${product.name}.bias`, Float32Array.from(shift))], {});
  });
}

/** True for a product of floats whose weights are numbers. */
export function hasFloatWeights(value: Value): boolean {
  if (!isOp(value, 'conv2d') && !isOp(value, 'dense')) return false;
  const [x, w] = value.inputs as readonly [Value, Value];
  return x.dtype === 'f32' && w.op === 'constant' && w.dtype === 'f32';
}

/** The one node that reads a value, for values that nothing else reads. */
export function onlyReaders(graph: Graph): ReadonlyMap<Value, Value> {
  const readers = new Map<Value, Value | undefined>();
  const read = (value: Value, reader: Value | undefined) =>
    readers.set(value, readers.has(value) ? undefined : reader);
  for (const value of topological(graph)) for (const input of value.inputs) read(input, value);
  for (const [, value] of [...outputsOf(graph), ...updatesOf(graph)]) read(value, undefined);
  return new Map([...readers].filter((entry): entry is [Value, Value] => entry[1] !== undefined));
}

function follow(
  product: Value,
  readers: ReadonlyMap<Value, Value>,
): (Followed & { readonly end: Value }) | undefined {
  const channels = product.inputs[1]!.shape[0] as number;
  const scale = new Float64Array(channels).fill(1);
  const shift = new Float64Array(channels);
  let end = product;
  let steps = 0;
  for (let next = readers.get(end); next !== undefined; next = readers.get(end)) {
    if (!sameShape(next.shape, product.shape) || !apply(next, end, scale, shift)) break;
    end = next;
    steps++;
  }
  const isBias = steps === 1 && scale.every((number) => number === 1);
  const finite = scale.every(Number.isFinite) && shift.every(Number.isFinite);
  return steps === 0 || isBias || !finite ? undefined : { product, scale, shift, end };
}

/** Continues scale and shift by one node; false where the node is no affine of `flowing`. */
function apply(node: Value, flowing: Value, scale: Float64Array, shift: Float64Array): boolean {
  if (!isOp(node, 'add') && !isOp(node, 'sub') && !isOp(node, 'mul') && !isOp(node, 'div'))
    return false;
  const [a, b] = node.inputs as readonly [Value, Value];
  const left = a === flowing;
  const numbers = perChannel(left ? b : a, node.shape);
  if (numbers === undefined || (!left && node.op === 'div')) return false;
  if (numbers.length !== 1 && numbers.length !== scale.length) return false;
  for (let o = 0; o < scale.length; o++) {
    const number = numbers[numbers.length === 1 ? 0 : o] as number;
    if (node.op === 'mul' || node.op === 'div') {
      const factor = node.op === 'mul' ? number : 1 / number;
      scale[o]! *= factor;
      shift[o]! *= factor;
    } else if (node.op === 'sub' && !left) {
      scale[o] = -scale[o]!;
      shift[o] = number - shift[o]!;
    } else shift[o]! += node.op === 'add' ? number : -number;
  }
  return true;
}

function scaledRows(w: Value, scale: Float64Array): Value {
  const { data, shape } = w.data as Tensor<'f32'>;
  const each = data.length / scale.length;
  const scaled = data.map((number, i) => number * scale[Math.floor(i / each)]!);
  return constant(w.name, new Tensor('f32', scaled, shape));
}
