/**
 * A float network in onnxruntime, int8: QLinear operators from end to end (unsigned activations,
 * signed weights per tensor, ReLU in the requantization), its fastest integer form; the picture is
 * already given as integers.
 */
import ort from 'onnxruntime-node';
import { onnxruntimeRunner } from '../chain/onnxruntime.js';
import type { Runner } from '../chain/workload.js';
import type { OnnxNode, OnnxTensor } from '../onnx-writer.js';
import { random } from '../random.js';
import type { Architecture, Conv } from './architectures.js';

const MICROSOFT = 'com.microsoft';

export function onnxruntimeInt8(
  { size, layers, features, classes }: Architecture,
  threads: number,
): Promise<Runner> {
  const next = random(2);
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [
    { name: 'one', type: 'f32', shape: [], data: new Float32Array([1]) },
    { name: 'zeroU8', type: 'u8', shape: [], data: new Uint8Array([0]) },
    { name: 'zeroI8', type: 'i8', shape: [], data: new Int8Array([0]) },
  ];
  let count = 0;
  const name = (kind: string) => `${kind}${count++}`;
  const emit = (
    op: string,
    inputs: readonly string[],
    attributes?: OnnxNode['attributes'],
    domain?: string,
  ) => {
    const to = name(op);
    nodes.push({
      op,
      inputs,
      outputs: [to],
      ...(attributes === undefined ? {} : { attributes }),
      ...(domain === undefined ? {} : { domain }),
    });
    return to;
  };
  /** Weights with the scale that brings a sum of `terms` products back into eight bits. */
  const weights = (shape: readonly number[], terms: number) => {
    const id = name('w');
    const size = shape.reduce((a, b) => a * b, 1);
    initializers.push({
      name: id,
      type: 'i8',
      shape,
      data: Int8Array.from({ length: size }, () => (next() - 0.5) * 254),
    });
    const scale = `${id}.scale`;
    initializers.push({
      name: scale,
      type: 'f32',
      shape: [],
      data: new Float32Array([Math.sqrt(terms) * 64]),
    });
    return { id, scale };
  };
  const convolve = (x: string, { inputs, outputs, kernel, stride, groups = 1 }: Conv) => {
    const { id, scale } = weights(
      [outputs, inputs / groups, kernel, kernel],
      (kernel * kernel * inputs) / groups,
    );
    const bias = `${id}.bias`;
    initializers.push({
      name: bias,
      type: 'i32',
      shape: [outputs],
      data: new Int32Array(outputs).fill(3),
    });
    const pad = (kernel - 1) / 2;
    const attributes = {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      group: groups,
    };
    return emit(
      'QLinearConv',
      [x, 'one', 'zeroU8', id, 'one', 'zeroI8', scale, 'zeroU8', bias],
      attributes,
    );
  };
  let x = 'x';
  for (const layer of layers) {
    if (layer.kind === 'conv') x = convolve(x, layer);
    else if (layer.kind === 'maxPool')
      x = emit('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
    else {
      const main = layer.main.reduce(convolve, x);
      const shortcut = layer.shortcut === undefined ? x : convolve(x, layer.shortcut);
      x = emit(
        'QLinearAdd',
        [main, 'one', 'zeroU8', shortcut, 'one', 'zeroU8', 'one', 'zeroU8'],
        undefined,
        MICROSOFT,
      );
    }
  }
  const pooled = emit(
    'QLinearGlobalAveragePool',
    [x, 'one', 'zeroU8', 'one', 'zeroU8'],
    { channels_last: 0 },
    MICROSOFT,
  );
  const { id, scale } = weights([features, classes], features);
  const flat = emit('Flatten', [pooled]);
  nodes.push({
    op: 'QLinearMatMul',
    inputs: [flat, 'one', 'zeroU8', id, 'one', 'zeroI8', scale, 'zeroU8'],
    outputs: ['y'],
  });
  const shape = [1, 3, size, size];
  const pixels = Uint8Array.from({ length: 3 * size * size }, () => next() * 256);
  const outputs = [{ name: 'y', type: 'u8' as const, shape: [1, classes] }];
  const model = {
    opset: 17,
    nodes,
    initializers,
    inputs: [{ name: 'x', type: 'u8' as const, shape }],
    outputs,
  };
  return onnxruntimeRunner(model, threads, new ort.Tensor('uint8', pixels, shape));
}
