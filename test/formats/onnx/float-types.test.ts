/**
 * Floats of other widths than 32 bits in a file: constants, casts, inputs and outputs, all of them
 * computed in float32. onnxruntime computes halves as floats too where it has no kernel of halves.
 * Not here: their bits (./half.test.ts).
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { importOnnx } from '../../../src/formats/onnx/import.js';
import { topological } from '../../../src/graph/value.js';
import { Tensor } from '../../../src/tensor/tensor.js';
import { interpret } from '../interpret.js';
import { encodeOnnx, floats, type ModelSpec, type TensorSpec } from '../onnx-encoder.js';

const TYPES = { FLOAT16: 10, DOUBLE: 11, BFLOAT16: 16 } as const;
/** 1, -2.5, 0.5, 3 in each type; all hold them exactly. */
const CONSTANTS: Record<keyof typeof TYPES, TensorSpec[]> = {
  FLOAT16: [
    { dims: [4], dataType: 10, bytes: Uint16Array.of(0x3c00, 0xc100, 0x3800, 0x4200) },
    { dims: [4], dataType: 10, int32s: [0x3c00, 0xc100, 0x3800, 0x4200] },
  ],
  BFLOAT16: [
    { dims: [4], dataType: 16, bytes: Uint16Array.of(0x3f80, 0xc020, 0x3f00, 0x4040) },
    { dims: [4], dataType: 16, int32s: [0x3f80, 0xc020, 0x3f00, 0x4040] },
  ],
  DOUBLE: [
    { dims: [4], doubles: [1, -2.5, 0.5, 3] },
    { dims: [4], doubles: [1, -2.5, 0.5, 3], raw: true },
  ],
};
const X = Float32Array.of(2, 1, -4, 0.25);

function model(type: number, c: TensorSpec, change: Partial<ModelSpec> = {}): Uint8Array {
  return encodeOnnx({
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['a'], attributes: { to: type } },
      { op: 'Mul', inputs: ['a', 'c'], outputs: ['b'] },
      { op: 'Cast', inputs: ['b'], outputs: ['y'], attributes: { to: 1 } },
    ],
    inputs: { x: [1, 4] },
    outputs: { y: [1, 4] },
    initializers: { c },
    ...change,
  });
}

for (const type of Object.keys(TYPES) as (keyof typeof TYPES)[]) {
  test(`constants of ${type} between casts give the file's result in f32`, async () => {
    for (const c of CONSTANTS[type]) {
      const file = model(TYPES[type], c);
      const graph = importOnnx(file);
      const { y } = interpret(graph, { x: new Tensor('f32', X, [1, 4]) }) as { y: Tensor };
      expect([...y.data]).toEqual([2, -2.5, -2, 0.75]);
      expect(topological(graph).map(({ op }) => op)).not.toContain('cast');
      if (type === 'BFLOAT16') continue; // onnxruntime has no Mul of these
      const session = await InferenceSession.create(file, { intraOpNumThreads: 1 });
      const wanted = await session.run({ x: new OrtTensor('float32', X, [1, 4]) });
      await session.release();
      expect([...y.data]).toEqual([...(wanted.y!.data as Float32Array)]);
    }
  });

  test(`an input and an output of ${type} are f32`, () => {
    const file = model(TYPES[type], CONSTANTS[type][0]!, {
      nodes: [{ op: 'Mul', inputs: ['x', 'c'], outputs: ['y'] }],
      inputType: TYPES[type],
      outputType: TYPES[type],
    });
    const graph = importOnnx(file);
    expect(graph.inputs.map(({ dtype }) => dtype)).toEqual(['f32']);
    const { y } = interpret(graph, { x: new Tensor('f32', X, [1, 4]) }) as { y: Tensor };
    expect([...y.data]).toEqual([2, -2.5, -2, 0.75]);
  });
}

test('a cast of a constant between float types keeps its numbers', () => {
  for (const to of Object.values(TYPES)) {
    const graph = importOnnx(
      encodeOnnx({
        nodes: [
          { op: 'Cast', inputs: ['c'], outputs: ['a'], attributes: { to } },
          { op: 'Add', inputs: ['x', 'a'], outputs: ['y'] },
        ],
        inputs: { x: ['N', 2] },
        outputs: { y: undefined },
        initializers: { c: floats([2], [0.1, 70000]) },
      }),
    );
    const { y } = interpret(graph, { x: new Tensor('f32', Float32Array.of(0, 0), [1, 2]) });
    expect([...y!.data]).toEqual([Math.fround(0.1), 70000]);
  }
});

test('ConstantOfShape fills with a double', () => {
  const value = { tensor: { dims: [1], doubles: [0.1] } };
  const graph = importOnnx(
    encodeOnnx({
      nodes: [
        { op: 'ConstantOfShape', inputs: ['s'], outputs: ['c'], attributes: { value } },
        { op: 'Add', inputs: ['x', 'c'], outputs: ['y'] },
      ],
      inputs: { x: ['N', 2] },
      outputs: { y: undefined },
      initializers: { s: { dims: [1], int64s: [2] } },
    }),
  );
  const { y } = interpret(graph, { x: new Tensor('f32', Float32Array.of(0, 1), [1, 2]) });
  expect([...y!.data]).toEqual([Math.fround(0.1), Math.fround(Math.fround(0.1) + 1)]);
});

test('a half that is no 16 bits is refused', () => {
  expect(() => importOnnx(model(10, { dims: [1], dataType: 10, int32s: [2 ** 16] }))).toThrow(
    /FLOAT16 data from 0 to 65535 but received 65536/,
  );
});
