/**
 * The layout pass: transposes sink and cancel (./sink.ts), a flattened map feeds a convolution
 * instead of a dense layer, and what remains is placed where it costs least. Afterwards feature
 * maps are NHWC from the first convolution to the last, and a converted CNN has transposes at its
 * inputs and outputs only. Not here: the order inside kernels.
 */
import { atOnce, type Pausing } from '../core/turns.js';
import { type Graph, topological, uses, type Value, walk } from '../graph/value.js';
import { isOp, opDef } from '../ops/index.js';
import { make } from '../ops/make.js';
import { inverse } from '../ops/permutation.js';
import { scalarOf } from '../ops/scalar-of.js';
import { isConstantExpression } from './constants.js';
import { eliminatingCommon } from './cse.js';
import { Folding } from './folding.js';
import { firstOf, fixpoint, type Rule, rewriting } from './rewrite.js';
import { simplifying } from './simplify.js';
import { isElementwise, permOf, permutedConstant, sinkTransposes } from './sink.js';

export function layout(graph: Graph, folding?: Folding): Graph {
  return atOnce(layingOut(graph, folding));
}

/** `layout` that pauses between the values of each of its steps. */
export function* layingOut(
  graph: Graph,
  folding = new Folding(graph),
  simplify = simplifying(),
): Pausing<Graph> {
  const sunk = yield* fixpoint(graph, firstOf(simplify, sinking), folding);
  // Readers of one map share its transpose.
  const isShared = topological(sunk).filter(({ op }) => op === 'transpose').length > 1;
  const shared = isShared ? yield* eliminatingCommon(sunk) : sunk;
  const still = yield* rewriting(shared, stillTransposes, folding);
  const hoisted = yield* hoistToInputs(still, folding);
  return hoisted === sunk ? sunk : yield* fixpoint(hoisted, simplify, folding);
}

/**
 * pointwise(reshape(y)) -> reshape(pointwise(y)) where y is a transpose, so that it meets what
 * follows, or a layer's result, so that the layer and its bias, scale and activation stay side by
 * side.
 */
const sinkReshape: Rule = (value, { folding }) => {
  if (!isElementwise(value)) return undefined;
  const moved = value.inputs.find(
    (input) => isOp(input, 'reshape') && isWorthKeeping(input.inputs[0]),
  );
  if (moved === undefined) return undefined;
  const [before] = moved.inputs as [Value];
  const inputs = value.inputs.map((input) =>
    input === moved ? before : unflattened(folding, input, moved.shape, before.shape),
  );
  if (inputs.includes(undefined)) return undefined;
  return make(
    'reshape',
    `${value.name}.reshaped`,
    [make(value.op, value.name, inputs as Value[], value.attrs)],
    { shape: moved.shape },
  );
};

function isWorthKeeping(value: Value): boolean {
  const { op, inputs } = layerBehind(value);
  return inputs.length > 0 && (op === 'transpose' || opDef(op).macs !== undefined);
}

/** Through element-wise ops, which earlier steps of the rule made of a layer's result. */
const layerBehind = walk((value) =>
  isElementwise(value) ? value.inputs.find((input) => input.op !== 'constant') : undefined,
);

/**
 * A constant operand of a flattened value as the value before wants it; undefined where it cannot
 * be said.
 */
function unflattened(
  folding: Folding,
  operand: Value,
  flat: Value['shape'],
  shape: Value['shape'],
): Value | undefined {
  if (scalarOf(operand) !== undefined)
    return folding.fold(
      'reshape',
      operand.name,
      [folding.fold('slice', operand.name, [operand], firstElement(operand))],
      { shape: [] },
    );
  const channels = flat.at(-1);
  const isFlatten = flat.length === 2 && flat[0] === shape[0] && operand.shape.at(-1) === channels;
  if (operand.op !== 'constant' || !isFlatten || operand.data!.size !== channels) return undefined;
  return folding.fold('reshape', operand.name, [operand], { shape: shape.slice(1) });
}

function firstElement(operand: Value): Record<string, number[]> {
  const each = (number: number) => operand.shape.map(() => number);
  return { starts: each(0), ends: each(1), steps: each(1) };
}

/**
 * dense(flatten(transpose(x)), w) -> conv2d(x, w') with a kernel of the whole map: x is [N,H,W,C],
 * the flattened order is C,H,W, and w' [O,H,W,C] holds the weights in the order that x has. No
 * feature moves, and a binary map stays packed along its channels.
 */
const flattenToConvolution: Rule = (value, { folding }) => {
  if (!isOp(value, 'dense')) return undefined;
  const [flat, w] = value.inputs;
  const [moved] = flat.inputs;
  if (
    !isOp(flat, 'reshape') ||
    moved === undefined ||
    !isOp(moved, 'transpose') ||
    moved.shape.length !== 4 ||
    flat.shape.length !== 2
  )
    return undefined;
  if (moved.shape[0] !== flat.shape[0] || permOf(moved)[0] !== 0 || !isConstantExpression(w))
    return undefined;
  // Of one pixel there is nothing to reorder.
  if (moved.shape.slice(1).filter((dim) => dim !== 1).length < 2) return undefined;
  const [x] = moved.inputs;
  const outputs = w.shape[0] as number;
  const unfolded = folding.fold('reshape', w.name, [w], {
    shape: [outputs, ...moved.shape.slice(1)],
  });
  // Axis i of the flattened map is axis perm[i] of x; the weights go the other way.
  const kernel = folding.fold('transpose', w.name, [unfolded], { perm: inverse(permOf(moved)) });
  const attrs = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1, padValue: 0 };
  return make('reshape', `${value.name}.flat`, [make('conv2d', value.name, [x, kernel], attrs)], {
    shape: value.shape,
  });
};

/** transpose -> reshape where only axes of size 1 change places: no data moves. */
const stillTransposes: Rule = (value) => {
  if (!isOp(value, 'transpose')) return undefined;
  const [x] = value.inputs;
  const moving = permOf(value).filter((axis) => x.shape[axis] !== 1);
  return moving.every((axis, i) => i === 0 || axis > (moving[i - 1] as number))
    ? make('reshape', value.name, [x], { shape: value.shape })
    : undefined;
};

const sinking: Rule = firstOf(flattenToConvolution, sinkTransposes, sinkReshape);

/**
 * transpose(f(input)) -> f(transpose(input)) for element-wise f that nothing else reads: a sign
 * there then packs along the channels, and no kernel has to move single bits.
 */
function hoistToInputs(graph: Graph, folding: Folding): Pausing<Graph> {
  const counts = uses(graph);
  const hoisted = new Map<Value, Value>();
  for (const value of topological(graph)) {
    if (!isOp(value, 'transpose')) continue;
    const result = hoist(value.inputs[0] as Value, value, counts, folding);
    if (result !== undefined) hoisted.set(value, result);
  }
  return rewriting(graph, (_, site) => hoisted.get(site.original), folding);
}

/**
 * transpose(value) with the transpose at the input; undefined where value is not a chain of
 * element-wise ops over an input, read once each.
 */
function hoist(
  value: Value,
  transpose: Value,
  counts: ReadonlyMap<Value, number>,
  folding: Folding,
): Value | undefined {
  const chain: Value[] = [];
  let root = value;
  while (isElementwise(root) && counts.get(root) === 1) {
    const flowing = root.inputs.filter((input) => input.op !== 'constant');
    if (flowing.length !== 1 || flowing[0]!.shape.length !== root.shape.length) return undefined;
    chain.push(root);
    root = flowing[0] as Value;
  }
  if (root.op !== 'input' || chain.length === 0) return undefined;
  const { attrs } = transpose;
  let result = make('transpose', `${root.name}.transposed`, [root], attrs);
  const perm = permOf(transpose);
  const rank = value.shape.length;
  for (const node of chain.reverse()) {
    const flow = result;
    // permutedConstant undoes a permutation; here the operands follow it.
    const inputs = node.inputs.map((input) =>
      input.op === 'constant' ? permutedConstant(folding, input, rank, inverse(perm)) : flow,
    );
    result = make(node.op, node.name, inputs, node.attrs);
  }
  return result;
}
