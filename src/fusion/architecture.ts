/**
 * Which weights the networks of several tasks share: those of their products, one after another, if
 * the networks are of one architecture. The last product is the head, which each task has for
 * itself and whose number of outputs may differ. Not here: how weights are shared.
 */
import { BitplaneError, expected } from '../core/errors.js';
import { type Shape, showShape } from '../core/shape.js';
import { type Graph, topological, type Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';

export interface NamedNetwork {
  readonly task: string;
  readonly graph: Graph;
}

/** One layer of all networks: its weights in each, in the order of the tasks. */
export interface SharedLayer {
  /** As the first network names the weights. */
  readonly name: string;
  readonly dtype: 'f32' | 'b1';
  readonly constants: readonly Value[];
}

const SITE = 'fuse';

/**
 * The layers whose weights are floats or bits, but for the head. A tensor that two layers read is
 * there once.
 * @throws BitplaneError ERR_SHAPE naming the first layer that differs, with both shapes;
 * ERR_UNSUPPORTED for networks without such layers
 */
export function sharedLayers(networks: readonly NamedNetwork[]): readonly SharedLayer[] {
  const all = networks.map(({ graph }) => productsOf(graph));
  const [first = []] = all;
  const most = all.reduce((length, products) => Math.max(length, products.length), 0);
  for (let i = 0; i < most; i++)
    for (let task = 1; task < all.length; task++)
      requireSame(networks, first[i], all[task]?.[i], task, i === first.length - 1);
  const seen = new Set<Value>();
  const layers: SharedLayer[] = [];
  for (let i = 0; i < first.length - 1; i++) {
    const constants = all.map((products) => weightsOf(products[i] as Value));
    const [own] = constants as [Value];
    if (seen.has(own) || constants.some(({ op }) => op !== 'constant')) continue;
    seen.add(own);
    const { dtype, name } = own;
    if (dtype === 'f32' || dtype === 'b1') layers.push({ name, dtype, constants });
  }
  if (layers.length === 0)
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      'expected layers with float or binary weights before the last one but received none',
      { op: SITE },
    );
  return layers;
}

/** The weights of the head of a network. */
export function headOf(graph: Graph): Value | undefined {
  const head = productsOf(graph).at(-1);
  return head && weightsOf(head);
}

function productsOf(graph: Graph): readonly Value[] {
  return topological(graph).filter((value) => isOp(value, 'conv2d') || isOp(value, 'dense'));
}

function weightsOf(product: Value): Value {
  return product.inputs[1] as Value;
}

function requireSame(
  networks: readonly NamedNetwork[],
  a: Value | undefined,
  b: Value | undefined,
  number: number,
  isHead: boolean,
): void {
  const [task, other] = [networks[0]?.task, networks[number]?.task];
  const site = { op: SITE, node: a?.name ?? b?.name };
  const layer = (value: Value | undefined) =>
    value === undefined
      ? 'no more layers'
      : `${value.op} with ${weightsOf(value).dtype} weights ${showShape(weightsOf(value).shape)}`;
  if (a === undefined || b === undefined || !isSameLayer(a, b, isHead))
    throw expected(
      'ERR_SHAPE',
      `networks of one architecture, ${layer(a)} of ${task},`,
      `${layer(b)} of ${other}${b === undefined ? '' : ` ("${b.name}")`}`,
      site,
    );
  const from = isHead ? -1 : undefined;
  if (!isSameMap(a.shape.slice(0, from), b.shape.slice(0, from)))
    throw expected(
      'ERR_SHAPE',
      `networks of one architecture, a result ${showShape(a.shape)} of ${task},`,
      `${showShape(b.shape)} of ${other} ("${b.name}")`,
      site,
    );
  if (JSON.stringify(a.attrs) !== JSON.stringify(b.attrs))
    throw expected(
      'ERR_SHAPE',
      `networks of one architecture, ${JSON.stringify(a.attrs)} of ${task},`,
      `${JSON.stringify(b.attrs)} of ${other} ("${b.name}")`,
      site,
    );
}

function isSameLayer(a: Value, b: Value, isHead: boolean): boolean {
  const [v, w] = [weightsOf(a), weightsOf(b)];
  const from = isHead ? 1 : 0;
  return (
    a.op === b.op && v.dtype === w.dtype && isSameMap(v.shape.slice(from), w.shape.slice(from))
  );
}

/** Sizes that agree; a symbol, such as that of the batch, may have any name. */
function isSameMap(a: Shape, b: Shape): boolean {
  return (
    a.length === b.length &&
    a.every(
      (dim, axis) => dim === b[axis] || (typeof dim === 'string' && typeof b[axis] === 'string'),
    )
  );
}
