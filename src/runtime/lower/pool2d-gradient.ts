/** The fields that the gradients of both poolings share, but for what they read. */
import type { OpValue } from '../../ops/index.js';
import { mapFields, windowFields } from './window.js';

export function poolGradientFields(
  node: OpValue<'maxPool2dGradient'> | OpValue<'avgPool2dGradient'>,
) {
  const { o: _, ...map } = mapFields(node, node.inputs[0]);
  const { kernel, pads } = node.attrs;
  const padding = { pb: pads[2], pr: pads[3] };
  return {
    ...{ ...map, hw: map.h * map.w, kh: kernel[0], kw: kernel[1] },
    ...{ ...windowFields(node.attrs), ...padding },
  };
}
