/**
 * Dense layers side by side in onnxruntime, int8: QLinearMatMul with unsigned activations and
 * signed weights per tensor. All read one row; their results are one row.
 */
import ort from 'onnxruntime-node';
import { onnxruntimeRunner } from '../chain/onnxruntime.js';
import { LAYERS, type Runner, SEED } from '../chain/workload.js';
import type { OnnxNode, OnnxTensor } from '../onnx-writer.js';
import { drawn, random } from '../random.js';
import type { DenseShape } from './dense.js';

export function onnxruntimeDense({ inputs, outputs }: DenseShape): Promise<Runner> {
  const next = random(SEED);
  const scalar = { shape: [] };
  const initializers: OnnxTensor[] = [
    { ...scalar, name: 'one', type: 'f32', data: new Float32Array([1]) },
    { ...scalar, name: 'zeroU8', type: 'u8', data: new Uint8Array([0]) },
    { ...scalar, name: 'zeroI8', type: 'i8', data: new Int8Array([0]) },
    // Brings a sum of `inputs` products back into eight bits.
    { ...scalar, name: 'out', type: 'f32', data: new Float32Array([Math.sqrt(inputs) * 64]) },
  ];
  const nodes: OnnxNode[] = [];
  for (let layer = 0; layer < LAYERS; layer++) {
    const w = `w${layer}`;
    const data = drawn(new Int8Array(inputs * outputs), () => (next() - 0.5) * 254);
    initializers.push({ name: w, type: 'i8', shape: [inputs, outputs], data });
    nodes.push({
      op: 'QLinearMatMul',
      inputs: ['x', 'one', 'zeroU8', w, 'one', 'zeroI8', 'out', 'zeroU8'],
      outputs: [`part${layer}`],
    });
  }
  nodes.push({
    op: 'Concat',
    inputs: nodes.map((node) => node.outputs[0] as string),
    outputs: ['y'],
    attributes: { axis: 1 },
  });
  const row = Uint8Array.from({ length: inputs }, () => next() * 256);
  return onnxruntimeRunner(
    {
      opset: 17,
      nodes,
      initializers,
      inputs: [{ name: 'x', type: 'u8', shape: [1, inputs] }],
      outputs: [{ name: 'y', type: 'u8', shape: [1, LAYERS * outputs] }],
    },
    1,
    new ort.Tensor('uint8', row, [1, inputs]),
  );
}
