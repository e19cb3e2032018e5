/**
 * Layers made of layers, and layers that only rearrange. Not here: anything with parameters of its
 * own.
 */
import { requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { sameShape, showShape } from '../core/shape.js';
import {
  type Float,
  type Layer,
  layer,
  type NameOption,
  nameOf,
  requireLayers,
  type Scope,
} from './scope.js';

/** A layer that gives what it takes. */
export const identity: Layer = layer('identity', (_scope, x) => x, { transparent: true });

/**
 * Layers one after the other. A group with a name opens a scope of that name; a group without one
 * stands in the scope around it.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function sequential(layers: readonly Layer[], options: NameOption = {}): Layer {
  requireLayers(layers, 'sequential');
  const { name } = nameOf('sequential', options);
  const apply = (scope: Scope, x: Float) =>
    layers.reduce((value, next) => scope.apply(next, value), x);
  return layer('sequential', apply, { name, transparent: name === undefined });
}

/** What stands beside the body of a residual block, and its name. */
export interface ResidualOptions extends NameOption {
  /** Default: x itself. */
  readonly shortcut?: Layer | undefined;
}

/**
 * shortcut(x) + main(x), which must have the same shape.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function residual(main: Layer, options: ResidualOptions = {}): Layer {
  requireOptions(options, { shortcut: true, name: true }, { op: 'residual' });
  const { shortcut = identity, name } = options;
  const transparent = name === undefined;
  const apply = (scope: Scope, x: Float) => {
    // The shortcut is the first operand: it is ready before the last product of `main`, so the
    // kernel of that product adds it before it writes to memory.
    const kept = scope.apply(shortcut, x);
    const value = scope.apply(main, x);
    return addValues(scope, kept, value, transparent ? scope.fresh('sum') : scope.path);
  };
  return layer('residual', apply, { name, transparent });
}

/**
 * a + b in the scope's own name, refusing shapes that differ: broadcasting would hide a mistake.
 * @throws BitplaneError ERR_GRAPH, ERR_SHAPE where operands do not fit
 */
export function addValues(scope: Scope, a: Float, b: Float, name: string = scope.path): Float {
  if (!sameShape(a.shape, b.shape))
    throw expected(
      'ERR_SHAPE',
      `two maps of one shape, ${showShape(a.shape)}`,
      showShape(b.shape),
      { op: 'add', node: name },
    );
  return scope.g.add(a, b, { name });
}

/**
 * The sum of the branches' results on x.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function add(branches: readonly Layer[], options: NameOption = {}): Layer {
  requireLayers(branches, 'add');
  return layer(
    'add',
    (scope, x) => {
      const values = branches.map((branch) => scope.apply(branch, x));
      if (values.length === 0)
        throw expected('ERR_ARGUMENT', 'at least one branch', 'none', {
          op: 'add',
          node: scope.path,
        });
      return values.reduce((a, b, i) =>
        addValues(scope, a, b, i === values.length - 1 ? scope.path : scope.named(`${i}`)),
      );
    },
    nameOf('add', options),
  );
}

/**
 * The branches' results on x, concatenated along the channels.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function concat(branches: readonly Layer[], options: NameOption = {}): Layer {
  requireLayers(branches, 'concat');
  return layer(
    'concat',
    (scope, x) => {
      const values = branches.map((branch) => scope.apply(branch, x));
      return scope.g.concat(values, (values[0]?.shape.length ?? 1) - 1, { name: scope.path });
    },
    nameOf('concat', options),
  );
}

/**
 * [N, ...] -> [N, the rest in order]: a map comes out as H, W, C.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function flatten(options: NameOption = {}): Layer {
  return layer(
    'flatten',
    (scope, x) => {
      const [batch, ...rest] = x.shape;
      if (batch === undefined || rest.some((dim) => typeof dim !== 'number'))
        throw expected('ERR_SHAPE', 'a batch axis and axes of known size', showShape(x.shape), {
          op: 'flatten',
          node: scope.path,
        });
      return scope.g.reshape(
        x,
        [batch, rest.reduce<number>((product, dim) => product * (dim as number), 1)],
        { name: scope.path },
      );
    },
    nameOf('flatten', options),
  );
}
