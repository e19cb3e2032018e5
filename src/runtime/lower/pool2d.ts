/** The fields that both poolings share, but for what they read. */
import type { OpValue } from '../../ops/index.js';
import { mapFields, windowFields } from './window.js';

export function poolFields(node: OpValue<'maxPool2d'> | OpValue<'avgPool2d'>) {
  const [x] = node.inputs;
  const { o: _, ...map } = mapFields(x, node);
  const [kh, kw] = node.attrs.kernel;
  return { ...map, kh, kw, ...windowFields(node.attrs) };
}
