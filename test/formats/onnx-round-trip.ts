/**
 * A graph written as an ONNX file, and the file read back by bitplane and by onnxruntime. Not here:
 * any case.
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { encodeOnnx } from '../../src/formats/onnx/export.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { type OnnxModel, readModel } from '../../src/formats/onnx/proto.js';
import type { Graph } from '../../src/graph/value.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';

export type Dialect = 'onnx' | 'qonnx';
type Feeds = Readonly<Record<string, Tensor>>;

/** The operators of a graph's file, in the order of its nodes. */
export function opsOf(graph: Graph, dialect: Dialect = 'onnx'): string[] {
  return fileOf(graph, dialect).graph!.nodes.map(({ opType }) => opType);
}

export function fileOf(graph: Graph, dialect: Dialect = 'onnx'): OnnxModel {
  return readModel(encodeOnnx(graph, { dialect }));
}

/** Every output has the dtype, shape and numbers that the graph's own formulas give. */
export function expectSameBits(graph: Graph, feeds: Feeds, dialect: Dialect): Uint8Array {
  const file = encodeOnnx(graph, { dialect });
  const received = interpret(importOnnx(file, { rebatch: false }), feeds);
  for (const [name, wanted] of Object.entries(interpret(graph, feeds))) {
    const got = received[name] as Tensor;
    expect([name, got.dtype, got.shape]).toEqual([name, wanted.dtype, wanted.shape]);
    // Not toEqual, which tells 0 from -0.
    expect(got.data.findIndex((one, i) => !isSame(one, wanted.data[i] as number))).toBe(-1);
  }
  return file;
}

function isSame(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}

const ORT_TYPES = { f32: 'float32', i32: 'int32', u8: 'uint8', i8: 'int8' } as const;

/** onnxruntime's outputs of a file are within `limits` of the graph's. */
export async function expectOnnxruntime(
  file: Uint8Array,
  graph: Graph,
  feeds: Feeds,
  limitOf: (output: string, wanted: number) => number = (_, wanted) =>
    1e-5 * Math.max(1, Math.abs(wanted)),
  graphOptimizationLevel: 'all' | 'disabled' = 'all',
): Promise<void> {
  const session = await InferenceSession.create(file, {
    graphOptimizationLevel,
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  const results = await session.run(
    Object.fromEntries(
      Object.entries(feeds).map(([name, { dtype, data, shape }]) => [
        name,
        new OrtTensor(ORT_TYPES[dtype as 'f32'], data as Float32Array, [...shape]),
      ]),
    ),
  );
  await session.release();
  for (const [name, { data, shape }] of Object.entries(interpret(graph, feeds))) {
    const got = results[name] as OrtTensor;
    expect([name, got.dims]).toEqual([name, shape]);
    const numbers = got.data as Float32Array;
    const wrong = data.findIndex((one, i) => {
      const other = numbers[i] as number;
      return !isSame(one, other) && !(Math.abs(one - other) <= limitOf(name, one));
    });
    if (wrong >= 0)
      expect.fail(`${name}: element ${wrong} is ${numbers[wrong]}, not ${data[wrong]}`);
  }
}
