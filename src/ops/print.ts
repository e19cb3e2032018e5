/**
 * A graph as text for people, one value a line, each after what it reads:
 *   %conv1: i32[N,14,14,256] = conv2d(%x, %w) {strides:[1,1], pads:[1,1,1,1]}
 * Not here: a format to read back (src/formats).
 */
import { byteLength, DTYPES, type DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import {
  type Attrs,
  type Graph,
  outputsOf,
  requireGraph,
  topological,
  updatesOf,
  type Value,
} from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import { valuesOf } from '../tensor/values.js';

/** Tensors of up to this many elements are written out, larger ones counted. */
const FEW = 8;

/**
 * A graph as text, a line a value in the order of computing: for reading and for tests.
 * @throws BitplaneError ERR_GRAPH for what is no graph
 */
export function print(graph: Graph): string {
  requireGraph(graph);
  const lines = topological(graph).map(
    (value) => `%${value.name}: ${showType(value)} = ${right(value)}`,
  );
  const outputs = outputsOf(graph).map(([name, value]) => `${name}: %${value.name}`);
  const updates = updatesOf(graph).map(([{ name }, next]) => `${name}: %${next.name}`);
  const changes = updates.length === 0 ? [] : [`update {${updates.join(', ')}}`];
  return `${[...lines, `return {${outputs.join(', ')}}`, ...changes].join('\n')}\n`;
}

/** `f32[N,28,28,1]` */
export function showType({
  dtype,
  shape,
}: {
  readonly dtype: DType;
  readonly shape: Shape;
}): string {
  return `${dtype}[${shape.join(',')}]`;
}

function right(value: Value): string {
  if (value.data !== undefined) return `${value.op} ${showTensor(value.data)}`;
  if (value.op === 'input') return 'input';
  const operands = value.inputs.map((input) => `%${input.name}`).join(', ');
  return `${value.op}(${operands})${showAttrs(value.attrs)}`;
}

function showAttrs(attrs: Attrs): string {
  const entries = Object.entries(attrs);
  return entries.length === 0
    ? ''
    : ` {${entries.map(([key, value]) => `${key}:${show(value)}`).join(', ')}}`;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(',')}]`;
  return String(value);
}

function showTensor(tensor: Tensor): string {
  if (tensor.size > FEW)
    return `{${tensor.size} elements, ${byteLength(tensor.dtype, tensor.size)} bytes}`;
  const show = DTYPES[tensor.dtype].array === Float32Array ? shortest : String;
  return `[${Array.from(valuesOf(tensor), (element) => show(element)).join(', ')}]`;
}

/** The fewest digits that still name this float32. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(value);
}
