/**
 * Whole files and the names in them: versions, unknown ops, names defined twice or nowhere, names
 * of the graph's values. Not here: files that are no ONNX (./onnx-proto.test.ts,
 * ./onnx-fuzz.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { topological } from '../../src/graph/value.js';
import { encodeCase, errorLike, fileOf, oneNode, RELU } from './onnx-cases.js';
import { floats, type ModelSpec, type NodeSpec } from './onnx-encoder.js';

describe('files', () => {
  test('sparse initializers', () => {
    const bytes = Buffer.from(fileOf({}));
    // An empty field 15 at the end of the graph, which is field 7 of a file of fewer than 128
    // bytes.
    const at = bytes.indexOf(0x3a, 2);
    const end = at + 2 + bytes[at + 1]!;
    bytes[at + 1]! += 2;
    const sparse = Buffer.concat([bytes.subarray(0, end), Buffer.of(0x7a, 0), bytes.subarray(end)]);
    expect(() => importOnnx(sparse, { name: 'm.onnx' })).toThrow(
      errorLike('ERR_UNSUPPORTED', /onnx "m.onnx": sparse initializers are not supported/),
    );
  });
  test.each<[string, NonNullable<ModelSpec['opset']>, number]>([
    ['7, the oldest', 7, 7],
    ['23, the newest', 23, 23],
    ['of the standard domain by its long name', [['ai.onnx', 10]], 10],
    [
      'twice: the newer',
      [
        ['', 11],
        ['ai.onnx', 10],
      ],
      11,
    ],
    [
      'beside others, which do not count',
      [
        ['com.example', 99],
        ['', 10],
        ['ai.onnx.ml', 3],
      ],
      10,
    ],
  ])('operator set %s', (_, opset, version) => {
    // Clip tells 10, whose bounds are attributes, from 11.
    const graph = importOnnx(
      fileOf({
        ...oneNode('Clip', ['N', 4], { a: floats([], [0.5]) }, { min: { float: -3 } }),
        opset,
      }),
    );
    expect(graph.outputs.y?.attrs.min).toBe(version < 11 ? -3 : 0.5);
  });
  test('their metadata hold the versions, the standard domain under either name', () => {
    const opset = [
      ['ai.onnx', 10],
      ['', 9],
      ['com.example', 2],
    ] as const;
    expect(importOnnx(fileOf({ opset })).metadata).toMatchObject({
      'onnx.opset': '10, 9, com.example 2',
    });
  });
  test('without standard ops need no version of them', () => {
    const nodes = [
      { op: 'BipolarQuant', domain: 'qonnx.custom_op.general', inputs: ['x', 's'], outputs: ['y'] },
    ];
    const spec = { nodes, initializers: { s: floats([], [1]) } };
    expect(importOnnx(fileOf({ ...spec, opset: null })).outputs.y?.dtype).toBe('f32');
    expect(
      importOnnx(fileOf({ ...spec, opset: [['qonnx.custom_op.general', 1]] })).outputs.y?.dtype,
    ).toBe('f32');
    for (const domain of ['', 'ai.onnx'])
      expect(() =>
        importOnnx(
          fileOf({
            ...spec,
            nodes: [...nodes, { op: 'Relu', domain, inputs: ['x'], outputs: ['z'] }],
            opset: [['qonnx.custom_op.general', 1]],
          }),
        ),
      ).toThrow(
        errorLike(
          'ERR_FORMAT',
          /an opset_import .* version of the standard operators the file uses but received "?none/,
        ),
      );
  });
  test(
    'an unknown op is named by its node or its output; a hundred are listed, the rest ' + 'counted',
    () => {
      const nodes = (count: number) =>
        Array.from({ length: count }, (_, i) => ({
          op: i === 0 ? 'Det' : `Op${i}`,
          inputs: ['x'],
          outputs: [i === 0 ? 'y' : `o${i}`],
        }));
      const message = (count: number) => {
        try {
          importOnnx(fileOf({ nodes: nodes(count) }), { name: 'm.onnx' });
        } catch (cause) {
          return (cause as Error).message;
        }
        return '';
      };
      expect(message(1)).toBe('onnx "m.onnx": unknown ops: Det ("y", domain "ai.onnx")');
      expect(message(100)).toMatch(/Op99 \("o99", domain "ai.onnx"\)$/);
      expect(message(101)).toMatch(/Op99 \("o99", domain "ai.onnx"\), and 1 more$/);
      expect(message(103)).not.toContain('"o100"');
      expect(message(103)).toContain('unknown ops: Det ("y"');
    },
  );
  test('that are no ONNX are refused by name', () => {
    expect(() => importOnnx(Buffer.from('a text'), { name: 'm.onnx' })).toThrow(
      errorLike('ERR_FORMAT', /onnx "m.onnx": this is no ONNX model/),
    );
    expect(() => importOnnx(Buffer.of(0x3a, 9), { name: 'm.onnx' })).toThrow(
      errorLike(
        'ERR_FORMAT',
        /onnx "m.onnx": this is no ONNX model, or a damaged one \(.*truncated/,
      ),
    );
    expect(() => importOnnx(fileOf({ outputs: {} }), { name: 'm.onnx' })).toThrow(
      errorLike('ERR_FORMAT', /this is no ONNX model: it holds no graph with outputs/),
    );
  });
});

describe('names', () => {
  const add = (inputs: string[], outputs: string[], name = 'n'): NodeSpec => ({
    op: 'Add',
    name,
    inputs,
    outputs,
  });
  test.each<[string, Partial<ModelSpec>, RegExp]>([
    [
      'an input without a name',
      { inputs: { '': ['N', 4], x: ['N', 4] } },
      /input "": expected inputs with names/,
    ],
    [
      'data without a name',
      { initializers: { '': floats([1], [1]) } },
      /initializer "": expected initializers with names/,
    ],
    [
      'an input that a node defines',
      { nodes: [RELU, add(['x', 'x'], ['x'])] },
      /Add "n": its output "x" is already defined/,
    ],
    [
      'data that a node defines',
      { nodes: [RELU, add(['x', 'x'], ['w'])], initializers: { w: floats([1], [1]) } },
      /its output "w" is already defined/,
    ],
    [
      'a node that reads itself',
      { nodes: [{ ...RELU, inputs: ['y'] }] },
      /Relu "r": the node depends on its own result/,
    ],
    [
      'two nodes that read each other',
      {
        nodes: [add(['x', 'b'], ['a'], ''), add(['a', 'x'], ['b'], ''), { ...RELU, inputs: ['a'] }],
      },
      /Add "[ab]": the node depends on its own result/,
    ],
    [
      'an input from nowhere, in a node that no output needs',
      { nodes: [RELU, add(['x', 'nowhere'], ['z'])] },
      /Add "n": its input "nowhere" is not defined anywhere/,
    ],
    [
      'an output from nowhere',
      { outputs: { y: undefined, z: undefined } },
      /output "z": it is not defined anywhere/,
    ],
  ])('%s', (_, spec, message) => {
    expect(() => importOnnx(fileOf(spec))).toThrow(errorLike('ERR_FORMAT', message));
  });
  const twice = (field: number, spec: Partial<ModelSpec>, name: string) => {
    // The same file with an entry of the graph doubled.
    const bytes = Buffer.from(fileOf(spec));
    const graphAt = bytes.indexOf(0x3a, 2);
    for (let at = graphAt + 2; at < graphAt + 2 + bytes[graphAt + 1]!; at += 2 + bytes[at + 1]!) {
      if (bytes[at] !== field * 8 + 2) continue;
      const end = at + 2 + bytes[at + 1]!;
      const entry = bytes.subarray(at, end);
      if (!entry.includes(name)) continue;
      const grown = Buffer.concat([bytes.subarray(0, end), entry, bytes.subarray(end)]);
      grown[graphAt + 1]! += entry.length;
      return grown;
    }
    throw new Error('no such entry');
  };
  test.each([
    ['inputs', 11, {}, 'x'],
    ['outputs', 12, {}, 'y'],
    ['initializers', 5, { initializers: { w: floats([], [1]) } }, 'w'],
  ] as const)('%s of one name', (what, field, spec, name) => {
    expect(() => importOnnx(twice(field, spec, name))).toThrow(
      errorLike(
        'ERR_FORMAT',
        new RegExp(`${what.slice(0, -1)} "${name}": expected ${what} with names that differ`),
      ),
    );
  });

  test('optional operands and results without a name are left out', () => {
    const nodes = [
      { op: 'Clip', inputs: ['x', '', ''], outputs: ['c'] },
      { op: 'Split', inputs: ['c', ''], outputs: ['', 'y'], attributes: { axis: 1 } },
      { op: 'Split', inputs: ['c'], outputs: ['', 'z'], attributes: { axis: 1 } },
    ];
    expect(importOnnx(fileOf({ nodes })).outputs.y?.shape).toEqual(['N', 2]);
  });
  test('nodes that no output needs are left out; shared ones are computed once', () => {
    const nodes = [
      { op: 'Relu', name: 'shared', inputs: ['x'], outputs: ['s'] },
      { op: 'Neg', name: 'y', inputs: ['s'], outputs: ['y'] },
      { op: 'Abs', name: 'z', inputs: ['s'], outputs: ['z'] },
      { op: 'Tanh', name: 'unused', inputs: ['s'], outputs: ['u'] },
    ];
    const graph = importOnnx(fileOf({ nodes, outputs: { y: undefined, z: undefined } }));
    expect(
      topological(graph)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['shared', 'x', 'y', 'z']);
  });
  test('a constant that several nodes read is stored once', () => {
    const nodes = [add(['x', 'w'], ['a']), add(['a', 'w'], ['y'])];
    const graph = importOnnx(fileOf({ nodes, initializers: { w: floats([4], [1, 2, 3, 4]) } }));
    expect(
      topological(graph)
        .filter(({ op }) => op === 'constant')
        .map(({ name }) => name),
    ).toEqual(['w']);
  });
  test('the parts of a node are named after it', () => {
    const names = (spec: Parameters<typeof encodeCase>[0]) =>
      topological(importOnnx(encodeCase(spec))).map(({ op, name }) => `${op} ${name}`);
    const conv = names({
      what: '',
      nodes: [{ op: 'Conv', name: 'q', inputs: ['x', 'w', 'b'] }],
      initializers: { w: floats([1, 4, 2, 2], new Array(16).fill(1)), b: floats([1], [1]) },
    });
    expect(conv.sort()).toEqual([
      'add q/bias',
      'constant b',
      'constant w',
      'conv2d q',
      'input x',
      'transpose q/channels_first',
      'transpose q/channels_last',
      'transpose q/weights_channels_last',
    ]);
    const gemm = names({
      what: '',
      x: [4, 3],
      nodes: [
        {
          op: 'Gemm',
          name: 'q',
          inputs: ['x', 'w', 'c'],
          attributes: { alpha: { float: 2 }, beta: { float: 3 }, transA: 1 },
        },
      ],
      initializers: { w: floats([4, 2], new Array(8).fill(1)), c: floats([2], [1, 2]) },
    });
    expect(gemm.sort()).toEqual([
      'add q/bias',
      'constant c',
      'constant q/alpha',
      'constant q/beta',
      'constant w',
      'dense q',
      'input x',
      'mul q/bias_scaled',
      'mul q/scaled',
      'transpose q/a_transposed',
      'transpose q/weights_transposed',
    ]);
    const max = names({
      what: '',
      nodes: [{ op: 'Max', name: 'q', inputs: ['x', 'x', 'x', 'x'] }],
    });
    const quant = names({
      what: '',
      nodes: [
        { op: 'BipolarQuant', domain: 'qonnx.custom_op.general', name: 'q', inputs: ['x', 's'] },
      ],
      initializers: { s: floats([], [2]) },
    });
    expect(quant.sort()).toEqual([
      'cast q/values',
      'constant s',
      'input x',
      'mul q/scaled',
      'sign q',
    ]);
    expect(max).toEqual(['input x', 'max q/1', 'max q/2', 'max q']);
  });
});
