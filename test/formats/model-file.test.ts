/**
 * A model file holds little text beside its weights, and the long form, with names for places and
 * types for constants, is read as well. Not here: malformed files (safetensors.test.ts).
 */
import { expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../../src/formats/safetensors/model.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { constant, input, state } from '../../src/ops/make.js';
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

test('stores places instead of names, no empty attributes, and types only of bits', () => {
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
    if (node.inputs !== undefined)
      node.inputs = node.inputs.map((place) => json.nodes[place as number]!.name);
    if (node.inputs !== undefined) node.attrs ??= {};
    if (node.name === 'scale') Object.assign(node, { dtype: 'f32', shape: [2] });
  }
  const long = writeSafetensors({
    metadata: new Map([...metadata, ['bitplane.graph', JSON.stringify(json)]]),
    tensors,
  });
  expect(print(decodeModel(long))).toBe(print(graph()));
  expect(print(decodeModel(encodeModel(graph())))).toBe(print(graph()));
});

test.each([[9], [-1], [0.5], ['nowhere'], [null]])('an operand at %s is none', (operand) => {
  const { metadata, tensors } = readSafetensors(encodeModel(graph()));
  const json = JSON.parse(metadata.get('bitplane.graph')!) as { nodes: Node[] };
  json.nodes.find(({ name }) => name === 'y')!.inputs![0] = operand as number;
  const broken = writeSafetensors({
    metadata: new Map([...metadata, ['bitplane.graph', JSON.stringify(json)]]),
    tensors,
  });
  expect(() => decodeModel(broken)).toThrow(
    expect.objectContaining({ code: 'ERR_FORMAT', message: expect.stringContaining('mul "y"') }),
  );
});

test('constants and states of every dtype, and inputs of any shape, survive', () => {
  const x = input('x', 'f32', ['N', 3]);
  const of = {
    f32: new Tensor('f32', Float32Array.of(0.1, -0, Infinity), [3]),
    i32: new Tensor('i32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1), [2, 1]),
    i8: new Tensor('i8', Int8Array.of(-128, 127), [1, 2]),
    u8: new Tensor('u8', Uint8Array.of(0, 255, 7), [3]),
    u1: new Tensor('u1', Uint8Array.of(1, 0, 1), [3]),
    u3: new Tensor('u3', Uint8Array.of(0, 7, 5), [3, 1]),
    i4: new Tensor('i4', Int8Array.of(-8, 7, 0), [3]),
    i7: new Tensor('i7', Int8Array.of(-64, 63, -1, 0, 1, 2, 3, 4), [2, 4]),
    b1: new Tensor('b1', Uint8Array.of(0b10110101, 0b1), [9]),
    full: new Tensor('b1', Uint8Array.of(0b10110101), [2, 4]),
    none: new Tensor('b1', new Uint8Array(0), [0, 4]),
    one: new Tensor('f32', Float32Array.of(3), []),
  };
  for (const leaf of [constant, state]) {
    const values = Object.entries(of).map(
      ([name, tensor]) => [name, leaf(name, tensor as Tensor<'f32'>)] as const,
    );
    const before = { inputs: [x], outputs: Object.fromEntries([['x', x], ...values]) };
    const after = decodeModel(encodeModel(before));
    expect(print(after)).toBe(print(before));
    for (const [name, tensor] of Object.entries(of))
      expect(after.outputs[name as 'x']).toMatchObject({
        op: leaf === state ? 'state' : 'constant',
        data: tensor,
      });
  }
});

test('integers of n bits take n bits each in a file, and zeros fill the last byte', () => {
  const x = input('x', 'f32', [1]);
  const w = constant('w', new Tensor('u3', Uint8Array.of(1, 2, 7), [3]));
  const { metadata, tensors } = readSafetensors(encodeModel({ inputs: [x], outputs: { x, w } }));
  const stored = tensors.get('w')!;
  expect(stored.dtype).toBe('U8');
  expect(stored.shape).toEqual([2]);
  expect([...stored.data]).toEqual([0b11010001, 0b1]);
  const data = Uint8Array.of(0b11010001, 0b11);
  const bad = writeSafetensors({ metadata, tensors: new Map([['w', { ...stored, data }]]) });
  expect(() => decodeModel(bad)).toThrow('zeros after the last bit');
});

test("a file keeps the graph's metadata and adds none", () => {
  const metadata = { producer: 'p', '': 'empty', 'bitplane.recipe': '{}' };
  expect(decodeModel(encodeModel({ ...graph(), metadata })).metadata).toEqual(metadata);
  expect(readSafetensors(encodeModel({ ...graph(), metadata })).metadata.get('producer')).toBe('p');
  for (const name of ['bitplane.format', 'bitplane.graph'])
    expect(() => encodeModel({ ...graph(), metadata: { [name]: 'x' } })).toThrow(
      expect.objectContaining({
        code: 'ERR_ARGUMENT',
        op: 'model',
        message: expect.stringContaining(name),
      }),
    );
});

/** The file with its JSON changed. */
function changed(
  edit: (json: { nodes: Record<string, unknown>[]; inputs: unknown; outputs: unknown }) => void,
): Uint8Array {
  const { metadata, tensors } = readSafetensors(encodeModel(graph()));
  const json = JSON.parse(metadata.get('bitplane.graph')!);
  edit(json);
  return writeSafetensors({
    metadata: new Map([...metadata, ['bitplane.graph', JSON.stringify(json)]]),
    tensors,
  });
}
const find = (json: { nodes: Record<string, unknown>[] }, name: string) =>
  json.nodes.find((node) => node.name === name)!;

test.each<[string, Parameters<typeof changed>[0], RegExp]>([
  [
    'nodes that are no list',
    (json) => Object.assign(json, { nodes: {} }),
    /model: expected nodes to be a JSON array/,
  ],
  [
    'a node that is no object',
    (json) => json.nodes.push(7 as never),
    /expected node to be a JSON object but received 7/,
  ],
  [
    'a node without a name',
    (json) => json.nodes.push({ op: 'relu', inputs: [0] }),
    /expected a name but received undefined/,
  ],
  [
    'a node of an empty name',
    (json) => json.nodes.push({ op: 'relu', name: '', inputs: [0] }),
    /expected a name but received ""/,
  ],
  [
    'a node without an op',
    (json) => json.nodes.push({ name: 'z', inputs: [0] }),
    /expected an op but received undefined/,
  ],
  [
    'a name twice',
    (json) => json.nodes.push({ op: 'relu', name: 'y', inputs: [0] }),
    /expected names that differ but received "y"/,
  ],
  [
    'an op without operands',
    (json) => void delete find(json, 'y').inputs,
    /expected inputs to be a JSON array/,
  ],
  [
    'operands that are no list',
    (json) => Object.assign(find(json, 'y'), { inputs: { 0: 1 } }),
    /expected inputs to be a JSON array/,
  ],
  [
    'attributes that are no object',
    (json) => Object.assign(find(json, 'y'), { attrs: [] }),
    /expected attrs to be a JSON object/,
  ],
  [
    'an input without a dtype',
    (json) => void delete find(json, 'x').dtype,
    /expected a dtype but received undefined/,
  ],
  [
    'an input without a shape',
    (json) => void delete find(json, 'x').shape,
    /expected shape to be a JSON array/,
  ],
  [
    'a constant of half a shape',
    (json) => Object.assign(find(json, 'w'), { shape: [1.5, 4] }),
    /model "w": expected a shape of sizes/,
  ],
  [
    'a constant of a negative size',
    (json) => Object.assign(find(json, 'w'), { shape: [-2, -3] }),
    /model "w": expected a shape of sizes/,
  ],
  [
    'a constant of another dtype',
    (json) => Object.assign(find(json, 'scale'), { dtype: 'i32', shape: [2] }),
    /model "scale": expected a tensor I32 of 8 bytes but received F32 of 8/,
  ],
  [
    'a constant of another size',
    (json) => Object.assign(find(json, 'scale'), { dtype: 'f32', shape: [3] }),
    /a tensor F32 of 12 bytes but received F32 of 8/,
  ],
  [
    'a constant of a dtype that is none',
    (json) => Object.assign(find(json, 'w'), { dtype: 'f16' }),
    /model "w": expected a dtype of f32/,
  ],
  [
    'a constant without a tensor',
    (json) => json.nodes.push({ op: 'constant', name: 'z', dtype: 'f32', shape: [1] }),
    /model "z": expected a tensor F32 of 4 bytes but received "none"/,
  ],
  [
    'inputs that are no list',
    (json) => Object.assign(json, { inputs: 'x' }),
    /expected inputs to be a JSON array/,
  ],
  [
    'an input that is not there',
    (json) => Object.assign(json, { inputs: ['z'] }),
    /the name or place of an earlier node but received "z"/,
  ],
  [
    'an output that is no pair',
    (json) => Object.assign(json, { outputs: ['y'] }),
    /expected output to be a JSON array/,
  ],
  [
    'an output without a name',
    (json) => Object.assign(json, { outputs: [[1, 'y']] }),
    /expected a name but received 1/,
  ],
  [
    'an output twice',
    (json) =>
      Object.assign(json, {
        outputs: [
          ['y', 'y'],
          ['y', 'x'],
        ],
      }),
    /outputs with names that differ/,
  ],
  [
    'an update of what is no state',
    (json) => Object.assign(json, { updates: [['w', 'x']] }),
    /every update to be of a state/,
  ],
  [
    'an update that is no pair',
    (json) => Object.assign(json, { updates: ['w'] }),
    /expected update to be a JSON array/,
  ],
  [
    'a state that is updated twice',
    (json) => {
      Object.assign(find(json, 'scale'), { op: 'state' });
      const update = ['scale', 'scale'];
      return Object.assign(json, { updates: [update, update] });
    },
    /every state to be updated once/,
  ],
])('%s is an error that says so', (_, edit, message) => {
  expect(() => decodeModel(changed(edit))).toThrow(
    expect.objectContaining({
      name: 'BitplaneError',
      code: 'ERR_FORMAT',
      message: expect.stringMatching(message),
    }),
  );
});

test('a file that is no model of this format is an error that says so', () => {
  const { metadata, tensors } = readSafetensors(encodeModel(graph()));
  const of = (entries: readonly (readonly [string, string])[]) => () =>
    decodeModel(writeSafetensors({ metadata: new Map(entries), tensors }));
  expect(of([...metadata].filter(([name]) => name !== 'bitplane.graph'))).toThrow(
    /holds no bitplane model/,
  );
  expect(of([...metadata].filter(([name]) => name !== 'bitplane.format'))).toThrow(
    /holds no bitplane model/,
  );
  expect(of([...metadata, ['bitplane.format', '2']])).toThrow(
    expect.objectContaining({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('format 1 but received "2"'),
    }),
  );
  expect(of([...metadata, ['bitplane.graph', '{']])).toThrow(/bitplane.graph to be JSON/);
  const more = new Map([
    ...tensors,
    ['more', { dtype: 'U8', shape: [1], data: Uint8Array.of(1) }] as const,
  ]);
  expect(() => decodeModel(writeSafetensors({ metadata, tensors: more }))).toThrow(
    /only tensors that the graph names but received "more"/,
  );
  const double = new Map([
    ...tensors,
    ['scale', { dtype: 'F64', shape: [1], data: new Uint8Array(8) }] as const,
  ]);
  expect(() => decodeModel(writeSafetensors({ metadata, tensors: double }))).toThrow(
    /model "scale": expected a tensor of F32, I32, I8, U8 but received "F64"/,
  );
});

test.each([
  [1, 0b10],
  [7, 0b10000000],
  [9, 0b10],
])('bits of %i elements end in zeros', (count, rest) => {
  const bytes = new Uint8Array(Math.ceil(count / 8)).fill(255);
  const used = count % 8;
  bytes[bytes.length - 1] = (1 << used) - 1;
  const w = (data: Uint8Array) => {
    const x = input('x', 'f32', [1]);
    return encodeModel({
      inputs: [x],
      outputs: { x, w: constant('w', new Tensor('b1', data, [count])) },
    });
  };
  expect([
    ...(decodeModel(w(bytes)).outputs as Record<string, { data?: Tensor }>).w!.data!.data,
  ]).toEqual([...bytes]);
  bytes[bytes.length - 1]! |= rest;
  expect(() => decodeModel(w(bytes))).toThrow(
    expect.objectContaining({
      code: 'ERR_FORMAT',
      node: 'w',
      message: expect.stringContaining('zeros after the last bit'),
    }),
  );
});

test('a name that no reader takes is refused when the file is written', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1]);
  const graph = g.graph([x], { y: g.relu(x, { name: 'n'.repeat(1001) }) });
  expect(() => encodeModel(graph)).toThrow('a name of at most 1000 characters');
});
