/**
 * Shapes that a caller gives for inputs of a model, by their names, and the sizes of symbols that
 * follow. Not here: putting sizes into a graph (src/passes/fix-shapes.ts).
 */
import { requirePlain, unknownName } from '../core/checks.js';
import { type ErrorSite, expected } from '../core/errors.js';
import { isSize, type Shape, type Sizes, showShape } from '../core/shape.js';

/** A shape for inputs by name: a size fixes a dimension, the name of its symbol leaves it open. */
export type Shapes = Readonly<Record<string, Shape>>;

interface Named {
  readonly name: string;
  readonly shape: Shape;
}

/** @throws BitplaneError ERR_ARGUMENT for what is no object of shapes */
export function requireShapes(shapes: unknown, site: ErrorSite): void {
  if (shapes === undefined) return;
  requirePlain(shapes, 'shapes as an object of lists by the names of inputs', site);
  for (const [name, shape] of Object.entries(shapes as object)) {
    const fits =
      Array.isArray(shape) &&
      shape.every((dim) => (isSize(dim) && dim > 0) || (typeof dim === 'string' && dim !== ''));
    if (!fits)
      throw expected('ERR_ARGUMENT', 'a list of sizes of 1 or more, and names of symbols,', shape, {
        ...site,
        node: name,
      });
  }
}

/**
 * The sizes of symbols, in an object without the names that every object has.
 * @throws BitplaneError ERR_ARGUMENT naming an unknown input, ERR_SHAPE where a shape is not what
 * its input takes, or two inputs give one symbol different sizes
 */
export function sizesOf(inputs: readonly Named[], shapes: Shapes, site: ErrorSite): Sizes {
  for (const name of Object.keys(shapes))
    if (!inputs.some((input) => input.name === name))
      throw unknownName(
        'shapes for',
        name,
        inputs.map((input) => input.name),
        site,
      );
  const sizes: Record<string, number> = Object.create(null);
  const from = new Map<string, string>();
  for (const input of inputs) {
    const given = Object.hasOwn(shapes, input.name) ? (shapes[input.name] as Shape) : undefined;
    if (given === undefined) continue;
    const where = { ...site, node: input.name };
    const fits =
      given.length === input.shape.length &&
      input.shape.every((dim, axis) => dim === given[axis] || isFixing(dim, given[axis]));
    if (!fits)
      throw expected('ERR_SHAPE', `a shape that fits ${showShape(input.shape)}`, showShape(given), {
        ...where,
      });
    for (const [axis, dim] of input.shape.entries()) {
      const size = given[axis];
      if (typeof dim !== 'string' || typeof size !== 'number') continue;
      const known = sizes[dim];
      if (known !== undefined && known !== size)
        throw expected(
          'ERR_SHAPE',
          `${dim} = ${known}, as input "${from.get(dim)}" has it,`,
          `${dim} = ${size}`,
          where,
        );
      sizes[dim] = size;
      from.set(dim, input.name);
    }
  }
  return sizes;
}

function isFixing(dim: unknown, given: unknown): boolean {
  return typeof dim === 'string' && typeof given === 'number';
}
