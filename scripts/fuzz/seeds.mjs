/**
 * Small valid files of every kind to begin with. Mutations combine features that they would hardly
 * find by themselves. Not here: mutations, reading.
 */
import { gzipSync } from 'node:zlib';
import { writeNpy } from '../../src/formats/npy.ts';
import { encodeModel } from '../../src/formats/safetensors/model.ts';
import { writeSafetensors } from '../../src/formats/safetensors/safetensors.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { encodeOnnx, floats, int64s } from '../../test/formats/onnx-encoder.ts';
import { randomNetwork } from '../../test/passes/random-network.ts';
import { RandomGraph } from '../../test/runtime/random-graph.ts';
import { programSeeds } from './program.mjs';
import { Random } from './random.mjs';

const random = new Random(1);
const F = (dims) => ({
  dims,
  floats: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.below(9) / 2 - 2),
  raw: true,
});
const QONNX = 'qonnx.custom_op.general';
const node = (op, inputs, outputs, attributes = {}, domain = undefined) => ({
  op,
  inputs,
  outputs,
  attributes,
  ...(domain && { domain }),
});

/** A model of nodes in a row: each takes the one before and its own weights. */
function chain(input, steps, options = {}) {
  const initializers = {};
  const nodes = steps.map(([op, weights = {}, attributes = {}, domain = undefined], i) => {
    const names = Object.entries(weights).map(([name, tensor]) => {
      if (tensor === undefined) return '';
      initializers[`${name}${i}`] = tensor;
      return `${name}${i}`;
    });
    return node(
      op,
      [i === 0 ? 'x' : `t${i}`, ...names],
      [i === steps.length - 1 ? 'y' : `t${i + 1}`],
      attributes,
      domain,
    );
  });
  return encodeOnnx({
    nodes,
    inputs: { x: input },
    outputs: { y: undefined },
    initializers,
    ...options,
  });
}

const scalar = (value) => floats([], [value]);
const quant = (bits, signed = 1) => [
  'Quant',
  { s: scalar(0.5), z: scalar(0), b: scalar(bits) },
  { signed, narrow: 0 },
  QONNX,
];
const bipolar = ['BipolarQuant', { s: scalar(1) }, {}, QONNX];
const norm = (c) => [
  'BatchNormalization',
  { g: F([c]), b: F([c]), m: F([c]), v: floats([c], Array(c).fill(1)) },
];

function onnxSeeds() {
  const image = ['N', 3, 8, 8];
  return [
    chain(image, [
      ['Conv', { w: F([4, 3, 3, 3]), b: F([4]) }, { pads: [1, 1, 1, 1], strides: [2, 2] }],
      norm(4),
      ['Relu'],
      ['GlobalAveragePool'],
      ['Flatten'],
      ['Gemm', { w: F([5, 4]), b: F([5]) }, { transB: 1 }],
      ['Softmax'],
    ]),
    chain(
      ['N', 3, 'h', 'w'],
      [
        ['Conv', { w: F([4, 3, 3, 3]) }, { strides: [2, 2], auto_pad: 'SAME_UPPER' }],
        norm(4),
        ['GlobalMaxPool'],
        ['Flatten'],
        ['MatMul', { w: F([4, 5]) }],
      ],
    ),
    chain(image, [
      bipolar,
      ['Conv', { w: F([8, 3, 3, 3]) }, { pads: [1, 1, 1, 1] }],
      norm(8),
      bipolar,
      ['MaxPool', {}, { kernel_shape: [2, 2], strides: [2, 2] }],
      ['Flatten'],
      ['MatMul', { w: F([128, 6]) }],
    ]),
    chain(image, [
      ['Sign'],
      ['Conv', { w: F([6, 1, 3, 3]) }, { group: 3, dilations: [2, 2], pads: [2, 2, 2, 2] }],
      ['LeakyRelu', {}, { alpha: { float: 0.25 } }],
      ['AveragePool', {}, { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }],
    ]),
    chain(image, [
      quant(2),
      ['Conv', { w: F([4, 3, 1, 1]) }],
      quant(4, 0),
      ['MaxPool', {}, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }],
      ['Transpose', {}, { perm: [0, 2, 3, 1] }],
      ['Mul', { s: F([4]) }],
      ['Add', { b: F([4]) }],
    ]),
    chain(image, [
      [
        'MultiThreshold',
        { t: floats([3, 3], [-1, 0, 1, -2, 0, 2, 0, 1, 2]) },
        { out_scale: { float: 2 }, out_bias: { float: -1 } },
        'finn.custom_op.general',
      ],
      ['Conv', { w: F([4, 3, 2, 2]) }, { auto_pad: 'SAME_UPPER' }],
    ]),
    chain(
      [2, 3, 4],
      [
        ['Transpose', {}, { perm: [0, 2, 1] }],
        ['Reshape', { s: int64s(0, -1) }],
        ['Clip', { a: scalar(-1), b: scalar(2) }],
        ['Pad', { p: int64s(0, 1, 0, 2) }],
        ['Slice', { a: int64s(1), b: int64s(9), c: int64s(1), d: int64s(2) }],
        ['ReduceMean', {}, { axes: [1], keepdims: 0 }],
      ],
    ),
    chain(
      [2, 3, 4],
      [
        ['Unsqueeze', { s: int64s(1) }],
        ['Expand', { s: int64s(2, 2, 3, 4) }],
        ['Squeeze', {}, {}],
        ['ReduceSum', { a: int64s(-1) }],
        ['Exp'],
        ['Log'],
        ['Sqrt'],
        ['Tanh'],
        ['Sigmoid'],
        ['Floor'],
        ['Neg'],
        ['Abs'],
      ],
    ),
    chain(
      [2, 5],
      [
        ['Gemm', { w: F([5, 4]) }, { alpha: { float: 0.5 } }],
        ['PRelu', { s: F([4]) }],
        ['Pow', { e: scalar(2) }],
        ['Div', { d: scalar(4) }],
        ['Max', { m: F([4]) }],
        ['Min', { m: F([4]) }],

        ['Round'],
      ],
    ),
    encodeOnnx({
      nodes: [
        node('Shape', ['x'], ['s']),
        node('Gather', ['s', 'i'], ['n']),
        node('Unsqueeze', ['n', 'zero'], ['n1']),
        node('Concat', ['n1', 'rest'], ['to'], { axis: 0 }),
        node('Reshape', ['x', 'to'], ['flat']),
        node('Split', ['flat', 'parts'], ['a', 'b'], { axis: 1 }),
        node('Concat', ['b', 'a'], ['c'], { axis: 1 }),
        node('ConstantOfShape', ['fill'], ['ones'], { value: { tensor: floats([1], [1]) } }),
        node('Add', ['c', 'ones'], ['d']),
        node('Sub', ['d', 'ones'], ['e']),
        node('Identity', ['e'], ['y']),
      ],
      inputs: { x: ['N', 2, 4] },
      outputs: { y: undefined },
      initializers: {
        i: { dims: [], int64s: [0] },
        zero: int64s(0),
        rest: int64s(-1),
        parts: int64s(4, 4),
        fill: int64s(1, 8),
      },
    }),
    chain(
      image,
      [
        ['Conv', { w: F([4, 3, 3, 3]) }, { pads: [1, 1, 1, 1] }],
        ['Clip', {}, { min: { float: -1 }, max: { float: 1 } }],
        ['AveragePool', {}, { kernel_shape: [2, 2], strides: [2, 2] }],
        ['Reshape', { s: int64s(0, -1) }],
      ],
      { opset: 9 },
    ),
  ];
}

/** Integers as raw_data of a TensorProto.DataType, one a byte; of 4 bits two a byte. */
const packed = (dataType, dims, count) => ({
  dims,
  dataType,
  bytes: Uint8Array.from({ length: count }, (_, i) => (i * 89 + 17) % 256),
});
const [UINT8, INT8, INT32, INT4] = [2, 3, 6, 22];
const I8 = (dims) => packed(INT8, dims, product(dims));
const zero = (dataType) => ({ dims: [], dataType, bytes: new Uint8Array(1) });
const product = (dims) => dims.reduce((all, dim) => all * dim, 1);
const MICROSOFT = {
  opset: [
    ['', 21],
    ['com.microsoft', 1],
  ],
};

/** Quantized networks: QDQ in every granularity, QLinear ops, and those of onnxruntime. */
function quantizedSeeds() {
  const image = ['N', 3, 6, 6];
  const own = { s: scalar(0.05), z: zero(UINT8) };
  const steps = (count) => floats([count], Array(count).fill(0.02));
  const dequantized = (name, spec, attributes) => [
    node('DequantizeLinear', [`${name}q`, `${name}s`], [name], attributes),
    { [`${name}q`]: spec, [`${name}s`]: attributes.block_size ? F([4, 2]) : steps(4) },
  ];
  const [conv, convData] = dequantized('w', I8([4, 3, 3, 3]), { axis: 0 });
  const blocks = { axis: 1, block_size: 2 };
  const [dense, denseData] = dequantized('v', packed(INT4, [4, 4], 8), blocks);
  denseData.vs = floats([4, 2], Array(8).fill(0.25));
  return [
    chain(image, [
      ['QuantizeLinear', own],
      ['DequantizeLinear', own],
      ['Relu'],
      ['QuantizeLinear', { s: steps(3), z: I8([3]) }, { axis: 1 }],
      ['Clip', { a: zero(INT8) }],
      ['MaxPool', {}, { kernel_shape: [2, 2] }],
      ['DequantizeLinear', { s: steps(3), z: I8([3]) }, { axis: 1 }],
    ]),
    encodeOnnx({
      nodes: [
        node('QuantizeLinear', ['x', 's', 'z'], ['q']),
        node('DequantizeLinear', ['q', 's', 'z'], ['d']),
        conv,
        node('Conv', ['d', 'w'], ['c'], { pads: [1, 1, 1, 1] }),
        node('GlobalAveragePool', ['c'], ['g']),
        node('Flatten', ['g'], ['f']),
        dense,
        node('Gemm', ['f', 'v'], ['y'], { transB: 1 }),
      ],
      inputs: { x: image },
      outputs: { y: undefined },
      initializers: { ...own, ...convData, ...denseData },
      opset: 21,
    }),
    chain(
      image,
      [
        [
          'QLinearConv',
          {
            xs: scalar(0.1),
            xz: zero(UINT8),
            w: I8([4, 3, 3, 3]),
            ws: steps(4),
            wz: zero(INT8),
            ys: scalar(0.3),
            yz: zero(UINT8),
            b: packed(INT32, [4], 16),
          },
          { pads: [1, 1, 1, 1] },
        ],
        ['ConvInteger', { w: I8([2, 4, 2, 2]), z: zero(UINT8) }],
        ['Cast', {}, { to: 1 }],
      ],
      { inputType: UINT8 },
    ),
    encodeOnnx({
      nodes: [
        node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']),
        node('MatMulInteger', ['q', 'w', 'z'], ['i']),
        node('Cast', ['i'], ['f'], { to: 1 }),
        node('Mul', ['f', 's'], ['m']),
        node(
          'MatMulNBits',
          ['m', 'b', 't'],
          ['y'],
          { K: 16, N: 2, block_size: 16 },
          'com.microsoft',
        ),
      ],
      inputs: { x: ['N', 4] },
      outputs: { y: undefined },
      initializers: { w: I8([4, 16]), b: packed(UINT8, [2, 1, 8], 16), t: steps(2) },
      ...MICROSOFT,
    }),
    chain(
      image,
      [
        [
          'QLinearAdd',
          {
            s: scalar(0.1),
            z: undefined,
            b: packed(UINT8, [3, 1, 1], 3),
            v: scalar(0.2),
            w: undefined,
            u: scalar(0.3),
          },
          {},
          'com.microsoft',
        ],
        [
          'QLinearGlobalAveragePool',
          { s: scalar(0.3), z: zero(UINT8), v: scalar(0.3), w: zero(UINT8) },
          {},
          'com.microsoft',
        ],
      ],
      { inputType: UINT8, ...MICROSOFT },
    ),
    chain(image, [
      quant(4),
      ['Trunc', { s: scalar(0.5), z: scalar(0), i: scalar(8), o: scalar(4) }, {}, QONNX],
      [
        'Trunc',
        { s: scalar(0.5), z: scalar(1), i: scalar(8), v: scalar(2), o: scalar(4) },
        { rounding_mode: 'ROUND', signed: 0 },
        QONNX,
      ],
    ]),
  ];
}

function graphSeeds() {
  const graphs = Array.from({ length: 28 }, (_, i) => new RandomGraph(i + 1).draw().graph);
  const networks = Array.from({ length: 10 }, (_, i) => randomNetwork(i + 1).graph);
  return [...graphs, ...networks]
    .map((graph) => encodeModel(graph))
    .filter((bytes) => bytes.length < 40_000);
}

function tensorSeeds() {
  const data = new Uint8Array(new Float32Array(12).buffer);
  return ['F32', 'I32', 'BF16', 'U8', 'I64'].map((dtype) => {
    const size = { F32: 4, I32: 4, BF16: 2, U8: 1, I64: 8 }[dtype];
    const tensors = new Map([
      ['a', { dtype, shape: [48 / size], data }],
      ['b', { dtype: 'F32', shape: [3, 4], data }],
    ]);
    return Buffer.from(writeSafetensors({ metadata: new Map([['format', 'pt']]), tensors }));
  });
}

function npySeeds() {
  const tensors = [
    new Tensor(
      'f32',
      Float32Array.from({ length: 12 }, (_, i) => i / 2),
      [3, 4],
    ),
    new Tensor('i32', Int32Array.of(1, -2, 3), [3]),
    new Tensor('u8', Uint8Array.of(1), []),
    new Tensor('i8', Int8Array.of(1, -2, 3, 4), [2, 1, 2]),
    new Tensor('f32', new Float32Array(0), [0, 3]),
  ];
  const files = tensors.map((tensor) => Buffer.from(writeNpy(tensor)));
  const fortran = Buffer.from(
    files[0].toString('latin1').replace("'fortran_order': False", "'fortran_order': True "),
    'latin1',
  );
  return [...files, fortran];
}

function idxSeeds() {
  const images = Buffer.from([
    0,
    0,
    8,
    3,
    0,
    0,
    0,
    2,
    0,
    0,
    0,
    3,
    0,
    0,
    0,
    4,
    ...Array.from({ length: 24 }, (_, i) => i * 9),
  ]);
  const labels = Buffer.from([0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 9]);
  return [images, labels, gzipSync(images), gzipSync(labels)];
}

const RECIPES = [
  {
    layout: 'NCHW',
    color: 'rgb',
    scale: 1 / 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    resize: 8,
    crop: 6,
  },
  {
    preprocess: {
      layout: 'NHWC',
      color: 'gray',
      quantize: { step: 0.5, min: -1, max: 1, round: 'half-up' },
    },
    labels: ['a', 'b'],
  },
  { preprocess: { layout: 'flat', color: 'bgr' }, labels: 'labels.json' },
];

async function pictureSeeds() {
  try {
    const sharp = (await import('sharp')).default;
    const raw = { width: 12, height: 9, channels: 3 };
    const pixels = Buffer.from({
      length: 324,
      ...Array.from({ length: 324 }, (_, i) => (i * 7) & 255),
    });
    const picture = sharp(pixels, { raw });
    return await Promise.all([
      picture.clone().jpeg().toBuffer(),
      picture.clone().png().toBuffer(),
      picture.clone().greyscale().png().toBuffer(),
      picture.clone().png({ palette: true }).toBuffer(),
      picture.clone().ensureAlpha().png().toBuffer(),
      picture.clone().jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer(),
    ]);
  } catch {
    return []; // sharp is optional
  }
}

/** The beginnings of every reader's files. */
export async function seeds() {
  return {
    onnx: [...onnxSeeds(), ...quantizedSeeds()],
    safetensors: [...graphSeeds(), ...tensorSeeds()],
    npy: npySeeds(),
    idx: idxSeeds(),
    cifar: [
      Buffer.concat([0, 7].map((label) => Buffer.from([label, ...Array(3072).fill(label * 20)]))),
      Buffer.from('airplane\nautomobile\n'),
    ],
    recipe: RECIPES.map((recipe) => Buffer.from(JSON.stringify(recipe))),
    program: programSeeds(),
    picture: await pictureSeeds(),
  };
}
