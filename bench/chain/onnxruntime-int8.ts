/**
 * The chain in onnxruntime, int8: QLinearConv with unsigned activations and signed weights per
 * tensor, its fastest integer form, fed with integers that are already quantized.
 */
import ort from 'onnxruntime-node';
import type { OnnxNode, OnnxTensor } from '../onnx-writer.js';
import { drawn, random } from '../random.js';
import { onnxruntimeRunner } from './onnxruntime.js';
import { type ChainShape, LAYERS, type Runner, SEED } from './workload.js';

export function onnxruntimeInt8Chain(
  { channels, size, groups = 1 }: ChainShape,
  threads: number,
): Promise<Runner> {
  const next = random(SEED);
  const depth = channels / groups;
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [
    { name: 'one', type: 'f32', shape: [], data: new Float32Array([1]) },
    { name: 'zeroU8', type: 'u8', shape: [], data: new Uint8Array([0]) },
    { name: 'zeroI8', type: 'i8', shape: [], data: new Int8Array([0]) },
    // The scale of an output: brings the sum of 9 C / groups products back into eight bits.
    {
      name: 'outScale',
      type: 'f32',
      shape: [],
      data: new Float32Array([Math.sqrt(depth * 9) * 64]),
    },
  ];
  let from = 'x';
  for (let layer = 0; layer < LAYERS; layer++) {
    const weights = drawn(new Int8Array(channels * depth * 9), () => (next() - 0.5) * 254);
    initializers.push({
      name: `w${layer}`,
      type: 'i8',
      shape: [channels, depth, 3, 3],
      data: weights,
    });
    initializers.push({
      name: `b${layer}`,
      type: 'i32',
      shape: [channels],
      data: new Int32Array(channels).fill(3),
    });
    const to = layer === LAYERS - 1 ? 'y' : `conv${layer}`;
    const inputs = [
      from,
      'one',
      'zeroU8',
      `w${layer}`,
      'one',
      'zeroI8',
      'outScale',
      'zeroU8',
      `b${layer}`,
    ];
    nodes.push({
      op: 'QLinearConv',
      inputs,
      outputs: [to],
      attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], group: groups },
    });
    from = to;
  }
  const shape = [1, channels, size, size];
  const value = (name: string) => ({ name, type: 'u8' as const, shape });
  const feed = new ort.Tensor(
    'uint8',
    Uint8Array.from({ length: channels * size * size }, () => next() * 256),
    shape,
  );
  return onnxruntimeRunner(
    { opset: 17, nodes, initializers, inputs: [value('x')], outputs: [value('y')] },
    threads,
    feed,
  );
}
