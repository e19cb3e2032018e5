/**
 * The only ways to make a value: an op over values, or a leaf (input, constant, state). Each checks
 * everything it is given and freezes the result. Not here: names (the caller gives them;
 * ./builder.ts generates them).
 */
import { DTYPE_LIST, DTYPES, type DType } from '../core/dtype.js';
import { expected } from '../core/errors.js';
import { MAX_RANK } from '../core/limits.js';
import { isSize, type Shape, sameShape, showShape } from '../core/shape.js';
import { type Attrs, type Input, requireValue, type Value } from '../graph/value.js';
import { isTensorLike, Tensor, type TensorLike } from '../tensor/tensor.js';
import { isSymbol } from './attributes.js';
import { opDef } from './index.js';
import type { Inferred, NodeDraft } from './op.js';

const NO_ATTRS: Attrs = Object.freeze({});
const NO_INPUTS: readonly Value[] = Object.freeze([]);

/**
 * The result of an op. `attrs` names every attribute of the op and nothing else.
 *
 * @throws BitplaneError ERR_UNSUPPORTED_OP, ERR_GRAPH, ERR_ARGUMENT, ERR_DTYPE, ERR_SHAPE
 */
export function make(
  op: string,
  name: string,
  inputs: readonly Value[],
  attrs: Attrs = NO_ATTRS,
): Value {
  const { dtype, shape } = inferNode(op, name, inputs, attrs);
  return freeze({
    op,
    name,
    dtype,
    shape: [...shape],
    inputs: Object.freeze([...inputs]),
    attrs: frozenCopy(attrs) as Attrs,
  });
}

/**
 * A node over other inputs of the same types: its op's rule would say the same again, so nothing is
 * asked twice. A rule may look into a constant; a node that reads another one is made anew.
 */
export function remade(node: Value, inputs: readonly Value[]): Value {
  const { op, name, dtype, shape, attrs } = node;
  const alike = inputs.every(
    (input, i) => input === node.inputs[i] || isAlike(input, node.inputs[i]!),
  );
  if (!alike || !isMade(node)) return make(op, name, inputs, attrs);
  return freeze({ op, name, dtype, shape, inputs: Object.freeze([...inputs]), attrs });
}

function isAlike(input: Value, before: Value): boolean {
  return (
    input.op !== 'constant' &&
    isMade(input) &&
    input.dtype === before.dtype &&
    sameShape(input.shape, before.shape)
  );
}

/** What the result of an op would be; throws as `make` does. */
export function inferNode(
  op: string,
  name: string,
  inputs: readonly Value[],
  attrs: Attrs,
): Inferred {
  requireName(op, name);
  const def = opDef(op);
  const site = { op, node: name };
  const count = def.operands.length;
  if (!Array.isArray(inputs)) throw expected('ERR_GRAPH', 'a list of inputs', inputs, site);
  if (def.variadic ? inputs.length < count : inputs.length !== count) {
    throw expected(
      'ERR_GRAPH',
      `${def.variadic ? 'at least ' : ''}${count} inputs (${def.operands.join(', ')})`,
      inputs.length,
      site,
    );
  }
  inputs.forEach((input, i) => {
    if (!made.has(input))
      requireValue(input, `${def.operands[Math.min(i, count - 1)]} to be a value`, site);
  });
  if (attrs === null || typeof attrs !== 'object' || Array.isArray(attrs))
    throw expected('ERR_ARGUMENT', 'attributes as an object', attrs, site);
  for (const key in def.attributes) {
    const rule = def.attributes[key]!;
    const value = attrs[key];
    if (value === undefined && rule.optional) continue;
    if (!rule.accepts(value))
      throw expected('ERR_ARGUMENT', `${key} to be ${rule.expects}`, value, site);
  }
  for (const key of Object.keys(attrs)) {
    if (!Object.hasOwn(def.attributes, key)) {
      throw expected(
        'ERR_ARGUMENT',
        `attributes of ${Object.keys(def.attributes).join(', ') || 'none'}`,
        key,
        site,
      );
    }
  }
  const draft: NodeDraft = { op, name, operands: def.operands, inputs, attrs };
  const inferred = def.infer(draft);
  requireShape(op, name, inferred.shape);
  return inferred;
}

/** A value that is fed to every run. Its shape may hold symbols. */
export function input<N extends string, D extends DType, const S extends Shape>(
  name: N,
  dtype: D,
  shape: S,
): Input<N, D, S> {
  requireName('input', name);
  if (!Object.hasOwn(DTYPES, dtype))
    throw expected('ERR_DTYPE', `a dtype of ${DTYPE_LIST}`, dtype, {
      op: 'input',
      node: name,
    });
  requireShape('input', name, shape);
  return freeze({
    op: 'input',
    name,
    dtype,
    shape: [...shape] as unknown as S,
    inputs: NO_INPUTS,
    attrs: NO_ATTRS,
  });
}

/** A value that never changes. */
export function constant<D extends DType>(
  name: string,
  tensor: TensorLike<D>,
): Value<D, readonly number[]> {
  return leafOf('constant', name, tensor);
}

/** A named buffer that a session owns; `tensor` is what it begins with. */
export function state<D extends DType>(
  name: string,
  tensor: TensorLike<D>,
): Value<D, readonly number[]> {
  return leafOf('state', name, tensor);
}

function leafOf<D extends DType>(
  op: string,
  name: string,
  given: TensorLike<D>,
): Value<D, readonly number[]> {
  requireName(op, name);
  if (!isTensorLike(given)) throw expected('ERR_ARGUMENT', 'a Tensor', given, { op, node: name });
  const tensor = Tensor.from(given);
  return freeze({
    op,
    name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    inputs: NO_INPUTS,
    attrs: NO_ATTRS,
    data: tensor,
  });
}

function requireName(op: string, name: unknown): void {
  if (typeof name !== 'string' || name === '')
    throw expected('ERR_GRAPH', 'a name that is a string and not empty', name, { op });
}

/** Sizes and symbols, not too many, and a number of elements that arithmetic can hold. */
function requireShape(op: string, node: string, shape: Shape): void {
  if (!Array.isArray(shape) || !shape.every((dim) => isSize(dim) || isSymbol(dim))) {
    throw expected('ERR_SHAPE', 'a shape of whole numbers >= 0 and symbols', shape, { op, node });
  }
  if (shape.length > MAX_RANK)
    throw expected('ERR_SHAPE', `a shape of at most ${MAX_RANK} axes`, shape.length, { op, node });
  const known = shape.reduce<number>(
    (product, dim) => (typeof dim === 'number' ? product * dim : product),
    1,
  );
  if (!Number.isSafeInteger(known))
    throw expected('ERR_SHAPE', 'a shape of fewer than 2^53 elements', showShape(shape), {
      op,
      node,
    });
}

/** Every value that was made here. */
const made = new WeakSet<Value>();

/**
 * True for a value that was made here: what its op's rule says, and frozen to the last attribute,
 * so that it stays so.
 */
export function isMade(value: Value): boolean {
  return made.has(value);
}

function freeze<V extends Value>(value: V): V {
  Object.freeze(value.shape);
  made.add(value);
  return Object.freeze(value);
}

function frozenCopy(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(frozenCopy));
  if (value === null || typeof value !== 'object') return value;
  return Object.freeze(
    Object.fromEntries(Object.entries(value).map(([key, item]) => [key, frozenCopy(item)])),
  );
}
