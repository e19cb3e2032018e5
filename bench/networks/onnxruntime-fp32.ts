/**
 * A float network in onnxruntime, fp32: convolutions with bias, ReLU and shortcuts, which
 * onnxruntime fuses.
 */
import ort from 'onnxruntime-node';
import { onnxruntimeRunner } from '../chain/onnxruntime.js';
import type { Runner } from '../chain/workload.js';
import type { OnnxNode, OnnxTensor } from '../onnx-writer.js';
import { random } from '../random.js';
import type { Architecture, Conv } from './architectures.js';

export function onnxruntimeFp32(
  { size, layers, features, classes }: Architecture,
  threads: number,
): Promise<Runner> {
  const next = random(1);
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  let count = 0;
  const name = (kind: string) => `${kind}${count++}`;
  const tensor = (shape: readonly number[], make: () => number) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const id = name('t');
    initializers.push({
      name: id,
      type: 'f32',
      shape,
      data: Float32Array.from({ length: size }, make),
    });
    return id;
  };
  const emit = (op: string, inputs: readonly string[], attributes?: OnnxNode['attributes']) => {
    const to = name(op);
    nodes.push({ op, inputs, outputs: [to], ...(attributes === undefined ? {} : { attributes }) });
    return to;
  };
  const convolve = (x: string, { inputs, outputs, kernel, stride, groups = 1, relu }: Conv) => {
    const terms = (kernel * kernel * inputs) / groups;
    // Scaled so that activations neither vanish nor grow: subnormal numbers would slow the
    // competitor down.
    const w = tensor(
      [outputs, inputs / groups, kernel, kernel],
      () => (next() - 0.5) * Math.sqrt(24 / terms),
    );
    const b = tensor([outputs], () => 0.01);
    const pad = (kernel - 1) / 2;
    const y = emit('Conv', [x, w, b], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
      group: groups,
    });
    return relu ? emit('Relu', [y]) : y;
  };
  let x = 'x';
  for (const layer of layers) {
    if (layer.kind === 'conv') x = convolve(x, layer);
    else if (layer.kind === 'maxPool')
      x = emit('MaxPool', [x], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
    else {
      const main = layer.main.reduce(convolve, x);
      x = emit('Relu', [
        emit('Add', [main, layer.shortcut === undefined ? x : convolve(x, layer.shortcut)]),
      ]);
    }
  }
  const flat = emit('Flatten', [emit('GlobalAveragePool', [x])]);
  const w = tensor([classes, features], () => next() - 0.5);
  nodes.push({
    op: 'Gemm',
    inputs: [flat, w, tensor([classes], () => 0)],
    outputs: ['y'],
    attributes: { transB: 1 },
  });
  const shape = [1, 3, size, size];
  const feed = new ort.Tensor(
    'float32',
    Float32Array.from({ length: 3 * size * size }, next),
    shape,
  );
  const outputs = [{ name: 'y', type: 'f32' as const, shape: [1, classes] }];
  return onnxruntimeRunner(
    { opset: 17, nodes, initializers, inputs: [{ name: 'x', type: 'f32', shape }], outputs },
    threads,
    feed,
  );
}
