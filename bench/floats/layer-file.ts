/**
 * The layers of a case as an ONNX file, which both runtimes read: [N,C,H,W] in and out, weights
 * scaled so that maps neither vanish nor grow (subnormal numbers would slow both down).
 */
import { SEED } from '../chain/workload.js';
import { type OnnxNode, type OnnxTensor, writeOnnx } from '../onnx-writer.js';
import { drawn, random } from '../random.js';
import type { Case, ConvLayer, FloatLayer } from './shapes.js';

export interface LayerFile {
  readonly bytes: Uint8Array;
  /** Of x and of y. */
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export function layerFile({ map, form, layers }: Case): LayerFile {
  const next = random(SEED);
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const floats = (name: string, shape: readonly number[], make: () => number) => {
    const data = drawn(new Float32Array(productOf(shape)), make);
    initializers.push({ name, type: 'f32', shape, data });
    return name;
  };
  const emit = (op: string, inputs: string[], to: string, attributes?: OnnxNode['attributes']) => {
    nodes.push({ op, inputs, outputs: [to], ...(attributes && { attributes }) });
    return to;
  };
  let last = 'x';
  for (const [i, layer] of layers.entries()) {
    const from = form === 'chain' ? last : 'x';
    const shape = weightShape(layer);
    const width = Math.sqrt(24 / productOf(shape.slice(1)));
    const inputs = [
      from,
      floats(`w${i}`, shape, () => (next() - 0.5) * width),
      floats(`b${i}`, [layer.outputs], () => 0.01),
    ];
    const product =
      layer.kind === 'conv'
        ? emit('Conv', inputs, `product${i}`, windowOf(layer))
        : emit('Gemm', inputs, `product${i}`, { transB: 1 });
    const sum = form === 'sum' && i > 0 ? emit('Add', [last, product], `sum${i}`) : product;
    last = emit('Relu', [sum], i === layers.length - 1 ? 'y' : `relu${i}`);
  }
  const [first, end] = [layers[0] as FloatLayer, layers.at(-1) as FloatLayer];
  const [n = 1, ...size] = map;
  const x = [n, first.inputs, ...size];
  const y = [n, end.outputs, ...size.map((pixels) => outputsOf(pixels, first))];
  const value = (name: string, shape: readonly number[]) => ({ name, type: 'f32' as const, shape });
  const bytes = writeOnnx({
    opset: 17,
    nodes,
    initializers,
    inputs: [value('x', x)],
    outputs: [value('y', y)],
  });
  return { bytes, x, y };
}

export function productOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function weightShape(layer: FloatLayer): readonly number[] {
  const { inputs, outputs } = layer;
  if (layer.kind === 'dense') return [outputs, inputs];
  return [outputs, inputs / (layer.groups ?? 1), layer.kernel, layer.kernel];
}

function windowOf({ kernel, stride, groups = 1 }: ConvLayer): OnnxNode['attributes'] {
  const pad = (kernel - 1) / 2;
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    group: groups,
  };
}

/** Pixels of a side of a layer's result; in a chain the stride is 1. */
function outputsOf(pixels: number, layer: FloatLayer): number {
  return layer.kind === 'conv' ? Math.ceil(pixels / layer.stride) : pixels;
}
