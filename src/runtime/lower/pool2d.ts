/** The fields that both poolings share. */
import type { OpValue } from '../../ops/index.js';
import type { LoweringContext } from './context.js';
import { mapFields, windowFields } from './window.js';

export function poolFields(
  node: OpValue<'maxPool2d'> | OpValue<'avgPool2d'>,
  context: LoweringContext,
) {
  const [x] = node.inputs;
  const { o: _, ...map } = mapFields(x, node);
  const [kh, kw] = node.attrs.kernel;
  return { x: context.buffer(x), ...map, kh, kw, ...windowFields(node.attrs) };
}
