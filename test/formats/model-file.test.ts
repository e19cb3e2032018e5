/**
 * How little a model file says beside its weights, and that the long form, with names for places and types for constants, is read as well.
 * Not here: malformed files (safetensors.test.ts).
 */
import { expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../../src/formats/safetensors/model.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { print } from '../../src/ops/print.js';
import { Tensor } from '../../src/tensor/tensor.js';

interface Node {
  op: string;
  name: string;
  inputs?: (string | number)[];
  attrs?: object;
  dtype?: string;
  shape?: number[];
}

function graph() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 3]);
  const w = g.constant(new Tensor('b1', Uint8Array.of(5), [2, 3]), { name: 'w' });
  const scale = g.constant(new Tensor('f32', Float32Array.of(2, 3), [2]), { name: 'scale' });
  return g.graph([x], { y: g.mul(g.dense(x, w, { name: 'dots' }), scale, { name: 'y' }) });
}

test('places, no empty attributes, types only of bits', () => {
  const { metadata } = readSafetensors(encodeModel(graph()));
  const { nodes } = JSON.parse(metadata.get('bitplane.graph')!) as { nodes: Node[] };
  const find = (name: string) => nodes.find((node) => node.name === name);
  expect(find('scale')).toEqual({ op: 'constant', name: 'scale' });
  expect(find('w')).toEqual({ op: 'constant', name: 'w', dtype: 'b1', shape: [2, 3] });
  const place = (name: string) => nodes.findIndex((node) => node.name === name);
  expect(find('y')).toEqual({ op: 'mul', name: 'y', inputs: [place('dots'), place('scale')] });
});

test('the long form is the same model', () => {
  const { metadata, tensors } = readSafetensors(encodeModel(graph()));
  const json = JSON.parse(metadata.get('bitplane.graph')!) as { nodes: Node[] };
  for (const node of json.nodes) {
    if (node.inputs !== undefined) node.inputs = node.inputs.map((place) => json.nodes[place as number]!.name);
    if (node.inputs !== undefined) node.attrs ??= {};
    if (node.name === 'scale') Object.assign(node, { dtype: 'f32', shape: [2] });
  }
  const long = writeSafetensors({ metadata: new Map([...metadata, ['bitplane.graph', JSON.stringify(json)]]), tensors });
  expect(print(decodeModel(long))).toBe(print(graph()));
  expect(print(decodeModel(encodeModel(graph())))).toBe(print(graph()));
});

test.each([[9], [-1], [0.5], ['nowhere'], [null]])('an operand at %s is none', (operand) => {
  const { metadata, tensors } = readSafetensors(encodeModel(graph()));
  const json = JSON.parse(metadata.get('bitplane.graph')!) as { nodes: Node[] };
  json.nodes.find(({ name }) => name === 'y')!.inputs![0] = operand as number;
  const broken = writeSafetensors({ metadata: new Map([...metadata, ['bitplane.graph', JSON.stringify(json)]]), tensors });
  expect(() => decodeModel(broken)).toThrow(expect.objectContaining({ code: 'ERR_FORMAT', message: expect.stringContaining('mul "y"') }));
});
