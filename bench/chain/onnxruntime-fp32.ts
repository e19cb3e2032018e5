/**
 * The chain in onnxruntime, fp32: convolution with bias and ReLU, which onnxruntime fuses into one
 * kernel; batch norm is already folded.
 */
import ort from 'onnxruntime-node';
import type { OnnxNode, OnnxTensor } from '../onnx-writer.js';
import { random } from '../random.js';
import { onnxruntimeRunner } from './onnxruntime.js';
import { type ChainShape, LAYERS, type Runner, SEED } from './workload.js';

export function onnxruntimeFp32Chain(
  { channels, size }: ChainShape,
  threads: number,
): Promise<Runner> {
  const next = random(SEED);
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  let from = 'x';
  for (let layer = 0; layer < LAYERS; layer++) {
    // Scaled so that the activations neither vanish nor grow: subnormal numbers would slow the
    // competitor down.
    const scale = Math.sqrt(24 / (channels * 9));
    const weights = Float32Array.from(
      { length: channels * channels * 9 },
      () => (next() - 0.5) * scale,
    );
    initializers.push({
      name: `w${layer}`,
      type: 'f32',
      shape: [channels, channels, 3, 3],
      data: weights,
    });
    initializers.push({
      name: `b${layer}`,
      type: 'f32',
      shape: [channels],
      data: new Float32Array(channels).fill(0.01),
    });
    const to = layer === LAYERS - 1 ? 'y' : `relu${layer}`;
    nodes.push({
      op: 'Conv',
      inputs: [from, `w${layer}`, `b${layer}`],
      outputs: [`conv${layer}`],
      attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    });
    nodes.push({ op: 'Relu', inputs: [`conv${layer}`], outputs: [to] });
    from = to;
  }
  const shape = [1, channels, size, size];
  const value = (name: string) => ({ name, type: 'f32' as const, shape });
  const feed = new ort.Tensor(
    'float32',
    Float32Array.from({ length: channels * size * size }, next),
    shape,
  );
  return onnxruntimeRunner(
    { opset: 17, nodes, initializers, inputs: [value('x')], outputs: [value('y')] },
    threads,
    feed,
  );
}
