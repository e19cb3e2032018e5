/**
 * Common subexpressions: values that compute the same thing from the same values become one.
 * Constants meet by content where they are small, else only where they share their data. Dead code
 * needs no pass: a graph is what its outputs reach. Not here: algebra.
 */
import { byteLength } from '../core/dtype.js';
import type { Pausing } from '../core/turns.js';
import type { Graph, Value } from '../graph/value.js';
import { sourceOf } from '../tensor/stored.js';
import type { Tensor } from '../tensor/tensor.js';
import { attrsKey, type Rule, rewriting } from './rewrite.js';

/** Comparing more bytes than this costs more than a copy of the constant does. */
const COMPARED_BYTES = 4096;

/** Pauses between values. */
export function eliminatingCommon(graph: Graph): Pausing<Graph> {
  const ids = new Map<object, number>();
  const id = (object: object): number => {
    if (!ids.has(object)) ids.set(object, ids.size);
    return ids.get(object) as number;
  };
  const key = (value: Value): string | undefined => {
    if (value.op === 'state') return undefined;
    if (value.op !== 'constant')
      return `${value.op}(${value.inputs.map(id).join()}){${attrsKey(value.attrs)}}`;
    const content = contentOf(value.data!) ?? `#${id(elementsOf(value.data!))}`;
    return `${value.dtype}[${value.shape.join()}]${content}`;
  };
  const first = new Map<string, Value>();
  const rule: Rule = (value) => {
    const text = key(value);
    if (text === undefined) return undefined;
    const known = first.get(text);
    if (known === undefined) first.set(text, value);
    return known === value ? undefined : known;
  };
  return rewriting(graph, rule);
}

/** Remembered, as the pass runs several times. */
const contents = new WeakMap<Tensor, string>();

/** The bytes of a small tensor. */
function contentOf(tensor: Tensor): string | undefined {
  if (byteLength(tensor.dtype, tensor.size) > COMPARED_BYTES) return undefined;
  let content = contents.get(tensor);
  if (content === undefined) {
    const { buffer, byteOffset, byteLength: bytes } = tensor.data;
    content = `=${Buffer.from(buffer, byteOffset, bytes).toString('latin1')}`;
    contents.set(tensor, content);
  }
  return content;
}

/** What tensors that share their elements have in common. */
function elementsOf(tensor: Tensor): object {
  return sourceOf(tensor) ?? tensor.data;
}
