/**
 * A chain of dense layers of one row in onnxruntime with weights of 4 bits: MatMulNBits, blocks of
 * 32, accuracy_level 4, which quantizes activations to int8 as it goes. It takes and gives floats.
 */
import ort from 'onnxruntime-node';
import { onnxruntimeRunner } from '../chain/onnxruntime.js';
import { LAYERS, type Runner, SEED } from '../chain/workload.js';
import type { OnnxNode, OnnxTensor } from '../onnx-writer.js';
import { drawn, random } from '../random.js';

const BITS = 4;
const BLOCK = 32;

/** LAYERS times 1 x size . size x size. */
export function onnxruntimeNBits(size: number): Promise<Runner> {
  const next = random(SEED);
  const blocks = size / BLOCK;
  const blob = (BLOCK * BITS) / 8;
  const initializers: OnnxTensor[] = [];
  const nodes: OnnxNode[] = [];
  for (let layer = 0; layer < LAYERS; layer++) {
    const codes = drawn(new Uint8Array(size * blocks * blob), () => next() * 256);
    initializers.push({ name: `w${layer}`, type: 'u8', shape: [size, blocks, blob], data: codes });
    // Codes lie around 8 with a deviation of 4.6; so scaled, maps neither vanish nor grow.
    const scales = new Float32Array(size * blocks).fill(1 / (4.6 * Math.sqrt(size)));
    initializers.push({ name: `s${layer}`, type: 'f32', shape: [size * blocks], data: scales });
    nodes.push({
      op: 'MatMulNBits',
      domain: 'com.microsoft',
      inputs: [layer === 0 ? 'x' : `y${layer - 1}`, `w${layer}`, `s${layer}`],
      outputs: [layer === LAYERS - 1 ? 'y' : `y${layer}`],
      attributes: { K: size, N: size, bits: BITS, block_size: BLOCK, accuracy_level: 4 },
    });
  }
  const shape = [1, size];
  const row = Float32Array.from({ length: size }, () => next() - 0.5);
  return onnxruntimeRunner(
    {
      opset: 17,
      nodes,
      initializers,
      inputs: [{ name: 'x', type: 'f32', shape }],
      outputs: [{ name: 'y', type: 'f32', shape }],
    },
    1,
    new ort.Tensor('float32', row, shape),
  );
}
