/**
 * What tf2onnx writes of larq's layers, idiom by idiom, in files made by hand: maps that are NHWC
 * between Transpose nodes, `ste_sign` as Sign(Sign(x) + 0.1), batch norms folded into convolutions,
 * paddings of their own. Each agrees with onnxruntime, and its binary layers are of bits. Not here:
 * TensorFlow, which writes such files; the walk of the documentation (test/docs/walks.test.ts).
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { layers } from '../../src/passes/analyze.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { encodeOnnx, int64s, type NodeSpec, type TensorSpec } from './onnx-encoder.js';

const SIDE = 8;
const CHANNELS = 32;
/** Of larq's sign. */
const LITTLE = 0.1;
/** Keras's epsilon of a batch norm. */
const EPSILON = { epsilon: { float: 1e-3 } };
const TO_NCHW = { perm: [0, 3, 1, 2] };
const TO_NHWC = { perm: [0, 2, 3, 1] };
/** A kernel of TensorFlow, [kh, kw, I, O], as Conv takes it. */
const TO_OIHW = { perm: [3, 2, 0, 1] };
const SAME = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
const VALID = { kernel_shape: [3, 3] };

/** Seeded numbers, none of them 0. */
const seeded = (dims: readonly number[], scale = 1, shift = 0): TensorSpec => ({
  dims,
  floats: Array.from(
    { length: dims.reduce((a, b) => a * b, 1) },
    (_, i) => shift + scale * Math.sin(1 + i * i),
  ),
});
/** Of each the sign, times the magnitude of its first axis. */
const signs = ({ dims, floats = [] }: TensorSpec, magnitude = (_: number) => 1): TensorSpec => {
  const rows = dims[0] as number;
  const row = floats.length / rows;
  return {
    dims,
    floats: floats.map((x, i) => Math.fround(Math.sign(x) * magnitude(Math.floor(i / row)))),
  };
};

class Net {
  readonly nodes: NodeSpec[] = [];
  readonly initializers: Record<string, TensorSpec> = {};

  node(op: string, inputs: readonly string[], attributes: NodeSpec['attributes'] = {}): string {
    const name = `model/${op}_${this.nodes.length}:0`;
    this.nodes.push({ op, name, inputs, outputs: [name], attributes });
    return name;
  }
  constant(tensor: TensorSpec): string {
    const name = `const_fold_opt__${Object.keys(this.initializers).length}`;
    this.initializers[name] = tensor;
    return name;
  }
  number(value: number): string {
    return this.constant({ dims: [], floats: [value] });
  }
  /** larq.math.sign, of which SteSign, ApproxSign and SwishSign are the forward pass. */
  sign(x: string): string {
    const inner = this.node('Sign', [x]);
    return this.node('Sign', [this.node('Add', [inner, this.number(LITTLE)])]);
  }
  batchNorm(x: string): string {
    const parts = [
      seeded([CHANNELS], 0.2, 1),
      seeded([CHANNELS], 0.3),
      seeded([CHANNELS], 0.4),
      seeded([CHANNELS], 0.3, 1),
    ];
    const names = parts.map((part) => this.constant(part));
    return this.node('BatchNormalization', [x, ...names], EPSILON);
  }
  /** The logits of a map [N, C, H, W]. */
  head(x: string, opset: number): void {
    const mean =
      opset < 18
        ? this.node('ReduceMean', [x], { axes: [2, 3], keepdims: 0 })
        : this.node('ReduceMean', [x, this.constant(int64s(2, 3))], { keepdims: 0 });
    const scores = this.node('MatMul', [mean, this.constant(seeded([CHANNELS, 10], 0.2))]);
    this.end(this.node('Add', [scores, this.constant(seeded([10], 0.1))]));
  }
  /** Keras's softmax gives the result. */
  end(scores: string): void {
    this.nodes.push({
      op: 'Softmax',
      inputs: [scores],
      outputs: ['logits'],
      attributes: { axis: -1 },
    });
  }
}

/** A float layer in front, as every network has: [N, H, W, 3] to [N, C, H, W]. */
function stem(net: Net): string {
  const x = net.node('Transpose', ['image'], TO_NCHW);
  const weights = net.constant(seeded([CHANNELS, 3, 3, 3], 0.3));
  return net.batchNorm(net.node('Conv', [x, weights], SAME));
}

const LATENT = seeded([CHANNELS, CHANNELS, 3, 3]);

/** What stands between the stem and the head: a map [N, C, H, W] to another. */
interface Idiom {
  readonly about: string;
  /** Layers that are products of bits. */
  readonly binary: number;
  readonly opset?: number;
  /** Gives undefined where it has ended the network itself. */
  build(net: Net, x: string): string | undefined;
}

/** A binary convolution whose weights are constants of -1 and +1. */
const binaryConv = (net: Net, x: string, attributes: NodeSpec['attributes'] = SAME): string =>
  net.node('Conv', [net.sign(x), net.constant(signs(LATENT))], attributes);

const IDIOMS: readonly Idiom[] = [
  {
    about: 'weights within quantized_scope, or folded: -1 and +1',
    binary: 1,
    build: (net, x) => net.batchNorm(binaryConv(net, x)),
  },
  {
    about: 'latent weights behind a sign, transposed in the graph',
    binary: 1,
    build(net, x) {
      const kernel = net.sign(net.constant(seeded([3, 3, CHANNELS, CHANNELS])));
      const weights = net.node('Transpose', [kernel], TO_OIHW);
      return net.batchNorm(net.node('Conv', [net.sign(x), weights], SAME));
    },
  },
  {
    about: 'a batch norm folded into the convolution: one magnitude an output, and a bias',
    binary: 1,
    build(net, x) {
      const scaled = signs(LATENT, (o) => 0.02 + 0.001 * o);
      const weights = [net.constant(scaled), net.constant(seeded([CHANNELS], 0.3))];
      return net.node('Conv', [net.sign(x), ...weights], SAME);
    },
  },
  {
    about: 'a batch norm folded, one scale of it negative',
    binary: 2,
    build(net, x) {
      const scaled = signs(LATENT, (o) => (o === 5 ? -0.03 : 0.02 + 0.001 * o));
      const weights = [net.constant(scaled), net.constant(seeded([CHANNELS], 0.3))];
      const y = net.node('Conv', [net.sign(x), ...weights], SAME);
      return net.batchNorm(binaryConv(net, y));
    },
  },
  {
    about: 'a convolution, a pooling, a batch norm',
    binary: 1,
    build(net, x) {
      const pooling = { kernel_shape: [2, 2], strides: [2, 2] };
      return net.batchNorm(net.node('MaxPool', [binaryConv(net, x)], pooling));
    },
  },
  {
    about: 'pad_values=1: a Pad of NHWC maps in front of a transposition',
    binary: 1,
    build(net, x) {
      const bits = net.sign(net.node('Transpose', [x], TO_NHWC));
      const pads = net.constant(int64s(0, 1, 1, 0, 0, 1, 1, 0));
      const padded = net.node('Pad', [bits, pads, net.number(1)], { mode: 'constant' });
      const map = net.node('Transpose', [padded], TO_NCHW);
      return net.batchNorm(net.node('Conv', [map, net.constant(signs(LATENT))], VALID));
    },
  },
  {
    about: 'pad_values=1: a Pad behind the transposition',
    binary: 1,
    build(net, x) {
      const pads = net.constant(int64s(0, 0, 1, 1, 0, 0, 1, 1));
      const padded = net.node('Pad', [net.sign(x), pads, net.number(1)], { mode: 'constant' });
      return net.batchNorm(net.node('Conv', [padded, net.constant(signs(LATENT))], VALID));
    },
  },
  {
    about: 'strides of 2 and padding same: one row and column behind',
    binary: 1,
    build: (net, x) =>
      net.batchNorm(
        binaryConv(net, x, { kernel_shape: [3, 3], strides: [2, 2], pads: [0, 0, 1, 1] }),
      ),
  },
  {
    about: 'strides of 2 and padding same of sizes that were not known',
    binary: 1,
    build: (net, x) =>
      net.batchNorm(
        binaryConv(net, x, { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }),
      ),
  },
  {
    about: 'a batch norm as a product and a sum of NHWC maps',
    binary: 2,
    build(net, x) {
      const nhwc = net.node('Transpose', [binaryConv(net, x)], TO_NHWC);
      const product = net.node('Mul', [nhwc, net.constant(seeded([CHANNELS], 0.01, 0.05))]);
      const sum = net.node('Add', [product, net.constant(seeded([CHANNELS], 0.3))]);
      const bits = net.node('Transpose', [net.sign(sum)], TO_NCHW);
      return net.batchNorm(net.node('Conv', [bits, net.constant(signs(LATENT))], SAME));
    },
  },
  {
    about: 'shortcuts around binary layers, summed as NHWC maps',
    binary: 2,
    build(net, x) {
      const sum = (from: string) => {
        const [a, b] = [net.batchNorm(binaryConv(net, from)), from].map((map) =>
          net.node('Transpose', [map], TO_NHWC),
        );
        return net.node('Transpose', [net.node('Add', [a as string, b as string])], TO_NCHW);
      };
      return sum(sum(x));
    },
  },
  {
    about: 'PReLU over channels behind a binary layer',
    binary: 2,
    build(net, x) {
      const slope = net.constant(seeded([CHANNELS, 1, 1], 0.1, 0.25));
      return net.batchNorm(binaryConv(net, net.node('PRelu', [binaryConv(net, x), slope])));
    },
  },
  {
    about: 'a binary depthwise convolution',
    binary: 1,
    build(net, x) {
      const weights = net.constant(signs(seeded([CHANNELS, 1, 3, 3])));
      const y = net.node('Conv', [net.sign(x), weights], { ...SAME, group: CHANNELS });
      return net.batchNorm(y);
    },
  },
  {
    about: 'binary dense layers behind Flatten, their batch norm a product and a sum',
    binary: 2,
    build(net, x) {
      const map = net.node('Transpose', [net.sign(x)], TO_NHWC);
      const size = SIDE * SIDE * CHANNELS;
      const flat = net.node('Reshape', [map, net.constant(int64s(-1, size))]);
      const first = net.node('MatMul', [flat, net.constant(signs(seeded([size, 64])))]);
      const product = net.node('Mul', [first, net.constant(seeded([64], 0.001, 0.01))]);
      const normed = net.node('Add', [product, net.constant(seeded([64], 0.3))]);
      const last = net.node('MatMul', [net.sign(normed), net.constant(signs(seeded([64, 10])))]);
      net.end(net.node('Mul', [last, net.number(0.1)]));
      return undefined;
    },
  },
  {
    about: 'MagnitudeAwareSign: a scale an output that the graph computes of latent weights',
    binary: 1,
    build(net, x) {
      const latent = net.constant(seeded([3, 3, CHANNELS, CHANNELS]));
      const mean = net.node('ReduceMean', [net.node('Abs', [latent])], { axes: [0, 1, 2] });
      const kernel = net.node('Mul', [net.sign(latent), mean]);
      const weights = net.node('Transpose', [kernel], TO_OIHW);
      return net.batchNorm(net.node('Conv', [net.sign(x), weights], SAME));
    },
  },
  {
    about: 'operator set 18: axes of a mean are an input',
    binary: 1,
    opset: 18,
    build: (net, x) => net.batchNorm(binaryConv(net, x)),
  },
  {
    about: 'SteHeaviside: activations of 0 and 1, which are no signs',
    binary: 0,
    build(net, x) {
      const bits = net.node('Sign', [net.node('Relu', [x])]);
      return net.batchNorm(net.node('Conv', [bits, net.constant(signs(LATENT))], SAME));
    },
  },
  {
    about: 'SteTern: weights of -1, 0 and 1',
    binary: 0,
    build(net, x) {
      const weights = net.constant({
        dims: LATENT.dims,
        floats: (LATENT.floats ?? []).map((w) => (Math.abs(w) < 0.3 ? 0 : Math.sign(w))),
      });
      return net.batchNorm(net.node('Conv', [net.sign(x), weights], SAME));
    },
  },
  {
    about: 'DoReFa: activations of two bits',
    binary: 0,
    build(net, x) {
      const limits = [net.number(0), net.number(1)];
      const scaled = net.node('Mul', [net.node('Clip', [x, ...limits]), net.number(3)]);
      const levels = net.node('Mul', [net.node('Round', [scaled]), net.number(1 / 3)]);
      return net.batchNorm(net.node('Conv', [levels, net.constant(signs(LATENT))], SAME));
    },
  },
];

/** Two pictures; the numbers of no layer lie near a sign's zero. */
const image = Float32Array.from(
  { length: 2 * SIDE * SIDE * 3 },
  (_, i) => 2 * Math.sin(i * 0.37) + 0.3 * Math.cos(i * i),
);
const SHAPE = [2, SIDE, SIDE, 3] as const;

describe.each(IDIOMS)('$about', ({ build, binary, opset = 13 }) => {
  const net = new Net();
  const end = build(net, stem(net));
  if (end !== undefined) net.head(end, opset);
  const { nodes, initializers } = net;
  const inputs = { image: ['N', SIDE, SIDE, 3] };
  const bytes = encodeOnnx({ nodes, initializers, inputs, outputs: { logits: ['N', 10] }, opset });

  test('another answer than onnxruntime, or a layer of bits in floats', async () => {
    const reference = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
    const feed = new OrtTensor('float32', image, SHAPE);
    const wanted = (await reference.run({ image: feed })).logits?.data as Float32Array;
    await reference.release();
    const session = await Session.create(bytes, { threads: 1, expect: { logits: 'f32' } });
    const { logits } = await session.run({ image: new Tensor('f32', image, SHAPE) });
    expect(logits.shape).toEqual([2, 10]);
    const apart = logits.data.map((x, i) => Math.abs(x - (wanted[i] as number)));
    expect(Math.max(...apart)).toBeLessThan(1e-5);
    const { rows } = layers(session.graph);
    const ofBits = rows.filter(
      ({ op, inputDtype, weightDtype }) =>
        ['conv2d', 'dense'].includes(op) && inputDtype === 'b1' && weightDtype === 'b1',
    );
    expect(ofBits).toHaveLength(binary);
    await session.release();
  });
});
