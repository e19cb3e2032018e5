/**
 * A function of entries of integers known at import, broadcast as in numpy. Not here: which op has
 * which function.
 */
import { type Dim, elementCount, showShape } from '../../../core/shape.js';
import type { NodeContext } from '../context.js';
import type { Item } from '../item.js';
import { broadcastTo, commonShape } from '../known.js';

/** Of the first `count` inputs. @throws BitplaneError ERR_SHAPE */
export function elementwiseIntegers(
  context: NodeContext,
  count: number,
  formula: (entries: readonly Dim[]) => Dim,
): Item {
  const inputs = Array.from({ length: count }, (_, i) => context.known(i));
  const shapes = inputs.map(({ shape }) => shape);
  const shape = commonShape(shapes);
  if (shape === undefined)
    throw context.expected(
      'ERR_SHAPE',
      'shapes that broadcast',
      shapes.map((one) => showShape(one)).join(' and '),
    );
  const size = elementCount(shape);
  return context.knownIntegers(size, () => {
    const parts = inputs.map((input) => broadcastTo(input, shape).entries);
    return {
      entries: Array.from({ length: size }, (_, i) => formula(parts.map((part) => part[i] as Dim))),
      shape,
    };
  });
}
