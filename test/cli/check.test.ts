/**
 * `bitplane check`: what it compares, what it prints, and its exit codes. Not here: models that
 * agree for good reasons (test/formats).
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { compareNumbers } from '../../src/cli/compare-numbers.js';
import { writeNpy } from '../../src/formats/npy.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder, write } from '../data/fixtures.js';
import { node, rampOf } from '../formats/onnx-cases.js';
import { encodeOnnx, type ModelSpec } from '../formats/onnx-encoder.js';
import { cli } from './cli.js';

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
});
const at = (name: string) => join(dir, name);
const model = (change: Partial<ModelSpec> = {}, name = 'model.onnx') =>
  write(
    at(name),
    encodeOnnx({
      nodes: [node('MatMul', ['x', 'w'], 'y')],
      inputs: { x: ['n', 4] },
      outputs: { y: ['n', 3] },
      initializers: { w: rampOf([4, 3]) },
      ...change,
    }),
  );
const document = async (...argv: string[]) => {
  const { code, stdout, stderr } = await cli('check', ...argv, '--json');
  expect(stderr).toBe('');
  return { code, ...JSON.parse(stdout) };
};

test('a model that agrees: exit code 0, and the differences of every output', async () => {
  const found = await document(model(), '--runs', '3', '--seed', '5', '--shape', 'x=2,4');
  expect(found).toMatchObject({
    code: 0,
    engine: expect.stringMatching(/^onnxruntime-node/),
    seed: 5,
    runs: 3,
    tolerance: 1e-4,
    inputs: [{ name: 'x', dtype: 'f32', shape: [2, 4], file: null }],
    agrees: true,
    notes: [],
  });
  expect(found.outputs).toEqual([
    {
      name: 'y',
      dtype: 'f32',
      shape: [2, 3],
      otherShape: null,
      elements: 18,
      maxAbs: expect.any(Number),
      maxRel: expect.any(Number),
      beyond: 0,
      signs: 0,
      unequal: expect.any(Number),
      ...(found.outputs[0].worst && { worst: found.outputs[0].worst }),
    },
  ]);
  const { code, stdout } = await cli('check', model());
  expect(code).toBe(0);
  expect(stdout).toMatch(/^y +f32 +\[1, 3\] .* 0 of 3 /m);
  expect(stdout).toMatch(/^agrees: every \|a - b\| is at most 0\.0001 \* max\(1, \|b\|\)$/m);
});

test('one that differs: exit code 1, and where it is worst', async () => {
  // --sign-zero plus makes sign(0) +1 here, which is 0 there.
  const file = model({ nodes: [node('Sign', ['x'], 'y')], outputs: { y: ['n', 4] } });
  const feed = writeNpy(new Tensor('f32', Float32Array.of(1, -2, 0, 4), [1, 4]));
  const argv = [file, '--input', `x=${write(at('x.npy'), feed)}`, '--sign-zero', 'plus'];
  const { code, stdout } = await cli('check', ...argv);
  expect(code).toBe(1);
  expect(stdout).toContain('y: the worst is element [0, 2] of run 1: 1 here, 0 in onnxruntime\n');
  expect(stdout).toMatch(/^differs: not every .* 0\.0001/m);
  expect(await document(...argv)).toMatchObject({
    code: 1,
    agrees: false,
    inputs: [{ file: at('x.npy') }],
    outputs: [{ beyond: 1, unequal: 1, signs: 0, maxAbs: 1, worst: { element: 2, ours: 1 } }],
  });
  expect(await document(...argv, '--tolerance', '1')).toMatchObject({ code: 0, agrees: true });
});

test.each([
  ['halves', 10, 10, { dtype: 'f32' }, [/float16, in which onnxruntime rounds/]],
  ['doubles', 11, 11, { dtype: 'f32' }, []],
  ['signed bytes', 3, 3, { dtype: 'i8' }, []],
  ['bytes', 2, 2, { dtype: 'u8' }, []],
  ['integers', 6, 6, { dtype: 'i32' }, []],
])('inputs and outputs of %s', async (_, inputType, outputType, type, notes) => {
  const nodes = [node('Transpose', ['x'], 'y', { perm: [1, 0] })];
  const found = await document(model({ nodes, inputType, outputType, outputs: { y: [4, 'n'] } }));
  expect(found).toMatchObject({
    code: 0,
    inputs: [type],
    outputs: [{ ...type, elements: 4, unequal: 0 }],
    notes: notes.map((note) => expect.stringMatching(note)),
  });
});

test('a gzipped model, and two inputs of which one is read', async () => {
  const nodes = [node('Add', ['x', 'z'], 'a'), node('MatMul', ['a', 'w'], 'y')];
  const inputs = { x: ['n', 4], z: ['n', 4] };
  const plain = model({ nodes, inputs });
  const packed = write(at('packed.onnx.gz'), gzipSync(readFileSync(plain)));
  const feed = writeNpy(new Tensor('f32', new Float32Array(4), [1, 4]));
  const found = await document(packed, '--input', `z=${write(at('z.npy'), feed)}`, '--runs', '2');
  expect(found).toMatchObject({
    code: 0,
    inputs: [{ name: 'x' }, { name: 'z', file: at('z.npy') }],
    outputs: [{ elements: 6 }],
  });
});

describe('refusals say whose they are', () => {
  const QUANT = {
    op: 'BipolarQuant',
    domain: 'qonnx.custom_op.general',
    inputs: ['x', 's'],
    outputs: ['y'],
  };
  test.each<[string, Partial<ModelSpec>, RegExp]>([
    ['bitplane', { nodes: [node('Nonsense', ['x'], 'y')] }, /unknown ops: Nonsense/],
    [
      'onnxruntime',
      { nodes: [QUANT], initializers: { s: { dims: [], floats: [1] } }, outputs: { y: ['n', 4] } },
      /^bitplane: check .*: onnxruntime cannot run this model/,
    ],
    [
      'an open size',
      { nodes: [node('Relu', ['x'], 'y')], inputs: { x: ['n', 'h'] }, outputs: { y: ['n', 'h'] } },
      /check "x": expected --shape, such as x=1,64, but received \[n, h\]/,
    ],
    [
      'more than memory holds',
      {
        nodes: [node('Relu', ['x'], 'y')],
        inputs: { x: [99999, 99999, 8] },
        outputs: { y: [99999, 99999, 8] },
      },
      /^bitplane: check "x": expected a shape that memory has room for but received \[99999, 9/,
    ],
  ])('%s', async (_, change, message) => {
    const { code, stdout, stderr } = await cli('check', model(change));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

test('numbers: NaN and infinities agree with themselves only', () => {
  const [ours, theirs] = [
    [NaN, NaN, Infinity, -Infinity, 1, 1000, -1e-9],
    [NaN, 1, Infinity, Infinity, NaN, 1000.05, 1e-9],
  ];
  expect(compareNumbers(ours as number[], theirs as number[], 1e-4)).toEqual({
    elements: 7,
    maxAbs: Infinity,
    maxRel: Infinity,
    beyond: 3,
    signs: 2,
    unequal: 5,
    worst: { run: 1, element: 1, ours: NaN, theirs: 1 },
  });
  const first = compareNumbers([1], [2], 1e-4);
  expect(compareNumbers([10, 5], [10, 5.5], 0.2, first, 2)).toEqual({
    elements: 3,
    maxAbs: 1,
    maxRel: 0.5,
    beyond: 1,
    signs: 0,
    unequal: 2,
    worst: { run: 1, element: 0, ours: 1, theirs: 2 },
  });
});

const hasWeb = createRequire(import.meta.url)
  .resolve.paths('x')
  ?.some((folder) => existsSync(join(folder, 'onnxruntime-web')));
test.skipIf(hasWeb)('an engine that is not installed says how to install it', async () => {
  const { code, stdout, stderr } = await cli('bench', model(), '--vs', 'onnxruntime-web');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  const web = 'onnxruntime-web';
  expect(stderr).toBe(`bitplane: --vs ${web} needs the package ${web}: npm install ${web}\n`);
});
