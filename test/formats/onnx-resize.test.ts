/** Resize, Upsample, blocks of pixels, copies and further reductions: against onnxruntime. */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { expectAgreement, fileOf, type OpCase } from './onnx-cases.js';
import { floats, type NodeSpec, type TensorSpec } from './onnx-encoder.js';

const list = (...int64s: number[]): TensorSpec => ({ dims: [int64s.length], int64s });

const resize = (
  what: string,
  scales: readonly number[],
  attributes: NodeSpec['attributes'],
  opset = 13,
): OpCase => ({
  what: `Resize, ${what}, by ${scales.slice(2)}`,
  nodes: [{ op: 'Resize', inputs: ['x', '', 'scales'], attributes: attributes ?? {} }],
  initializers: { scales: floats([scales.length], scales) },
  opset,
});

const sized = (
  what: string,
  sizes: readonly number[],
  attributes: NodeSpec['attributes'],
): OpCase => ({
  what: `Resize, ${what}, to ${sizes.slice(2)}`,
  nodes: [{ op: 'Resize', inputs: ['x', '', '', 'sizes'], attributes: attributes ?? {} }],
  initializers: { sizes: list(...sizes) },
});

const COORDINATES = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];
const ROUNDINGS = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];

const cases: OpCase[] = [
  ...COORDINATES.flatMap((mode) => [
    ...ROUNDINGS.flatMap((rounding) =>
      [2, 1.5, 0.6].map((scale) =>
        resize(`nearest, ${mode}, ${rounding}`, [1, 1, scale, scale], {
          mode: 'nearest',
          coordinate_transformation_mode: mode,
          nearest_mode: rounding,
        }),
      ),
    ),
    ...['linear', 'cubic'].flatMap((kind) => [
      ...[2, 1.7, 0.5].map((scale) =>
        resize(`${kind}, ${mode}`, [1, 1, scale, scale], {
          mode: kind,
          coordinate_transformation_mode: mode,
        }),
      ),
      sized(`${kind}, ${mode}`, [2, 4, 7, 1], {
        mode: kind,
        coordinate_transformation_mode: mode,
      }),
    ]),
  ]),
  resize('cubic, what lies outside left out', [1, 1, 2, 2], {
    mode: 'cubic',
    exclude_outside: 1,
    cubic_coeff_a: { float: -0.5 },
  }),
  sized('nearest', [2, 4, 10, 18], { mode: 'nearest' }),
  sized('nearest, unchanged', [2, 4, 5, 6], { mode: 'nearest' }),
  {
    what: 'Resize 10',
    nodes: [{ op: 'Resize', inputs: ['x', 'scales'], attributes: { mode: 'linear' } }],
    initializers: { scales: floats([4], [1, 1, 2, 3]) },
    opset: 10,
  },
  {
    what: 'Resize 18, axes',
    nodes: [
      { op: 'Resize', inputs: ['x', '', 'scales'], attributes: { axes: [2, 3], mode: 'linear' } },
    ],
    initializers: { scales: floats([2], [2, 3]) },
    opset: 18,
  },
  {
    what: 'Resize 19, half_pixel_symmetric',
    nodes: [
      {
        op: 'Resize',
        inputs: ['x', '', 'scales'],
        attributes: { coordinate_transformation_mode: 'half_pixel_symmetric', mode: 'linear' },
      },
    ],
    initializers: { scales: floats([4], [1, 1, 1.3, 2.6]) },
    opset: 19,
  },
  {
    what: 'Upsample 7',
    nodes: [{ op: 'Upsample', inputs: ['x'], attributes: { scales: { floats: [1, 1, 2, 3] } } }],
    opset: 7,
  },
  {
    what: 'Upsample 9, linear',
    nodes: [{ op: 'Upsample', inputs: ['x', 'scales'], attributes: { mode: 'linear' } }],
    initializers: { scales: floats([4], [1, 1, 2, 2]) },
    opset: 9,
  },
  ...['DCR', 'CRD'].map((mode) => ({
    what: `DepthToSpace, ${mode}`,
    x: [2, 12, 3, 5],
    nodes: [{ op: 'DepthToSpace', inputs: ['x'], attributes: { blocksize: 2, mode } }],
  })),
  {
    what: 'SpaceToDepth',
    x: [2, 3, 4, 6],
    nodes: [{ op: 'SpaceToDepth', inputs: ['x'], attributes: { blocksize: 2 } }],
  },
  {
    what: 'Tile',
    x: [2, 1, 3],
    nodes: [{ op: 'Tile', inputs: ['x', 'r'] }],
    initializers: { r: list(3, 2, 2) },
  },
  {
    what: 'Tile and Range of integers',
    x: [4, 3],
    nodes: [
      { op: 'Range', inputs: ['a', 'b', 'c'], outputs: ['line'] },
      { op: 'Unsqueeze', inputs: ['line', 'front'], outputs: ['row'] },
      { op: 'Tile', inputs: ['row', 'r'], outputs: ['table'] },
      { op: 'Cast', inputs: ['table'], outputs: ['floats'], attributes: { to: 1 } },
      { op: 'Add', inputs: ['x', 'floats'] },
    ],
    initializers: {
      a: { dims: [], int64s: [7] },
      b: { dims: [], int64s: [1] },
      c: { dims: [], int64s: [-2] },
      front: list(0),
      r: list(4, 1),
    },
  },
  {
    what: 'Range of floats',
    x: [2, 5],
    nodes: [
      { op: 'Range', inputs: ['a', 'b', 'c'], outputs: ['line'] },
      { op: 'Add', inputs: ['x', 'line'] },
    ],
    initializers: { a: floats([], [0.5]), b: floats([], [3]), c: floats([], [0.5]) },
  },
  ...['ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSumExp'].flatMap((op) =>
    [0, 1].map((keepdims) => ({
      what: `${op}, keepdims ${keepdims}`,
      nodes: [{ op, inputs: ['x'], attributes: { axes: [1, -1], keepdims } }],
    })),
  ),
  {
    what: 'ReduceLogSum',
    nodes: [
      { op: 'Abs', inputs: ['x'], outputs: ['size'] },
      { op: 'ReduceLogSum', inputs: ['size'], attributes: { axes: [2, 3] } },
    ],
  },
  {
    what: 'ReduceLogSumExp of large numbers',
    nodes: [
      { op: 'Mul', inputs: ['x', 'large'], outputs: ['y0'] },
      { op: 'ReduceLogSumExp', inputs: ['y0'], attributes: { axes: [3] } },
    ],
    initializers: { large: floats([], [1000]) },
  },
];

/** onnxruntime computes the weights of cubic interpolation in float32, 16 of them a number. */
const CUBIC = 1e-5;

test.each(cases)('$what: as onnxruntime', async (c) => {
  await expectAgreement(c.what.includes('cubic') ? { ...c, tolerance: CUBIC } : c);
});

describe('refused by name', () => {
  const refused = (op: string, attributes: NodeSpec['attributes'], scales: number[]) => () =>
    importOnnx(
      fileOf({
        nodes: [
          {
            op,
            name: 'q',
            inputs: ['x', '', 'scales'],
            outputs: ['y'],
            attributes: attributes ?? {},
          },
        ],
        inputs: { x: [1, 2, 4, 4] },
        initializers: { scales: floats([scales.length], scales) },
        opset: 19,
      }),
    );
  test.each([
    [
      { coordinate_transformation_mode: 'half' },
      [1, 1, 2, 2],
      /coordinate_transformation_mode of half_pixel, .* but received "half"/,
    ],
    [{ antialias: 1 }, [1, 1, 2, 2], /Resize "q": expected antialias 0 but received 1/],
    [
      { coordinate_transformation_mode: 'tf_crop_and_resize' },
      [1, 1, 2, 2],
      /expected an input number 1 but received none/,
    ],
    [{ mode: 'area' }, [1, 1, 2, 2], /mode nearest, linear or cubic but received "area"/],
    [{}, [1, 2, 2], /expected 4 scales or sizes/],
    [{}, [1, 1, 0.1, 2], /expected sizes of 1 or more but received \[4, 0\]/],
  ])('%j', (attributes, scales, message) => {
    expect(refused('Resize', attributes, scales)).toThrow(message);
  });
});
