/**
 * State dicts in the authors' layout become states of our networks. The names and shapes here are
 * written as the releases build them, and not by the tables under test.
 */
import { describe, expect, test } from 'vitest';
import { readTensors, type Tensors } from '../../src/formats/tensors.js';
import { Tensor } from '../../src/tensor/tensor.js';
import * as zoo from '../../src/zoo/index.js';
import { encodeOnnx, floats } from '../formats/onnx-encoder.js';

type Shapes = [name: string, shape: number[]][];

const batchNorm = (name: string, channels: number): Shapes =>
  ['weight', 'bias', 'running_mean', 'running_var'].map((part) => [`${name}.${part}`, [channels]]);

/**
 * BiRealNet(BasicBlock, depths): each block one convolution; `react` adds what the block of
 * ReActNet's resnet folder has.
 */
function biRealShapes(classes: number, react: boolean): Shapes {
  const shapes: Shapes = [['conv1.weight', [64, 3, 7, 7]], ...batchNorm('bn1', 64)];
  let channels = 64;
  for (const [stage, width] of [64, 128, 256, 512].entries()) {
    for (let i = 0; i < 4; i++) {
      const block = `layer${stage + 1}.${i}`;
      if (react) shapes.push([`${block}.move0.bias`, [1, channels, 1, 1]]);
      shapes.push(
        react
          ? [`${block}.binary_conv.weight`, [width, channels, 3, 3]]
          : [`${block}.binary_conv.weights`, [width * channels * 9, 1]],
      );
      shapes.push(...batchNorm(`${block}.bn1`, width));
      if (react)
        shapes.push(
          [`${block}.move1.bias`, [1, width, 1, 1]],
          [`${block}.prelu.weight`, [width]],
          [`${block}.move2.bias`, [1, width, 1, 1]],
        );
      if (width !== channels)
        shapes.push(
          [`${block}.downsample.1.weight`, [width, channels, 1, 1]],
          ...batchNorm(`${block}.downsample.2`, width),
        );
      channels = width;
    }
  }
  return [...shapes, ['fc.weight', [classes, 512]], ['fc.bias', [classes]]];
}

function reActNetShapes(classes: number): Shapes {
  const widths = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
  const shapes: Shapes = [
    ['feature.0.conv1.weight', [32, 3, 3, 3]],
    ...batchNorm('feature.0.bn1', 32),
  ];
  for (let i = 1; i < widths.length; i++) {
    const [from, to] = [widths[i - 1]!, widths[i]!];
    const bias = (name: string, channels: number): Shapes => [
      [`feature.${i}.${name}.bias`, [1, channels, 1, 1]],
    ];
    shapes.push(
      ...bias('move11', from),
      [`feature.${i}.binary_3x3.weights`, [from * from * 9, 1]],
      ...batchNorm(`feature.${i}.bn1`, from),
    );
    shapes.push(
      ...bias('move12', from),
      [`feature.${i}.prelu1.weight`, [from]],
      ...bias('move13', from),
      ...bias('move21', from),
    );
    const pointwise =
      from === to
        ? [['binary_pw', 'bn2']]
        : [
            ['binary_pw_down1', 'bn2_1'],
            ['binary_pw_down2', 'bn2_2'],
          ];
    for (const [conv, bn] of pointwise)
      shapes.push(
        [`feature.${i}.${conv}.weights`, [from * from, 1]],
        ...batchNorm(`feature.${i}.${bn}`, from),
      );
    shapes.push(...bias('move22', to), [`feature.${i}.prelu2.weight`, [to]], ...bias('move23', to));
  }
  return [...shapes, ['fc.weight', [classes, 1024]], ['fc.bias', [classes]]];
}

/**
 * Numbers by which every element is known: 1000 times the tensor's place, plus its own. Exact in
 * float32 where they are compared.
 */
function tensorsOf(shapes: Shapes): Tensors {
  return Object.fromEntries(
    shapes.map(([name, shape], place) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      for (let i = 0; i < data.length; i++) data[i] = place * 1000 + (i % 997);
      return [name, new Tensor('f32', data, shape)];
    }),
  );
}

/** The names whose tensors differ; millions of numbers are compared as bytes. */
function unlike(a: Tensors, b: Tensors): string[] {
  const bytes = ({ data }: Tensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.filter((name) => Buffer.compare(bytes(a[name]!), bytes(b[name]!)) !== 0);
}

const small = { classes: 3, inputSize: 32 };

describe.each([
  ['Bi-Real-18', zoo.biReal18(small), biRealShapes(3, false), zoo.BI_REAL_NAMES],
  ['ReAct-Bi-Real-18', zoo.reActBiReal18(small), biRealShapes(3, true), zoo.REACT_BI_REAL_NAMES],
  ['ReActNet-A', zoo.reActNetA(small), reActNetShapes(3), zoo.REACT_NET_A_NAMES],
] as const)('%s', (_, network, shapes, rules) => {
  test('every tensor of the release has its place, behind DataParallel too', () => {
    const tensors = tensorsOf(shapes);
    const state = zoo.importState(network, tensors, rules);
    const parallel = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [`module.${name}`, tensor]),
    );
    expect(unlike(zoo.importState(network, parallel, rules), state)).toEqual([]);
    const sum = (values: Iterable<Tensor>) =>
      [...values].reduce(
        (total, { data }) => total + (data as Float32Array).reduce((a, b) => a + b, 0),
        0,
      );
    expect(sum(Object.values(state))).toBe(sum(Object.values(tensors)));
    expect(() => network.graph(state)).not.toThrow();
  });

  test('every misfit is listed in one error', () => {
    const { 'fc.bias': bias, ...rest } = tensorsOf(shapes);
    const broken = { ...rest, 'fc.weight': bias!, extra: bias! };
    const misfits = [
      'fc\\.weight \\[3\\] does not fit fc/weight \\[3, (512|1024)\\]',
      'missing fc\\.bias for fc/bias',
      'unknown extra',
    ];
    expect(() => zoo.importState(network, broken, rules)).toThrow(
      new RegExp(`^state: the state dict does not fit the model: ${misfits.join('; ')}$`),
    );
  });
});

test('weights [O, I, kh, kw], flat or not, become [O, kh, kw, I]', () => {
  const network = zoo.biReal18(small);
  const flat = tensorsOf(biRealShapes(3, false));
  const name = 'layer2.0.binary_conv.weights';
  const got = zoo.importState(network, flat, zoo.BI_REAL_NAMES)['layer2/0/conv/weight']!;
  expect(got.shape).toEqual([128, 3, 3, 64]);
  const [o, h, w, i] = [5, 1, 2, 17];
  expect(got.data[((o * 3 + h) * 3 + w) * 64 + i]).toBe(
    flat[name]!.data[((o * 64 + i) * 3 + h) * 3 + w],
  );
  const { [name]: moved, ...others } = flat;
  const square = {
    ...others,
    'layer2.0.binary_conv.weight': new Tensor('f32', moved!.data, [128, 64, 3, 3]),
  };
  expect(
    unlike(
      zoo.importState(network, square, zoo.BI_REAL_NAMES),
      zoo.importState(network, flat, zoo.BI_REAL_NAMES),
    ),
  ).toEqual([]);
});

test('the two 1x1 convolutions of a widening block are joined', () => {
  const tensors = tensorsOf(reActNetShapes(3));
  const state = zoo.importState(zoo.reActNetA(small), tensors, zoo.REACT_NET_A_NAMES);
  expect(state['unit1/bn2/gamma']!.data[0]).toBe(tensors['feature.1.bn2_1.weight']!.data[0]);
  expect(state['unit1/bn2/gamma']!.data[32]).toBe(tensors['feature.1.bn2_2.weight']!.data[0]);
  expect(state['unit1/conv1/weight']!.data[32 * 32]).toBe(
    tensors['feature.1.binary_pw_down2.weights']!.data[0],
  );
});

test('the initializers of an ONNX file are imported by name', async () => {
  const initializers = {
    'fc.weight': floats([2, 2], [1, 2, 3, 4]),
    'fc.bias': floats([2], [5, 6]),
  };
  const bytes = encodeOnnx({
    inputs: { x: [1, 2] },
    outputs: { y: [1, 2] },
    initializers,
    nodes: [{ op: 'Gemm', inputs: ['x', 'fc.weight', 'fc.bias'], outputs: ['y'] }],
  });
  expect(await readTensors(bytes)).toEqual({
    'fc.weight': new Tensor('f32', Float32Array.of(1, 2, 3, 4), [2, 2]),
    'fc.bias': new Tensor('f32', Float32Array.of(5, 6), [2]),
  });
});
