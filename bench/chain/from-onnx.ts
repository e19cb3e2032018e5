/**
 * The chain as a person brings it: an ONNX file of eight times binarization, convolution by weights
 * of -1 and +1, batch norm; f32 [N,C,H,W] in and out, results into memory that is used again. The
 * same bytes go to onnxruntime, fp32.
 */
import { Session, Tensor } from 'bitplane';
import ort from 'onnxruntime-node';
import { type OnnxNode, type OnnxTensor, writeOnnx } from '../onnx-writer.js';
import { drawn, random } from '../random.js';
import { onnxruntimeFile } from './onnxruntime.js';
import { type ChainShape, LAYERS, type Runner, SEED } from './workload.js';

/** Both runners of one file, one thread each. */
export async function chainFromOnnx(
  chain: ChainShape,
): Promise<{ readonly bitplane: Runner; readonly onnxruntime: Runner }> {
  const { channels, size } = chain;
  const bytes = chainFile(chain);
  const shape = [1, channels, size, size];
  const next = random(SEED);
  const data = drawn(new Float32Array(channels * size * size), () => next() - 0.5);
  const memory = () => new Float32Array(data.length);
  const session = await Session.create(bytes, { threads: 1 });
  const x = new Tensor('f32', data, shape);
  const y = new Tensor('f32', memory(), shape);
  const results = { y: new ort.Tensor('float32', memory(), shape) };
  return {
    bitplane: { run: () => session.run({ x }, { y }), release: () => session.release() },
    onnxruntime: await onnxruntimeFile(
      bytes,
      1,
      { x: new ort.Tensor('float32', data, shape) },
      results,
    ),
  };
}

function chainFile({ channels, size }: ChainShape): Uint8Array {
  const next = random(SEED);
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const floats = (name: string, shape: readonly number[], make: () => number) => {
    const length = shape.reduce((product, dim) => product * dim, 1);
    initializers.push({ name, type: 'f32', shape, data: drawn(new Float32Array(length), make) });
    return name;
  };
  const [zero, plus, minus] = [
    floats('zero', [], () => 0),
    floats('plus', [], () => 1),
    floats('minus', [], () => -1),
  ];
  let from = 'x';
  for (let layer = 0; layer < LAYERS; layer++) {
    const name = (what: string) => `${what}${layer}`;
    const kernel = [channels, channels, 3, 3];
    const weights = floats(name('weights'), kernel, () => (next() < 0.5 ? -1 : 1));
    const norm = [
      floats(name('scale'), [channels], () => next() + 0.1),
      floats(name('beta'), [channels], () => next() - 0.5),
      floats(name('mean'), [channels], () => next() * 40 - 20),
      floats(name('variance'), [channels], () => next() * 100 + 1),
    ];
    const to = layer === LAYERS - 1 ? 'y' : name('normal');
    nodes.push(
      { op: 'GreaterOrEqual', inputs: [from, zero], outputs: [name('positive')] },
      { op: 'Where', inputs: [name('positive'), plus, minus], outputs: [name('binary')] },
      {
        op: 'Conv',
        inputs: [name('binary'), weights],
        outputs: [name('conv')],
        attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
      },
      { op: 'BatchNormalization', inputs: [name('conv'), ...norm], outputs: [to] },
    );
    from = to;
  }
  const value = (name: string) => ({
    name,
    type: 'f32' as const,
    shape: [1, channels, size, size],
  });
  return writeOnnx({
    opset: 17,
    nodes,
    initializers,
    inputs: [value('x')],
    outputs: [value('y')],
  });
}
