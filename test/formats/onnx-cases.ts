/**
 * One small ONNX file against onnxruntime: the same input, and the imported graph interpreted by
 * the ops' formulas. Not here: any case.
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';
import {
  type AttributeSpec,
  encodeOnnx,
  floats,
  type ModelSpec,
  type NodeSpec,
  type TensorSpec,
} from './onnx-encoder.js';

/** Nodes from x, of shape [2, 4, 5, 6] unless given, to y. */
export interface OpCase {
  readonly what: string;
  readonly nodes: readonly (Omit<NodeSpec, 'outputs'> & { readonly outputs?: readonly string[] })[];
  readonly x?: readonly number[];
  readonly opset?: number;
  readonly initializers?: ModelSpec['initializers'];
  /** Of a number of size 1, relative above it. Default 2e-6. */
  readonly tolerance?: number;
}

const X = [2, 4, 5, 6];

/** Numbers that float32 holds exactly and that tell elements apart, some negative, some zero. */
export function ramp(count: number, step = 0.25): number[] {
  return Array.from({ length: count }, (_, i) => (((i * 7) % 23) - 11) * step);
}

export function rampOf(dims: readonly number[], step?: number): TensorSpec {
  return floats(
    dims,
    ramp(
      dims.reduce((a, b) => a * b, 1),
      step,
    ),
  );
}

export function encodeCase(c: OpCase): Uint8Array {
  return encodeOnnx({
    nodes: c.nodes.map((node) => ({ ...node, outputs: node.outputs ?? ['y'] })),
    inputs: { x: c.x ?? X },
    outputs: { y: undefined },
    initializers: c.initializers ?? {},
    opset: c.opset ?? 13,
  });
}

/** A file of one Relu, from x to y, with changes. */
export function fileOf(change: Partial<ModelSpec>): Uint8Array {
  return encodeOnnx({
    nodes: [RELU],
    inputs: { x: ['N', 4] },
    outputs: { y: undefined },
    ...change,
  });
}

/** A node of one result. */
export const node = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: NodeSpec['attributes'] = {},
): NodeSpec => ({ op, inputs, outputs: [output], attributes });

export const RELU: NodeSpec = { op: 'Relu', name: 'r', inputs: ['x'], outputs: ['y'] };

/** One node "q" over x and constants, which follow x in the order they are given. */
export function oneNode(
  op: string,
  shape: readonly (number | string)[],
  constants: Record<string, TensorSpec> = {},
  attributes: Record<string, AttributeSpec> = {},
  opset = 13,
): Partial<ModelSpec> {
  return {
    nodes: [
      { op, name: 'q', inputs: ['x', ...Object.keys(constants)], outputs: ['y'], attributes },
    ],
    inputs: { x: shape },
    initializers: constants,
    opset,
  };
}

export function errorLike(code: string, message: RegExp): unknown {
  return expect.objectContaining({
    name: 'BitplaneError',
    code,
    message: expect.stringMatching(message),
  });
}

/**
 * One thread, because a pool for each of hundreds of small sessions would take longer than their
 * runs.
 */
const ORT = { logSeverityLevel: 4, intraOpNumThreads: 1, interOpNumThreads: 1 } as const;

export async function expectAgreement(c: OpCase): Promise<void> {
  const shape = [...(c.x ?? X)];
  const data = Float32Array.from(ramp(shape.reduce((a, b) => a * b, 1)));
  const file = encodeCase(c);
  const session = await InferenceSession.create(file, ORT);
  const reference = (await session.run({ x: new OrtTensor('float32', data, shape) }))
    .y as OrtTensor;
  await session.release();
  const { y } = interpret(importOnnx(file), { x: new Tensor('f32', data, shape) }) as { y: Tensor };
  expect(y.shape).toEqual(reference.dims);
  const wanted = reference.data as Float32Array;
  y.data.forEach((value, i) => {
    const target = wanted[i] as number;
    if (!Number.isFinite(target)) expect(value).toBe(target);
    else {
      const most = (c.tolerance ?? 2e-6) * Math.max(1, Math.abs(target));
      expect(Math.abs(value - target)).toBeLessThanOrEqual(most);
    }
  });
}
