/**
 * Poolings of maps [N, H, W, C], which ONNX has with the channels second, and batch norm. Not here:
 * convolutions (./products.ts).
 */
import type { Attrs, Value } from '../../../../graph/value.js';
import { isOp } from '../../../../ops/index.js';
import type { NewAttribute } from '../encode.js';
import { channelsSecond, plainOrder } from '../order.js';
import type { Writer } from './writer.js';

const MAP = channelsSecond(4);

export const windowWriters: Readonly<Record<string, Writer>> = {
  maxPool2d(emission, value) {
    if (!isOp(value, 'maxPool2d')) return;
    const [x] = value.inputs;
    const attributes = poolAttributes(value.attrs);
    const y = emission.node('MaxPool', [emission.inOrder(x, MAP)], value, { attributes });
    emission.hold(value, y, MAP, emission.dataTypeOf(x));
  },

  avgPool2d(emission, value) {
    if (!isOp(value, 'avgPool2d')) return;
    const { dilations, ...rest } = poolAttributes(value.attrs) as Record<string, NewAttribute>;
    const attributes = {
      ...rest,
      count_include_pad: Number(value.attrs.countPad),
      // From operator set 19 on.
      ...(isDilated(value) && { dilations: dilations as NewAttribute }),
    };
    const x = emission.float(value.inputs[0], MAP);
    emission.hold(value, emission.node('AveragePool', [x], value, { attributes }), MAP);
  },

  batchNorm(emission, value) {
    if (!isOp(value, 'batchNorm')) return;
    const [x, ...parameters] = value.inputs;
    const rank = value.shape.length;
    const isVector = rank < 2;
    const order = isVector ? plainOrder(rank) : channelsSecond(rank);
    // ONNX wants an axis before the channels.
    const images = emission.integers([0]);
    const held = emission.float(x, order);
    const map = isVector
      ? emission.node('Unsqueeze', [held, images], value, { suffix: '.image' })
      : held;
    const inputs = [map, ...parameters.map((one) => emission.float(one))];
    const options = {
      attributes: { epsilon: { float: value.attrs.epsilon } },
      ...(isVector && { suffix: '.normal' }),
    };
    const y = emission.node('BatchNormalization', inputs, value, options);
    emission.hold(value, isVector ? emission.node('Squeeze', [y, images], value) : y, order);
  },
};

/** Those of Conv and ConvInteger but the shape of the kernel. */
export function convolutionAttributes({
  strides,
  pads,
  dilations,
  groups,
}: Attrs): Readonly<Record<string, NewAttribute>> {
  return { strides, pads, dilations, group: groups } as Readonly<Record<string, NewAttribute>>;
}

/** True for an average that leaves elements out between those of its window. */
export function isDilated(value: Value): boolean {
  return isOp(value, 'avgPool2d') && value.attrs.dilations.some((step) => step !== 1);
}

function poolAttributes(attrs: {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly ceil: boolean;
}): Readonly<Record<string, NewAttribute>> {
  return {
    kernel_shape: attrs.kernel,
    strides: attrs.strides,
    pads: attrs.pads,
    dilations: attrs.dilations,
    ceil_mode: Number(attrs.ceil),
  };
}
