/**
 * The safetensors container and our model files in it: round trips, strictness, and files that are
 * wrong.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { loadModel } from '../../src/formats/model.js';
import { decodeModel, encodeModel, saveModel } from '../../src/formats/safetensors/model.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { type Graph, topological } from '../../src/graph/value.js';
import { constant, input, make, state } from '../../src/ops/make.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { encodeOnnx } from './onnx-encoder.js';

const folder = mkdtempSync(join(tmpdir(), 'bitplane-formats-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file of this header, as JSON or as text, and this much data. */
function container(header: unknown, dataLength: number, headerLength?: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = Buffer.alloc(8 + json.length + dataLength);
  bytes.writeBigUInt64LE(BigInt(headerLength ?? json.length));
  json.copy(bytes, 8);
  return bytes;
}
const entry = (dtype: string, shape: unknown, begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe('the container', () => {
  test('reads the example of the specification', () => {
    const file = container(
      {
        __metadata__: { k: 'v' },
        b: entry('I64', [], 4, 12),
        a: entry('U8', [2, 2], 0, 4),
        empty: entry('F32', [0, 3], 12, 12),
      },
      12,
    );
    file.set([1, 2, 3, 4], file.length - 12);
    const { metadata, tensors } = readSafetensors(file);
    expect([...metadata]).toEqual([['k', 'v']]);
    expect([...tensors.keys()].sort()).toEqual(['a', 'b', 'empty']);
    expect(tensors.get('a')).toEqual({
      dtype: 'U8',
      shape: [2, 2],
      data: Buffer.from([1, 2, 3, 4]),
    });
  });
  test('reads a header padded with spaces', () =>
    expect(readSafetensors(container('{}      ', 0)).tensors.size).toBe(0));

  const one = entry('U8', [4], 0, 4);
  test.each([
    ['nothing', new Uint8Array(0)],
    ['a header beyond the file', container({}, 0, 3000)],
    ['a header beyond 100 MB', container({}, 0, 100_000_001)],
    ['a header that is no JSON', container('{"a":', 0)],
    ['a header that is no object', container('[]', 0)],
    ['a header that begins with a space', container(' {}', 0)],
    ['a header padded with newlines', container('{}\n', 0)],
    ['invalid UTF-8', container('{"\ud800":{}}', 0).fill(0xff, 10, 12)],
    [
      'the same name twice',
      container(`{"a":${JSON.stringify(one)},"a":${JSON.stringify(one)}}`, 4),
    ],
    [
      'the same name twice, escaped',
      container(`{"a":${JSON.stringify(one)},"\\u0061":${JSON.stringify(one)}}`, 4),
    ],
    ['the same metadata key twice', container('{"__metadata__":{"a":"1","a":"2"}}', 0)],
    ['metadata that is no string', container({ __metadata__: { a: 1 } }, 0)],
    ['an unknown dtype', container({ a: entry('F31', [4], 0, 4) }, 4)],
    ['a shape that does not fit', container({ a: entry('U8', [5], 0, 4) }, 4)],
    ['a shape beyond 2^53', container({ a: entry('U8', [2 ** 40, 2 ** 40], 0, 4) }, 4)],
    ['a negative size', container({ a: entry('U8', [-4], 0, 4) }, 4)],
    ['a fraction', container({ a: entry('U8', [1.5], 0, 4) }, 4)],
    ['offsets backwards', container({ a: entry('U8', [4], 4, 0) }, 4)],
    ['offsets beyond the file', container({ a: entry('U8', [8], 0, 8) }, 4)],
    ['a hole', container({ a: one, b: entry('U8', [4], 8, 12) }, 12)],
    ['an overlap', container({ a: one, b: entry('U8', [4], 2, 6) }, 6)],
    ['two tensors in one place', container({ a: one, b: one }, 4)],
    ['data that nothing names', container({ a: one }, 5)],
    ['another key in an entry', container({ a: { ...one, extra: 1 } }, 4)],
    ['an entry that is no object', container({ a: null }, 0)],
  ])('refuses %s', (_, bytes) => {
    expect(() => readSafetensors(bytes)).toThrow(
      expect.objectContaining({ name: 'BitplaneError', code: 'ERR_FORMAT' }),
    );
  });

  test('gives tensors back, and writes them aligned', () => {
    const names = fc.uniqueArray(
      fc.string({ unit: 'grapheme', maxLength: 8 }).filter((name) => name !== '__metadata__'),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(
        names,
        fc.dictionary(fc.string(), fc.string()),
        fc.array(fc.nat(3), { maxLength: 3 }),
        (list, meta, shape) => {
          const dtypes = [
            ['F32', 4],
            ['U8', 1],
            ['I64', 8],
            ['BF16', 2],
          ] as const;
          const tensors = new Map(
            list.map((name, i) => {
              const [dtype, size] = dtypes[i % 4] as (typeof dtypes)[number];
              const data = Uint8Array.from(
                { length: shape.reduce((a, b) => a * b, size) },
                (_, k) => (k * 31 + i) & 255,
              );
              return [name, { dtype, shape, data }] as const;
            }),
          );
          const metadata = new Map(Object.entries(meta));
          const bytes = writeSafetensors({ metadata, tensors });
          const again = readSafetensors(bytes);
          expect(
            new Map(
              [...again.tensors].map(([name, t]) => [
                name,
                { ...t, data: Uint8Array.from(t.data) },
              ]),
            ),
          ).toEqual(tensors);
          expect(again.metadata).toEqual(metadata);
          for (const { dtype, data } of again.tensors.values())
            expect(data.byteOffset % (dtypes.find(([name]) => name === dtype)?.[1] as number)).toBe(
              0,
            );
        },
      ),
      { seed: 3 },
    );
  });
});

function network(): Graph {
  const x = input('x', 'f32', ['N', 3]);
  const weights = constant('weights', new Tensor('b1', Uint8Array.of(0b10110101, 0b1), [3, 3]));
  const bias = state('bias', new Tensor('f32', Float32Array.of(0.5, -1.5, Number.NaN), [3]));
  const y = make('dense', 'y', [make('sign', 'bits', [x]), weights]);
  const sum = make('add', 'sum', [make('cast', 'float', [y], { to: 'f32' }), bias]);
  const clipped = make('clip', 'clipped', [sum], { min: -0, max: Number.POSITIVE_INFINITY });
  return {
    inputs: [x],
    outputs: { clipped, __proto__x: make('reshape', 'flat', [clipped], { shape: ['N', 1, -1] }) },
  };
}
const describeGraph = (graph: Graph) => ({
  values: topological(graph).map(({ op, name, dtype, shape, attrs, data, inputs }) => ({
    op,
    name,
    dtype,
    shape,
    attrs,
    data,
    inputs: inputs.map((i) => i.name),
  })),
  inputs: graph.inputs.map(({ name }) => name),
  outputs: Object.entries(graph.outputs).map(([name, value]) => [name, value.name]),
});

describe('model files', () => {
  test('keep graphs exactly, down to the sign of zero in attributes', () => {
    const graph = network();
    expect(describeGraph(decodeModel(encodeModel(graph)))).toEqual(describeGraph(graph));
  });
  test('binary weights take one bit each', () => {
    const { tensors } = readSafetensors(encodeModel(network()));
    expect(tensors.get('weights')).toMatchObject({ dtype: 'U8', shape: [2] });
    expect([...(tensors.get('weights')?.data ?? [])]).toEqual([0b10110101, 0b1]);
  });

  /** The file with its graph or a tensor changed. */
  function changed(
    edit: (
      graph: { nodes: Record<string, unknown>[]; inputs: unknown[]; outputs: unknown[] },
      tensors: Map<string, { dtype: string; shape: readonly number[]; data: Uint8Array }>,
    ) => void,
    format = '1',
  ): Uint8Array {
    const { metadata, tensors } = readSafetensors(encodeModel(network()));
    const graph = JSON.parse(metadata.get('bitplane.graph') as string);
    const copies = new Map(tensors);
    edit(graph, copies);
    return writeSafetensors({
      metadata: new Map([
        ['bitplane.format', format],
        ['bitplane.graph', JSON.stringify(graph)],
      ]),
      tensors: copies,
    });
  }
  const node = (graph: { nodes: Record<string, unknown>[] }, name: string) =>
    graph.nodes.find((n) => n.name === name) as Record<string, unknown>;
  let deep: unknown = 1;
  for (let i = 0; i < 1000; i++) deep = [deep];

  test.each([
    ['another format', changed(() => {}, '2'), 'ERR_UNSUPPORTED'],
    ['no graph', writeSafetensors({ metadata: new Map(), tensors: new Map() }), 'ERR_FORMAT'],
    [
      'a graph that is no JSON',
      writeSafetensors({
        metadata: new Map([
          ['bitplane.format', '1'],
          ['bitplane.graph', '{'],
        ]),
        tensors: new Map(),
      }),
      'ERR_FORMAT',
    ],
    [
      'a graph that is null',
      writeSafetensors({
        metadata: new Map([
          ['bitplane.format', '1'],
          ['bitplane.graph', 'null'],
        ]),
        tensors: new Map(),
      }),
      'ERR_FORMAT',
    ],
    [
      'an unknown op',
      changed((g) => Object.assign(node(g, 'sum'), { op: 'constructor' })),
      'ERR_UNSUPPORTED_OP',
    ],
    [
      'an unknown attribute',
      changed((g) => Object.assign(node(g, 'sum'), { attrs: { fast: true } })),
      'ERR_ARGUMENT',
    ],
    [
      'an attribute without end',
      changed((g) => Object.assign(node(g, 'sum'), { attrs: { deep } })),
      'ERR_FORMAT',
    ],
    [
      'an attribute that is no such number',
      changed((g) =>
        Object.assign(node(g, 'clipped'), { attrs: { min: { number: 'many' }, max: 1 } }),
      ),
      'ERR_FORMAT',
    ],
    [
      'an operand too few',
      changed((g) => Object.assign(node(g, 'sum'), { inputs: ['float'] })),
      'ERR_GRAPH',
    ],
    [
      'a later operand',
      changed((g) => Object.assign(node(g, 'sum'), { inputs: ['float', 'clipped'] })),
      'ERR_FORMAT',
    ],
    [
      'an operand of another shape',
      changed((g) => Object.assign(node(g, 'x'), { shape: ['N', 4] })),
      'ERR_SHAPE',
    ],
    [
      'a dtype that is none',
      changed((g) => Object.assign(node(g, 'weights'), { dtype: 'toString' })),
      'ERR_FORMAT',
    ],
    [
      'a constant of another shape',
      changed((g) => Object.assign(node(g, 'bias'), { shape: [4] })),
      'ERR_FORMAT',
    ],
    [
      'a constant of a huge shape',
      changed((g) => Object.assign(node(g, 'bias'), { shape: [2 ** 50] })),
      'ERR_FORMAT',
    ],
    ['a missing tensor', changed((_, t) => void t.delete('bias')), 'ERR_FORMAT'],
    [
      'a tensor of another dtype',
      changed(
        (_, t) => void t.set('weights', { dtype: 'I8', shape: [2], data: new Uint8Array(2) }),
      ),
      'ERR_FORMAT',
    ],
    [
      'a tensor that nothing names',
      changed((_, t) => void t.set('more', { dtype: 'I8', shape: [2], data: new Uint8Array(2) })),
      'ERR_FORMAT',
    ],
    [
      'ones after the last bit',
      changed(
        (_, t) => void t.set('weights', { dtype: 'U8', shape: [2], data: Uint8Array.of(0, 2) }),
      ),
      'ERR_FORMAT',
    ],
    ['a name twice', changed((g) => void g.nodes.push({ ...node(g, 'x') })), 'ERR_FORMAT'],
    [
      'an output that is not there',
      changed((g) => void g.outputs.push(['z', 'nowhere'])),
      'ERR_FORMAT',
    ],
    ['an input that is none', changed((g) => void g.inputs.push('sum')), 'ERR_GRAPH'],
    ['an input that is not declared', changed((g) => void g.inputs.pop()), 'ERR_GRAPH'],
  ])('refuses %s', (_, bytes, code) => {
    expect(() => decodeModel(bytes)).toThrow(
      expect.objectContaining({ name: 'BitplaneError', code }),
    );
  });

  test('truncated or changed anywhere: a BitplaneError or a graph', () => {
    const good = encodeModel(network());
    for (let length = 0; length < good.length; length++)
      expect(() => decodeModel(good.subarray(0, length))).toThrow(BitplaneError);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = good.slice();
        bytes[at] = value;
        try {
          decodeModel(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(BitplaneError);
        }
      }),
      { seed: 4, numRuns: 3000 },
    );
  });
});

describe('files', () => {
  const relu = encodeOnnx({
    nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    inputs: { x: ['N', 4] },
    outputs: { y: undefined },
  });

  test('saving replaces the file whole and leaves nothing beside it', async () => {
    const path = join(folder, 'model.safetensors');
    writeFileSync(path, 'old');
    await saveModel(network(), pathToFileURL(path));
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
    expect(describeGraph(await loadModel(path))).toEqual(describeGraph(network()));
  });
  test('a failed save is ERR_IO, and leaves nothing', async () => {
    await expect(saveModel(network(), join(folder, 'nowhere', 'm'))).rejects.toMatchObject({
      code: 'ERR_IO',
    });
    await expect(saveModel(network(), folder)).rejects.toMatchObject({ code: 'ERR_IO' });
    expect(readdirSync(folder)).toEqual(['model.safetensors']);
  });
  test('the content decides the format', async () => {
    const path = join(folder, 'model.bin');
    for (const bytes of [
      relu,
      gzipSync(relu),
      encodeModel(network()),
      gzipSync(encodeModel(network())),
    ]) {
      writeFileSync(path, bytes);
      for (const source of [
        path,
        pathToFileURL(path),
        readFileSync(path),
        Uint8Array.from(bytes).buffer,
      ])
        expect((await loadModel(source)).inputs[0]?.name).toBe('x');
    }
  });
  test.each([
    ['no file', join(folder, 'nowhere'), 'ERR_IO'],
    ['a folder', folder, 'ERR_IO'],
    ['a web address', new URL('https://example.com/model.onnx'), 'ERR_IO'],
    ['no bytes', new Uint8Array(0), 'ERR_FORMAT'],
    ['a text', Buffer.from('a text that is no model'), 'ERR_FORMAT'],
    ['broken gzip', gzipSync(relu).subarray(0, 30), 'ERR_FORMAT'],
    ['a gzip bomb', gzipSync(Buffer.alloc(80 * 2 ** 20)), 'ERR_FORMAT'],
    ['no source', 7 as unknown as string, 'ERR_ARGUMENT'],
  ])('%s', async (_, source, code) => {
    await expect(loadModel(source)).rejects.toMatchObject({ name: 'BitplaneError', code });
  });
  test('an abort stops a load with ERR_ABORTED', async () => {
    const path = join(folder, 'model.safetensors');
    await expect(loadModel(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    const controller = new AbortController();
    const loading = loadModel(path, { signal: controller.signal });
    controller.abort();
    await expect(loading).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});
