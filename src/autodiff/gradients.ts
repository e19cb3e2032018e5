/**
 * Reverse-mode differentiation: the gradient of a graph is a graph. One walk from the loss back to
 * what it is differentiated by; each op's file has the rule of its step. Not here: those rules
 * (OpDef.gradient), surrogates of functions that have no gradient (src/ops/surrogate.ts), what a
 * gradient is used for (src/train).
 */
import { requireOptions } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { sameShape, showShape } from '../core/shape.js';
import { eachUnknown, requireValue, type Value } from '../graph/value.js';
import { type GraphBuilder, requireBuilder } from '../ops/builder.js';
import { Emit } from '../ops/gradient.js';
import { opDef } from '../ops/index.js';
import { Tensor } from '../tensor/tensor.js';

type Float = Value<'f32'>;

/** How gradients are added to a graph. */
export interface GradientOptions {
  /**
   * What the gradients begin with: the gradient of something further on with respect to `loss`, of
   * its shape. Default: 1, for a loss that is a single number.
   */
  readonly upstream?: Value<'f32'> | undefined;
}

/**
 * d loss / d value for each of `of`, in their order, added to the graph that `g` builds. Each has
 * the shape of its value. `of` may hold states, inputs and anything computed between them and the
 * loss.
 *
 *   const [dw] = gradients(g, loss, [w]);
 *   const step = g.graph([x], { loss }, { updates: { w: g.sub(w, g.mul(dw, 0.1)) } });
 *
 * @throws BitplaneError ERR_ARGUMENT for a loss that is not one number, or a value that the loss
 * does not depend on; ERR_UNSUPPORTED naming the op between them that has no gradient
 */
export function gradients(
  g: GraphBuilder,
  loss: Value<'f32'>,
  of: readonly Value[],
  options: GradientOptions = {},
): Float[] {
  const site = { op: 'gradients' };
  requireBuilder(g, site.op);
  requireOptions(options, { upstream: true }, site);
  const seed = seedOf(g, loss, options);
  if (!Array.isArray(of))
    throw expected('ERR_ARGUMENT', 'a list of values to differentiate by', of, site);
  for (const value of of) {
    requireValue(value, 'values to differentiate by', site);
    if (value.dtype !== 'f32')
      throw expected('ERR_DTYPE', 'f32 to differentiate by', value.dtype, siteOf(value));
  }
  const path = between(loss, of);
  for (const value of of) {
    if (!path.has(value))
      throw expected(
        'ERR_ARGUMENT',
        `a value that the loss "${loss.name}" depends on, by ops that have a gradient,`,
        'one that it does not depend on',
        siteOf(value),
      );
  }
  const wanted = new Set(of);
  const found = new Map<Value, Float>([[loss, seed]]);
  const results = new Map<Value, Float>();
  for (const value of [...path].reverse()) {
    const upstream = found.get(value);
    if (upstream === undefined) continue;
    found.delete(value);
    if (wanted.has(value)) results.set(value, upstream);
    if (value.inputs.some((input) => path.has(input))) stepBack(g, value, upstream, path, found);
  }
  return of.map((value) => results.get(value) ?? zeros(g, value));
}

/** Adds to the gradients of a node's operands what flows into them through the node. */
function stepBack(
  g: GraphBuilder,
  node: Value,
  upstream: Float,
  path: ReadonlySet<Value>,
  found: Map<Value, Float>,
): void {
  const near = `${node.name}.gradient`;
  const e = new Emit({
    op: (op, inputs, attrs) => g.op(op, inputs, attrs, { near }),
    constant: (tensor) => g.constant(tensor, { name: g.unused(near) }),
  });
  const def = opDef(node.op);
  if (def.gradient === undefined)
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      `has no gradient: ${def.noGradient ?? 'its op states none'}`,
      siteOf(node),
    );
  const flows = def.gradient(node, upstream, e);
  node.inputs.forEach((input, i) => {
    const flow = flows[i];
    if (flow === undefined || !path.has(input) || def.stops?.includes(i)) return;
    if (!sameShape(flow.shape, input.shape))
      throw expected(
        'ERR_GRAPH',
        `a gradient of shape ${showShape(input.shape)} for operand "${input.name}"`,
        showShape(flow.shape),
        siteOf(node),
      );
    const sum = found.get(input);
    found.set(input, sum === undefined ? flow : e.add(sum, flow));
  });
}

/** Every value between `of` and the loss, ends included, each after its operands. */
function between(loss: Value, of: readonly Value[]): Set<Value> {
  const ends = new Set(of);
  const depends = new Map<Value, boolean>();
  const path = new Set<Value>();
  eachUnknown(
    loss,
    (value) => depends.has(value),
    (value) => {
      const stops = value.inputs.length === 0 ? [] : (opDef(value.op).stops ?? []);
      const reached =
        ends.has(value) ||
        value.inputs.some((input, i) => depends.get(input) && !stops.includes(i));
      depends.set(value, reached);
      if (reached) path.add(value);
    },
  );
  return path;
}

function seedOf(g: GraphBuilder, loss: Float, { upstream }: GradientOptions): Float {
  requireValue(loss, 'a loss that is a value', { op: 'gradients' });
  if (loss.dtype !== 'f32')
    throw expected('ERR_DTYPE', 'a loss of dtype f32', loss.dtype, siteOf(loss));
  if (upstream !== undefined) {
    requireValue(upstream, 'upstream to be a value', { op: 'gradients' });
    if (!sameShape(upstream.shape, loss.shape))
      throw expected(
        'ERR_SHAPE',
        `upstream of shape ${showShape(loss.shape)}`,
        showShape(upstream.shape),
        siteOf(loss),
      );
    return upstream;
  }
  if (loss.shape.length !== 0)
    throw expected(
      'ERR_ARGUMENT',
      'a loss that is a single number (a mean or a sum), or upstream',
      showShape(loss.shape),
      siteOf(loss),
    );
  return g.constant(new Tensor('f32', Float32Array.of(1), []), {
    name: g.unused(`${loss.name}.gradient`),
  });
}

/** The gradient of a value that only ops without a flow read. */
function zeros(g: GraphBuilder, value: Value): Float {
  return g.op(
    'mul',
    [value, g.constant(new Tensor('f32', Float32Array.of(0), []))],
    {},
    {
      near: `${value.name}.gradient`,
    },
  ) as Float;
}

function siteOf({ op, name }: Value): { readonly op: string; readonly node: string } {
  return { op, node: name };
}
