/**
 * Every command with every option of any command: the option has its effect, or the command refuses
 * it in a sentence that names it. A new option or command fails here until its row exists.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { loadModel } from '../../src/formats/model.js';
import { writeNpy } from '../../src/formats/npy.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { constantsOf } from '../../src/nn/state.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { idx, temporaryFolder, write, writeMnist } from '../data/fixtures.js';
import { encodeOnnx, int64s } from '../formats/onnx-encoder.js';
import { cli, denseWeights, fakeIo, type Outcome, writeDenseModel } from './cli.js';

let dir: string;
let model: string;
beforeEach(async () => {
  dir = temporaryFolder();
  model = await writeDenseModel(dir, 'N');
  writeMnist(join(dir, 'mnist'), 20);
  write(join(dir, 'dense.json'), JSON.stringify({ layout: 'flat', color: 'gray', scale: 1 / 255 }));
  write(join(dir, 'x.npy'), writeNpy(new Tensor('f32', new Float32Array(784), [1, 784])));
  await floatModel();
});

const at = (name: string) => join(dir, name);
const json = ({ code, stdout, stderr }: Outcome) => {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
};

const QUANTIZE = () => [
  ...['--weights', '8', '--activations', '8', '--dataset', 'mnist', '--data', dir],
  ...['--calibrate', '8'],
];
/** A network of three dense layers of floats, 784 to 10. */
async function floatModel(): Promise<void> {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 784]);
  const weights = (o: number, k: number) => {
    const data = Float32Array.from({ length: o * k }, (_, i) => Math.sin(i * i));
    return g.constant(new Tensor('f32', data, [o, k]));
  };
  const a = g.relu(g.dense(x, weights(8, 784), { name: 'a' }));
  const b = g.relu(g.dense(a, weights(8, 8), { name: 'b' }));
  const scores = g.dense(b, weights(10, 8), { name: 'c' });
  await saveModel(g.graph([x], { scores }), at('float.safetensors'));
  write(at('float.json'), readFileSync(at('dense.json')));
  const few = (count: number) =>
    Uint8Array.from({ length: count }, (_, i) => 128 + 120 * Math.sin(i * i * 0.7));
  write(at('mnist/train-images-idx3-ubyte'), idx([40, 28, 28], few(40 * 784)));
  write(at('mnist/train-labels-idx1-ubyte'), idx([40], new Uint8Array(40)));
}
/** A store of two tasks, `a` and `b`, of its layers. */
async function storeFile(): Promise<string> {
  await on('fuse');
  return at('store.safetensors');
}
const taskMatters =
  (command: string, ...more: string[]) =>
  async () => {
    const store = await storeFile();
    expect(await cli(command, store, ...more, '--task', 'b')).toMatchObject({ code: 0 });
    expect((await cli(command, store, ...more, '--task', 'c')).stderr).toContain(
      'expected --task to be one of a, b but received "c"',
    );
    expect((await cli(command, at('float.safetensors'), ...more, '--task', 'a')).stderr).toContain(
      'expected --task for a store of several only',
    );
    expect((await cli(command, store, ...more)).stderr).toMatch(
      command === 'inspect' ? /^$/ : /expected --task to be one of a, b but received none/,
    );
  };
/** The report of one of its layers. */
const layer = async (name: string, ...more: string[]) =>
  json(await on('quantize', '--json', ...more)).layers.find(
    (row: { name: string }) => row.name === name,
  );

/** A working command line of each command, to which an option is added. */
const BASE: Readonly<Record<string, () => string[]>> = {
  inspect: () => ['inspect', model],
  run: () => ['run', model, '--input', at('x.npy')],
  check: () => ['check', reluModel()],
  eval: () => ['eval', model, '--dataset', 'mnist', '--data', dir],
  bench: () => ['bench', model, '--repeat', '2'],
  'bench kernels': () => ['bench', 'kernels', '--repeat', '1', '--isa', 'scalar'],
  convert: () => ['convert', model, at('out.safetensors')],
  quantize: () => ['quantize', at('float.safetensors'), at('few.safetensors'), ...QUANTIZE()],
  fuse: () => [
    ...['fuse', at('float.safetensors'), at('float.safetensors'), '--out', at('store.safetensors')],
    ...['--method', 'bfp', '--bits', '12,11', '--data', dir],
    ...['--task', 'a=mnist', '--task', 'b=mnist'],
  ],
  train: () => [
    ...['train', 'float', '--dataset', 'mnist', '--data', dir, '--out', at('trained')],
    ...['--epochs', '1', '--width', '1', '--batch', '20'],
  ],
  'train packnet': () => [
    ...['train', 'packnet', '--dataset', 'mnist', '--data', dir, '--out', at('two.safetensors')],
    ...['--trunk', at('float.safetensors'), '--trunk-task', 'a=mnist', '--task', 'b'],
    ...['--epochs', '3', '--batch', '20', '--threads', '1'],
  ],
  zoo: () => ['zoo'],
  doctor: () => ['doctor'],
  completion: () => ['completion', 'bash'],
  demo: () => ['demo', '--data', dir],
};
const on = (command: string, ...more: string[]) =>
  cli(...(BASE[command] as () => string[])(), ...more);

/**
 * A network whose Sign may meet zero, so that --sign-zero changes what it computes: two bits
 * exactly, else one.
 */
async function signModel(): Promise<string> {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 32]);
  const weights = g.constant(new Tensor('f32', new Float32Array(64).fill(1), [2, 32]));
  await saveModel(
    g.graph([x], { y: g.dense(g.signum(x, { name: 'undecided' }), weights) }),
    at('sign.safetensors'),
  );
  write(at('zeros.npy'), writeNpy(new Tensor('f32', new Float32Array(32), [1, 32])));
  write(at('sign.json'), JSON.stringify({ layout: 'flat', color: 'gray' }));
  return at('sign.safetensors');
}
/** A network of 2-bit weights and activations, whose scalar kernel is not the same by both ways. */
async function lowBitModel(): Promise<string> {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 784]);
  const levels = g.cast(g.clip(g.round(x), 0, 3), 'u2');
  const weights = new Int8Array(7840).map((_, i) => (i % 4) - 2);
  const y = g.cast(g.dense(levels, g.constant(new Tensor('i2', weights, [10, 784]))), 'f32');
  await saveModel(g.graph([x], { y }), at('low.safetensors'));
  write(at('low.json'), readFileSync(at('dense.json')));
  return at('low.safetensors');
}
const ONCE = ['--repeat', '1', '--profile'];
/** The kernels by bit planes, and those by products of bytes, are chosen as asked for. */
const choosesKernel =
  (command: string, ...more: string[]) =>
  async () => {
    const kernels = async (lowBit: string) => {
      const argv = [command, await lowBitModel(), '--json', '--isa', 'scalar', ...more];
      return JSON.stringify(json(await cli(...argv, '--low-bit', lowBit)).layers);
    };
    expect(await kernels('planes')).toContain('qconv_planes_1x4_scalar');
    expect(await kernels('dot')).toContain('qconv_u8_2x4_scalar');
  };
/** A result that does not depend on the way. */
const sameBothWays =
  (field: string, command: string, ...more: string[]) =>
  async () => {
    const result = async (lowBit: string) =>
      json(await cli(command, await lowBitModel(), '--json', ...more, '--low-bit', lowBit))[field];
    const byPlanes = await result('planes');
    expect(byPlanes).toBeDefined();
    expect(await result('dot')).toEqual(byPlanes);
  };
const binaryMacs = async (file: string, ...more: string[]) =>
  json(await cli('inspect', file, '--json', ...more)).totals.macs.binary;

/**
 * A network that reads only with its channels last: a threshold for each of the last axis, of rank
 * 3, and fewer on axis 1.
 */
async function thresholdModel(): Promise<string> {
  const file = encodeOnnx({
    nodes: [
      { op: 'Reshape', inputs: ['x', 'map'], outputs: ['a'] },
      {
        op: 'MultiThreshold',
        domain: 'qonnx.custom_op.general',
        inputs: ['a', 't'],
        outputs: ['b'],
      },
      { op: 'Reshape', inputs: ['b', 'flat'], outputs: ['c'] },
      { op: 'Slice', inputs: ['c', 'from', 'to', 'axis'], outputs: ['y'] },
    ],
    inputs: { x: ['N', 784] },
    outputs: { y: undefined },
    initializers: {
      t: { dims: [392, 1], floats: new Array<number>(392).fill(0.5) },
      map: int64s(-1, 2, 392),
      flat: int64s(-1, 784),
      from: int64s(0),
      to: int64s(10),
      axis: int64s(1),
    },
  });
  write(at('thresholds.json'), JSON.stringify({ layout: 'flat', color: 'gray' }));
  return write(at('thresholds.onnx'), file);
}
const axisLast = (command: string, argv: (file: string) => string[]) => async () => {
  const file = await thresholdModel();
  const refused = await cli(command, ...argv(file));
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('thresholds of 1 or 2 rows'),
  });
  expect(await cli(command, ...argv(file), '--multi-threshold-axis', 'last')).toMatchObject({
    code: 0,
  });
};

/** The greater of 0 and x [N, 4], or of any shape. */
const reluModel = (shape: readonly (number | string)[] = ['N', 4]) =>
  write(
    at('relu.onnx'),
    encodeOnnx({
      inputs: { x: shape },
      outputs: { y: shape },
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    }),
  );
/** A mean over maps of any height and width, strided, so that it needs their sizes. */
const openModel = () =>
  write(
    at('open.onnx'),
    encodeOnnx({
      inputs: { x: ['N', 1, 'h', 'w'] },
      outputs: { y: ['N', 1] },
      nodes: [
        {
          op: 'AveragePool',
          inputs: ['x'],
          outputs: ['a'],
          attributes: { kernel_shape: [2, 2], strides: [2, 2] },
        },
        {
          op: 'ReduceMean',
          inputs: ['a'],
          outputs: ['y'],
          attributes: { axes: [2, 3], keepdims: 0 },
        },
      ],
    }),
  );
/** Without a shape the command refuses the model, and says which option to give. */
const takesShape = (command: string, argv: (file: string) => string[]) => async () => {
  const refused = await cli(command, ...argv(openModel()));
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/--shape,? .*x=1,1,64/) });
  const fixed = await cli(command, ...argv(openModel()), '--shape', 'x=1,1,28,28');
  expect(fixed).toMatchObject({ code: 0 });
};

/** a.png, 28x28. */
const picture = async () => {
  const create = { width: 28, height: 28, channels: 3 as const, background: '#808080' };
  write(at('a.png'), await sharp({ create }).png().toBuffer());
};

const isJson = async (command: string) =>
  expect(json(await on(command, '--json'))).toBeTypeOf('object');
const usesIsa = async (command: string) =>
  expect(json(await on(command, '--json', '--isa', 'scalar')).isa).toBe('scalar');
const usesThreads = async (command: string) =>
  expect(json(await on(command, '--json', '--threads', '1')).threads).toBe(1);
const takesRecipe = async (command: string) => {
  const other = write(
    at('other.json'),
    JSON.stringify({ layout: 'flat', color: 'gray', scale: 0.5 }),
  );
  expect(JSON.stringify(json(await on(command, '--json', '--preprocess', other)))).toContain(other);
};

/** The check that an option has its effect, by command and option. */
const WORKS: Readonly<Record<string, (command: string) => Promise<unknown>>> = {
  'inspect --json': isJson,
  'inspect --html': async () => {
    const page = at('network.html');
    const argv = ['--html', page] as const;
    expect((await on('inspect', ...argv)).stdout).toContain(`wrote ${page}`);
    expect(readFileSync(page, 'utf8')).toContain('<b>image</b>');
    expect(json(await on('inspect', ...argv, '--json')).html).toBe(page);
    const itself = await cli('inspect', at('float.safetensors'), '--html', at('float.safetensors'));
    expect(itself.stderr).toContain('--html: expected another file than a model that is read');
    expect(await cli('inspect', await storeFile(), ...argv)).toMatchObject({ code: 1 });
    expect((await cli('inspect', openModel(), ...argv)).stderr).toContain('--shape');
  },
  'inspect --raw': async () => expect((await on('inspect', '--raw')).stdout).toMatch(/dense +f32/),
  'inspect --sign-zero': async () => {
    const file = await signModel();
    expect([await binaryMacs(file), await binaryMacs(file, '--sign-zero', 'plus')]).toEqual([
      0, 64,
    ]);
  },
  'inspect --isa': async () =>
    expect((await on('inspect', '--isa', 'scalar')).stdout).toContain('bconv_b1_1x4_scalar'),
  'inspect --low-bit': choosesKernel('inspect'),
  'inspect --multi-threshold-axis': axisLast('inspect', (file) => [file]),
  'run --multi-threshold-axis': axisLast('run', (file) => [file, '--input', at('x.npy')]),
  'eval --multi-threshold-axis': axisLast('eval', (file) => [
    file,
    '--dataset',
    'mnist',
    '--data',
    dir,
  ]),
  'bench --multi-threshold-axis': axisLast('bench', (file) => [file, '--repeat', '2']),
  'convert --multi-threshold-axis': axisLast('convert', (file) => [file, at('out.safetensors')]),
  'inspect --shape': async () => {
    const inspected = async (...more: string[]) =>
      json(await cli('inspect', openModel(), '--json', ...more));
    expect(await inspected()).toMatchObject({
      symbols: ['N', 'h', 'w'],
      layers: [],
      notes: [expect.stringMatching(/depend on sizes: .* --shape x=1,1,64,64$/)],
    });
    const { symbols, layers } = await inspected('--shape', 'x=N,1,8,6');
    expect(symbols).toEqual(['N']);
    expect(layers.map(({ shape }: { shape: unknown }) => shape)).toContainEqual(['N', 4, 3, 1]);
    expect(await inspected('--raw')).toMatchObject({ layers: [] });
    const text = await cli('inspect', openModel());
    expect(text.stdout).toMatch(/^sizes +N, h, w of any number$/m);
  },
  'run --shape': async () => {
    write(at('map.npy'), writeNpy(new Tensor('f32', new Float32Array(54), [1, 1, 9, 6])));
    const argv = ['run', openModel(), '--input', at('map.npy'), '--json'];
    expect(json(await cli(...argv)).inputs[0].shape).toEqual([1, 1, 9, 6]);
    expect(json(await cli(...argv, '--shape', 'x=N,1,9,w')).inputs[0].shape).toEqual([1, 1, 9, 6]);
    const other = await cli(...argv, '--shape', 'x=1,1,6,6');
    expect(other.stdout).toContain('expected f32[1, 1, 6, 6] but received shape [1, 1, 9, 6]');
  },
  'eval --shape': async () => {
    const fixed = await on('eval', '--json', '--shape', 'image=N,784', '--limit', '3');
    expect(json(fixed).n).toBe(3);
    expect((await on('eval', '--shape', 'image=N,783')).stderr).toContain('fits [N, 784]');
  },
  'bench --shape': takesShape('bench', (file) => [file, '--repeat', '1']),
  'convert --shape': takesShape('convert', (file) => [file, at('out.safetensors')]),
  'quantize --shape': takesShape('quantize', (file) => [
    ...[file, at('few.safetensors'), '--weights', '8'],
  ]),
  'check --shape': takesShape('check', (file) => [file]),
  'check --json': isJson,
  'check --input': async () => {
    write(at('four.npy'), writeNpy(new Tensor('f32', new Float32Array(4), [1, 4])));
    const { inputs } = json(await on('check', '--json', '--input', at('four.npy')));
    expect(inputs[0].file).toBe(at('four.npy'));
  },
  'check --seed': async () => expect(json(await on('check', '--json', '--seed', '9')).seed).toBe(9),
  'check --runs': async () =>
    expect(json(await on('check', '--json', '--runs', '4')).outputs[0].elements).toBe(16),
  'check --tolerance': async () =>
    expect(json(await on('check', '--json', '--tolerance', '0')).tolerance).toBe(0),
  'check --threads': usesThreads,
  'check --isa': usesIsa,
  'check --low-bit': async () =>
    expect(json(await on('check', '--json', '--low-bit', 'dot')).agrees).toBe(true),
  'check --sign-zero': async () => {
    // The flag is read as by `run`; a Relu has no Sign.
    expect(json(await on('check', '--json', '--sign-zero', 'plus')).agrees).toBe(true);
  },
  'check --multi-threshold-axis': async () =>
    expect((await on('check', '--multi-threshold-axis', 'last')).code).toBe(0),
  'run --json': isJson,
  'run --input': async () =>
    expect(json(await on('run', '--json')).inputs[0].file).toBe(at('x.npy')),
  'run --output': async () => {
    expect(json(await on('run', '--json', '--output', at('y.npy'))).outputs[0].file).toBe(
      at('y.npy'),
    );
    expect(existsSync(at('y.npy'))).toBe(true);
    const input = json(await on('run', '--json')).inputs[0].file as string;
    expect((await on('run', '--output', input)).stderr).toContain('expected another file than');
  },
  'run --image': async () => {
    await picture();
    const { images } = json(await cli('run', model, '--json', '--image', at('a.png')));
    expect(images).toMatchObject([{ file: at('a.png'), top: { length: 5 } }]);
    expect((await on('run', '--image', at('a.png'))).stderr).toContain('--input: is not taken');
  },
  'run --html': async () => {
    await picture();
    const { code } = await cli('run', model, '--image', at('a.png'), '--html', at('a.html'));
    expect(code).toBe(0);
    expect(readFileSync(at('a.html'), 'utf8')).toMatch(/^<!doctype html>/);
    expect((await on('run', '--html', at('b.html'))).stderr).toContain('--html: is not taken here');
  },
  'run --preprocess': async () => {
    await picture();
    const other = write(at('other.json'), JSON.stringify({ layout: 'flat', color: 'gray' }));
    const argv = ['run', model, '--json', '--image', at('a.png'), '--preprocess', other];
    expect(json(await cli(...argv)).preprocess).toBe(other);
    expect((await on('run', '--preprocess', other)).stderr).toContain('--preprocess: is not taken');
  },
  'run --max-pixels': async () => {
    await picture();
    const { code, stderr } = await cli(
      ...['run', model, '--image', at('a.png')],
      '--max-pixels',
      '9',
    );
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('maxPixels'),
    });
    expect((await on('run', '--max-pixels', '9')).stderr).toContain('--max-pixels: is not taken');
  },
  'run --threads': usesThreads,
  'run --isa': usesIsa,
  'run --low-bit': async () => sameBothWays('outputs', 'run', '--input', at('x.npy'))(),
  'run --sign-zero': async () => {
    const argv = ['run', await signModel(), '--input', at('zeros.npy')];
    expect((await cli(...argv)).stdout).toMatch(/y +f32 +\[1, 2\] +0 0 /);
    expect((await cli(...argv, '--sign-zero', 'plus')).stdout).toMatch(/y +f32 +\[1, 2\] +32 32 /);
  },
  'eval --json': isJson,
  'eval --dataset': async () => expect(json(await on('eval', '--json')).dataset).toBe('mnist test'),
  'eval --data': async () =>
    expect((await on('eval', '--data', at('none'))).stderr).toContain(at('none')),
  'eval --split': async () =>
    expect(json(await on('eval', '--json', '--split', 'train')).dataset).toBe('mnist train'),
  'eval --limit': async () => expect(json(await on('eval', '--json', '--limit', '7')).n).toBe(7),
  'eval --batch': async () => {
    // Scores of differences from the batch's mean: for a picture alone they are all 0, and the five
    // lowest labels lead.
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 784]);
    const weights = g.constant(new Tensor('f32', denseWeights(), [10, 784]));
    await saveModel(
      g.graph([x], { scores: g.dense(g.sub(x, g.reduce(x, 'mean', [0])), weights) }),
      at('batch.safetensors'),
    );
    write(at('batch.json'), readFileSync(at('dense.json')));
    const argv = [
      'eval',
      at('batch.safetensors'),
      '--dataset',
      'mnist',
      '--data',
      dir,
      '--json',
      '--batch',
    ];
    expect(json(await cli(...argv, '1')).top5).toBe(50);
    expect(json(await cli(...argv, '20')).top5).not.toBe(50);
  },
  'eval --preprocess': takesRecipe,
  'eval --strict': async () => {
    // A damaged picture stops it; without the option it is skipped (eval.test.ts).
    write(at('photos/0/a.png'), 'damaged');
    const recipe = write(
      at('fit.json'),
      JSON.stringify({
        preprocess: { layout: 'flat', color: 'gray', crop: 28 },
        labels: [...'0123456789'],
      }),
    );
    const argv = [
      'eval',
      model,
      '--dataset',
      'folder',
      '--data',
      at('photos'),
      '--preprocess',
      recipe,
      '--strict',
    ];
    expect((await cli(...argv)).stderr).toMatch(
      /a\.png.*expected a JPEG, PNG, WebP, AVIF or TIFF file/,
    );
  },
  'eval --threads': usesThreads,
  'eval --isa': usesIsa,
  'eval --low-bit': async () => sameBothWays('top1', 'eval', '--dataset', 'mnist', '--data', dir)(),
  'eval --sign-zero': async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 784]);
    // Scores: 0 + sign(0) for digit 1, 0.5 for the others: 1 has the highest score only where
    // sign(0) is 1.
    const scores = g.add(
      g.dense(
        g.signum(g.mul(x, 0)),
        g.constant(
          new Tensor(
            'f32',
            Float32Array.from({ length: 7840 }, (_, i) => (i === 784 ? 1 : 0)),
            [10, 784],
          ),
        ),
      ),
      g.constant(
        new Tensor(
          'f32',
          Float32Array.from({ length: 10 }, (_, i) => (i === 1 ? 0 : 0.5)),
          [10],
        ),
      ),
    );
    await saveModel(g.graph([x], { scores }), at('zero.safetensors'));
    write(at('zero.json'), readFileSync(at('dense.json')));
    const argv = ['eval', at('zero.safetensors'), '--dataset', 'mnist', '--data', dir, '--json'];
    // Labels are 3 i mod 10 for 20 pictures: two are 0, two are 1.
    expect(json(await cli(...argv, '--limit', '10')).top1).toBe(10);
    expect(json(await cli(...argv, '--limit', '7', '--sign-zero', 'plus')).top1).toBe(0);
    expect(json(await cli(...argv, '--limit', '8', '--sign-zero', 'plus')).top1).toBe(12.5);
  },
  'bench --json': isJson,
  'bench --repeat': async () =>
    expect(json(await on('bench', '--json', '--repeat', '3')).repeat).toBe(3),
  'bench --batch': async () => {
    expect(json(await on('bench', '--json', '--batch', '3')).batch).toBe(3);
    const fixed = await cli('bench', await writeDenseModel(dir, 1, 'fixed'), '--batch', '3');
    expect(fixed).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/--batch: is not taken here: .* a batch of 1 /),
    });
  },
  'bench --profile': async () =>
    expect(json(await on('bench', '--json', '--profile')).layers.length).toBeGreaterThan(0),
  'bench --train': async () => {
    const argv = ['bench', 'zoo:resnet-20', '--train', '--batch', '2', '--repeat', '1', '--json'];
    const one = json(await cli(...argv));
    expect(one).toMatchObject({ batch: 2, repeat: 1 });
    // Numbers are printed with six digits.
    expect((one.imagesPerSecond * one.medianUs) / 2e6).toBeCloseTo(1, 4);
    expect(one.peakBytes).toBe(one.arenaBytes + one.stateBytes + one.packedBytes);
    // Parameters and their moments, in floats.
    expect(one.stateBytes).toBeGreaterThan(2 * 4 * 260_000);
    expect(one.residentGrowthBytes).toBeGreaterThan(0);
    // The network, and gradients by weights and inputs, but that by the picture.
    const forward = 40.55e6 * 2;
    expect(one.floatMacs).toBeGreaterThan(2.9 * forward);
    expect(one.floatMacs).toBeLessThan(3 * forward);
    expect(one.fmaShare).toBeGreaterThan(0);
    for (const [more, why] of [
      [['--profile'], /--profile: is not taken here/],
      [['--vs', 'onnxruntime'], /--vs: is not taken here/],
      [['--sign-zero', 'plus'], /--sign-zero: is not taken here/],
    ] as const)
      expect((await cli(...argv, ...more)).stdout).toMatch(why);
    const file = await on('bench', '--train');
    expect(file).toMatchObject({ code: 1, stderr: expect.stringMatching(/--train: is not taken/) });
  },
  'bench --vs': async () => {
    const argv = ['bench', reluModel(), '--repeat', '2', '--json', '--vs', 'onnxruntime'];
    expect(json(await cli(...argv)).vs).toMatchObject([
      { engine: expect.stringMatching(/^onnxruntime-node/), p25Us: expect.any(Number) },
    ]);
  },
  'bench --html': async () => {
    const path = at('bench.html');
    const named = at('<b>&.safetensors');
    write(named, readFileSync(model));
    const { stdout } = await cli('bench', named, '--repeat', '2', '--html', path);
    expect(stdout).toContain(`wrote ${path}`);
    const html = readFileSync(path, 'utf8');
    expect(html).toContain('&lt;b&gt;&amp;.safetensors, timed');
    expect(html).not.toContain('<b>');
    for (const part of ['time, by layer', 'packed weights in memory', 'model file', 'bconv_b1'])
      expect(html).toContain(part);
    const [written = ''] = html.split('<script>');
    expect(written).not.toMatch(/NaN|undefined|Infinity|https?:/);
  },
  'bench --threads': usesThreads,
  'bench --isa': usesIsa,
  'bench --low-bit': choosesKernel('bench', ...ONCE),
  'bench --sign-zero': async () => {
    const argv = ['bench', await signModel(), '--repeat', '2', '--profile', '--json'];
    const binary = (document: { layers: { macs: { binary: number } }[] }) =>
      document.layers.reduce((sum, { macs }) => sum + macs.binary, 0);
    expect([
      binary(json(await cli(...argv))),
      binary(json(await cli(...argv, '--sign-zero', 'plus'))),
    ]).toEqual([0, 64]);
  },
  'bench kernels --json': isJson,
  'bench kernels --repeat': async () =>
    expect(json(await on('bench kernels', '--json')).kernels.length).toBeGreaterThan(8),
  'bench kernels --isa': async () => {
    const { kernels } = json(await on('bench kernels', '--json'));
    expect(new Set(kernels.map((row: { isa: string }) => row.isa))).toEqual(new Set(['scalar']));
  },
  'convert --json': isJson,
  'convert --format': async () => {
    const out = at('out.onnx');
    expect(await cli('convert', model, out, '--format', 'onnx')).toMatchObject({ code: 0 });
    expect(json(await cli('inspect', out, '--json')).inputs[0].shape).toEqual(['N', 784]);
  },
  'convert --preprocess': takesRecipe,
  'convert --merge-affines': async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 4]);
    const vector = (value: number) =>
      g.constant(new Tensor('f32', new Float32Array(4).fill(value), [4]));
    await saveModel(
      g.graph([x], { y: g.mul(g.add(g.mul(x, vector(3)), vector(5)), vector(7)) }),
      at('affine.safetensors'),
    );
    const muls = async (...more: string[]) => {
      await cli('convert', at('affine.safetensors'), at('merged.safetensors'), ...more);
      return (
        JSON.stringify(
          json(await cli('inspect', at('merged.safetensors'), '--raw', '--json')),
        ).split('"op":"mul"').length - 1
      );
    };
    expect([await muls(), await muls('--merge-affines')]).toEqual([2, 1]);
  },
  'convert --sign-zero': async () => {
    await cli('convert', await signModel(), at('plus.safetensors'), '--sign-zero', 'plus');
    expect(await binaryMacs(at('plus.safetensors'))).toBe(64);
  },
  'quantize --json': isJson,
  'quantize --isa': usesIsa,
  'quantize --low-bit': async () => {
    const { layers } = json(await on('quantize', '--json'));
    expect(json(await on('quantize', '--json', '--low-bit', 'dot')).layers).toEqual(layers);
  },
  'quantize --threads': usesThreads,
  'quantize --preprocess': takesRecipe,
  'quantize --multi-threshold-axis': axisLast('quantize', (file) => [
    file,
    at('few.safetensors'),
    '--weights',
    '8',
  ]),
  'quantize --weights': async () =>
    expect((await layer('b', '--weights', 'ternary')).weights.spec).toBe('int2-narrow'),
  'quantize --activations': async () =>
    expect((await layer('b', '--activations', '5')).activations.bits).toBe(5),
  'quantize --per-channel': async () =>
    expect((await layer('b', '--per-channel')).weights.spec).toBe('int8-narrow-channel'),
  'quantize --ends': async () => {
    expect((await layer('a', '--weights', '3')).weights.bits).toBe(8);
    expect((await layer('a', '--weights', '3', '--ends', 'same')).weights.bits).toBe(3);
  },
  'quantize --layer': async () => {
    expect(await layer('b', '--layer', 'b=W3A4')).toMatchObject({
      weights: { bits: 3 },
      activations: { bits: 4 },
    });
    expect((await layer('c', '--layer', '*=float', '--layer', 'c=A6')).activations.bits).toBe(6);
  },
  'quantize --dataset': async () =>
    expect(json(await on('quantize', '--json')).calibration.dataset).toBe('mnist train'),
  'quantize --data': async () =>
    expect((await on('quantize', '--data', at('none'))).stderr).toContain(at('none')),
  'quantize --test': async () =>
    expect((await on('quantize', '--test', dir)).stderr).toContain('--test: is not taken here'),
  'quantize --calibrate': async () =>
    expect(json(await on('quantize', '--json', '--calibrate', '3')).calibration.pictures).toBe(3),
  'quantize --observer': async () =>
    expect(
      (await layer('b', '--observer', 'mse', '--activations', '3')).activations.range.hi,
    ).toBeLessThan((await layer('b', '--activations', '3')).activations.range.hi),
  'quantize --percentile': async () =>
    expect(
      (await layer('b', '--observer', 'percentile', '--percentile', '60')).activations.range.hi,
    ).toBeLessThan((await layer('b', '--observer', 'percentile')).activations.range.hi),
  'quantize --limit': async () =>
    expect(json(await on('quantize', '--json', '--limit', '7')).accuracy.after.n).toBe(7),
  'quantize --batch': async () => {
    // Differences from the mean of a batch: of a batch of 1 they are all 0.
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 784]);
    const weights = g.constant(new Tensor('f32', denseWeights(), [10, 784]));
    const scores = g.dense(g.sub(x, g.reduce(x, 'mean', [0])), weights);
    await saveModel(g.graph([x], { scores }), at('float.safetensors'));
    const constant = async (batch: string) =>
      json(await on('quantize', '--json', '--batch', batch)).layers[0].activations.constant;
    expect([await constant('1'), await constant('8')]).toEqual([true, false]);
  },
  // The pipelines themselves: test/cli/quantize-method.test.ts.
  'quantize --method': async () =>
    expect(
      (
        await cli(
          ...['quantize', at('float.safetensors'), at('few.safetensors')],
          ...['--weights', '8', '--method', 'dfq'],
        )
      ).stderr,
    ).toMatch(/batch norms behind products/),
  'quantize --as': async () =>
    expect((await on('quantize', '--as', 'paper')).stderr).toContain('--as: is not taken here'),
  'quantize --clipping': async () =>
    expect((await on('quantize', '--clipping', 'laplace')).stderr).toContain(
      '--clipping: is not taken here',
    ),
  'quantize --correct': async () =>
    expect((await on('quantize', '--correct', 'none')).stderr).toContain(
      '--correct: is not taken here',
    ),
  'quantize --mixed': async () =>
    expect((await on('quantize', '--mixed', '4')).stderr).toContain('--mixed: is not taken here'),
  'quantize --epochs': async () =>
    expect((await on('quantize', '--epochs', '2')).stderr).toContain('--epochs: is not taken here'),
  'quantize --seed': async () =>
    expect((await on('quantize', '--seed', '2')).stderr).toContain('--seed: is not taken here'),
  'quantize --steps': async () =>
    expect((await on('quantize', '--steps', '2')).stderr).toContain('--steps: is not taken here'),
  'quantize --resume': async () =>
    expect((await on('quantize', '--resume')).stderr).toContain('--resume: is not taken here'),
  'quantize --html': async () => {
    expect(json(await on('quantize', '--json', '--html', at('q.html'))).html).toBe(at('q.html'));
    expect(readFileSync(at('q.html'), 'utf8')).toMatch(/^<!doctype html>/);
  },
  'inspect --task': async () => {
    await taskMatters('inspect')();
    expect(json(await cli('inspect', at('store.safetensors'), '--json')).tasks).toHaveLength(2);
    expect((await cli('inspect', at('store.safetensors'), '--raw')).stderr).toContain('--raw: is');
  },
  'run --task': async () => taskMatters('run', '--input', at('x.npy'))(),
  'eval --task': async () => taskMatters('eval', '--dataset', 'mnist', '--data', dir)(),
  'bench --task': taskMatters('bench', '--repeat', '2'),
  'quantize --task': async () => {
    await taskMatters('quantize', at('few.safetensors'), '--weights', '8')();
    const store = await storeFile();
    const itself = await cli('quantize', store, store, '--task', 'b', '--weights', '8');
    expect(itself.stderr).toContain('OUT: expected another file than a model that is read');
  },
  'completion --tasks': async () => {
    const asked = await on('completion', '--tasks', await storeFile());
    expect(asked).toEqual({ code: 0, stdout: 'a\nb\n', stderr: '' });
    expect(await on('completion', '--tasks', model)).toMatchObject({ code: 1, stdout: '' });
  },
  'convert --export-task': async () => {
    const [store, out] = [await storeFile(), at('task.safetensors')];
    expect(await cli('convert', store, out, '--export-task', 'b')).toMatchObject({ code: 0 });
    expect(json(await cli('inspect', out, '--json')).layers.length).toBeGreaterThan(2);
    const other = await cli('convert', model, out, '--export-task', 'b');
    expect(other.stderr).toContain('expected --export-task for a store of several only');
    expect((await cli('convert', store, out)).stderr).toContain(
      'expected --export-task to be one of a, b but received none',
    );
    const itself = await cli('convert', store, store, '--export-task', 'b');
    expect(itself.stderr).toContain('OUT: expected another file than a model that is read');
  },
  'fuse --json': isJson,
  'bench --input': async () => {
    const argv = ['bench', model, '--repeat', '2', '--input', at('x.npy')];
    expect(json(await cli(...argv, '--json')).batch).toBe(1);
    expect((await cli(...argv, '--batch', '2')).stderr).toMatch(/--batch: .* holds a batch of 1/);
    expect((await cli('bench', model, '--input', 'y=1.npy')).stderr).toContain('--input');
  },
  ...Object.fromEntries(
    ['inspect', 'run', 'check', 'eval', 'bench', 'convert', 'quantize', 'fuse'].map((command) => [
      `${command} --max-nodes`,
      async () => {
        expect((await on(command, '--max-nodes', '1')).stderr).toMatch(/at most 1 .*--max-nodes/);
        expect(await on(command, '--max-nodes', '20001')).toMatchObject({ code: 0 });
      },
    ]),
  ),
  'fuse --shape': async () => {
    expect(await on('fuse', '--shape', 'x=1,784')).toMatchObject({ code: 0 });
    const task = await cli('inspect', at('store.safetensors'), '--task', 'a', '--json');
    expect(json(task).inputs[0].shape).toEqual([1, 784]);
  },
  'fuse --out': async () =>
    expect(json(await on('fuse', '--json', '--out', at('other.safetensors'))).out).toBe(
      at('other.safetensors'),
    ),
  'fuse --method': async () => {
    expect(json(await on('fuse', '--json', '--method', 'ieee754')).dither).toBe('noise');
    expect((await on('fuse', '--method', 'masks')).stderr).toContain('--bits: is not taken here');
    const argv = (BASE['fuse'] as () => string[])().filter(
      (word) => !/^(--bits|12,11)$/.test(word),
    );
    const masked = json(await cli(...argv, '--method', 'masks', '--json'));
    expect(masked.sizes.bytes.masks).toBe(2 * (784 + 8));
    expect((await cli(...argv)).stderr).toContain('--bits: expected --bits for --method bfp');
  },
  'fuse --bits': async () => {
    expect(json(await on('fuse', '--json', '--bits', '5,9')).sizes.papers.ours).toBe(16);
    expect((await on('fuse', '--bits', '0,9')).stderr).toContain('bits of task 1 from 1 to 24');
    expect((await on('fuse', '--bits', '17,16')).stderr).toContain('17 + 16 = 33');
    expect((await on('fuse', '--bits', '4,5,6')).stderr).toContain('a width for each of 2 models');
  },
  'fuse --granularity': async () => {
    const exponents = async (what: string) =>
      json(await on('fuse', '--json', '--granularity', what)).sizes.bytes.exponents;
    // Two layers of 8 outputs, 784 and 8 inputs; two bytes an exponent, two tasks.
    expect(await exponents('tensor')).toBe(4 * 2);
    expect(await exponents('channel')).toBe(4 * 16);
    expect(await exponents('block8')).toBe(4 * 8 * 99);
    const other = await on('fuse', '--method', 'ieee754', '--granularity', 'channel');
    expect(other.stderr).toContain('--granularity: is not taken here');
  },
  'fuse --rounding': async () =>
    expect(json(await on('fuse', '--json', '--rounding', 'truncate')).rounding).toBe('truncate'),
  'fuse --dither': async () =>
    expect(json(await on('fuse', '--json', '--dither', 'random')).dither).toBe('random'),
  'fuse --tolerance': async () => {
    const auto = ['--json', '--bits', 'auto', '--tolerance'];
    expect(json(await on('fuse', ...auto, '100')).bits).toEqual([1, 1]);
    expect((await on('fuse', '--tolerance', '1')).stderr).toContain('--tolerance: is not taken');
  },
  'fuse --task': async () => {
    const names = ({ tasks }: { tasks: { name: string }[] }) => tasks.map(({ name }) => name);
    const argv = (BASE['fuse'] as () => string[])().slice(0, -6);
    const [, one] = argv as [string, string];
    expect(names(json(await on('fuse', '--json')))).toEqual(['a', 'b']);
    const copy = write(at('copy.safetensors'), readFileSync(one));
    argv[2] = copy;
    expect(names(json(await cli(...argv, '--json')))).toEqual(['float', 'copy']);
    expect((await cli(...argv, '--task', 'a')).stderr).toContain('one for each of 2 models');
    expect((await cli(...argv, '--task', 'a', '--task', 'a')).stderr).toContain('a twice');
  },
  'fuse --data': async () =>
    expect((await on('fuse', '--data', at('none'))).stderr).toContain(at('none')),
  'fuse --limit': async () =>
    expect(json(await on('fuse', '--json', '--limit', '7')).tasks[0].fused.n).toBe(7),
  'fuse --batch': async () =>
    expect(json(await on('fuse', '--json', '--batch', '3')).tasks[0].fused.n).toBe(20),
  'fuse --threads': usesThreads,
  'fuse --isa': usesIsa,
  'fuse --low-bit': async () =>
    expect(json(await on('fuse', '--json', '--low-bit', 'dot')).tasks).toEqual(
      json(await on('fuse', '--json')).tasks,
    ),
  'fuse --multi-threshold-axis': async () => {
    const file = await thresholdModel();
    const argv = ['fuse', file, file, '-o', at('o.safetensors'), '--method', 'bfp'];
    const tasks = ['--bits', '4,4', '--task', 'a', '--task', 'b'];
    expect((await cli(...argv, ...tasks)).stderr).toContain('thresholds of 1 or 2 rows');
    const last = ['--multi-threshold-axis', 'last'];
    expect((await cli(...argv, ...tasks, ...last)).stderr).toContain('expected layers with float');
  },
  'fuse --html': async () => {
    expect(json(await on('fuse', '--json', '--html', at('f.html'))).html).toBe(at('f.html'));
    expect(readFileSync(at('f.html'), 'utf8')).toMatch(/^<!doctype html>/);
  },
  'train --json': isJson,
  'train --dataset': async () => expect(json(await on('train', '--json')).dataset).toBe('mnist'),
  'train --data': async () =>
    expect((await on('train', '--data', at('none'))).stderr).toContain(at('none')),
  'train --out': async () => {
    expect(json(await on('train', '--json', '--out', at('other'))).out).toBe(at('other'));
    expect(existsSync(at('other/model.safetensors'))).toBe(true);
  },
  'train --model': async () => {
    const argv = (BASE['train'] as () => string[])();
    for (const model of ['resnet-18', 'vgg-small'])
      expect(json(await on('train', '--json', '--model', model)).model).toBe(model);
    argv[1] = 'real-to-binary';
    expect(await cli(...argv, '--model', 'lfc')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--model .*: expected a model of resnet-20, resnet-18 but/),
    });
  },
  'train --epochs': async () =>
    expect(json(await on('train', '--json', '--epochs', '2')).history).toHaveLength(2),
  'train --width': async () =>
    expect(json(await on('train', '--json', '--width', '2')).bytes).toBeGreaterThan(
      json(await on('train', '--json')).bytes,
    ),
  'train --batch': async () =>
    expect((await on('train', '--batch', '41')).stderr).toContain('batchSize of at most 40'),
  'train --seed': async () => {
    const loss = async (...more: string[]) =>
      json(await on('train', '--json', ...more)).history[0].loss;
    expect(await loss('--seed', '0')).toBe(await loss());
    expect(await loss('--seed', '5')).not.toBe(await loss());
  },
  'train --threads': async () =>
    expect(json(await on('train', '--json', '--threads', '1')).history).toHaveLength(1),
  'train --calibrate': async () => {
    const { top1, topFloat, differing } = json(await on('train', '--json', '--calibrate', '2'));
    expect(differing).toBe(0);
    expect([typeof top1, typeof topFloat]).toEqual(['number', 'number']);
    expect((await on('train', '--calibrate', '3')).stderr).toContain('batches to be 1 to 2');
  },
  'train --without': async () => {
    expect((await on('train', '--without', 'gate')).stderr).toContain('a part of none');
    const [, , ...rest] = (BASE['train'] as () => string[])();
    const { history } = json(
      await cli('train', 'bi-real', ...rest, '--without', 'stages', '--json'),
    );
    expect(history.map(({ phase }: { phase: string }) => phase)).toEqual(['binary']);
  },
  'train --resume': async () => {
    const { history } = json(await on('train', '--json', '--out', at('again')));
    const more = json(await on('train', '--json', '--out', at('again'), '--resume'));
    expect(more.history).toEqual(history);
  },
  'train packnet --json': isJson,
  'train packnet --dataset': async () =>
    expect(json(await on('train packnet', '--json')).dataset).toBe('mnist'),
  'train packnet --data': async () =>
    expect((await on('train packnet', '--data', at('none'))).stderr).toContain(at('none')),
  'train packnet --out': async () => {
    const other = at('other.safetensors');
    expect(json(await on('train packnet', '--json', '--out', other)).out).toBe(other);
    expect(json(await cli('inspect', other, '--json')).tasks).toHaveLength(2);
    expect((await on('train packnet', '--out', at('folder'))).stderr).toContain('ends in .safe');
    const itself = await on('train packnet', '--out', at('float.safetensors'));
    expect(itself.stderr).toContain('expected another file than the trunk');
  },
  'train packnet --epochs': async () =>
    expect(json(await on('train packnet', '--json', '--epochs', '5')).history).toHaveLength(5),
  'train packnet --batch': async () =>
    expect((await on('train packnet', '--batch', '41')).stderr).toContain(
      'batchSize of at most 40',
    ),
  'train packnet --seed': async () => {
    const losses = async (...more: string[]) =>
      json(await on('train packnet', '--json', ...more)).history.map(
        ({ loss }: { loss: number }) => loss,
      );
    expect(await losses('--seed', '0')).toEqual(await losses());
    expect(await losses('--seed', '5')).not.toEqual(await losses());
  },
  'train packnet --threads': async () =>
    expect(json(await on('train packnet', '--json', '--threads', '2')).history).toHaveLength(3),
  'train packnet --resume': async () => {
    const { history } = json(await on('train packnet', '--json'));
    expect(json(await on('train packnet', '--json', '--resume')).history).toEqual(history);
  },
  'train packnet --trunk': async () => {
    await on('train packnet');
    const argv = (BASE['train packnet'] as () => string[])().filter(
      (word) => !/^(--trunk-task|a=mnist)$/.test(word),
    );
    const more = ['--trunk', at('two.safetensors'), '--task', 'c', '--out', at('o.safetensors')];
    expect(await cli(...argv, ...more)).toMatchObject({ code: 0 });
    expect(json(await cli('inspect', at('o.safetensors'), '--json')).tasks).toHaveLength(3);
    const none = argv.filter((word) => word !== '--trunk' && word !== at('float.safetensors'));
    expect((await cli(...none)).stderr).toContain('--trunk: expected --trunk MODEL');
  },
  'train packnet --trunk-task': async () => {
    expect((await on('train packnet', '--trunk-task', 'z=mnist')).stderr).toContain(
      'one for each of 1 models',
    );
    const argv = (BASE['train packnet'] as () => string[])().map((word) =>
      word === 'a=mnist' ? 'a' : word,
    );
    expect((await cli(...argv)).stderr).toContain('--trunk-task: expected --trunk-task NAME=DATA');
    const odd = argv.map((word) => (word === 'a' ? 'a/b=mnist' : word));
    expect((await cli(...odd)).stderr).toContain("a name of the trunk's task");
    const two = ['--trunk', at('two.safetensors')];
    await on('train packnet');
    expect((await on('train packnet', ...two, '--out', at('o.safetensors'))).stderr).toContain(
      '--trunk-task: is not taken here: the store names its tasks',
    );
  },
  'train packnet --task': async () =>
    expect(json(await on('train packnet', '--json', '--task', 'other')).task).toBe('other'),
  'train packnet --prune': async () => {
    const zeros = async (share: string) => {
      await on('train packnet', '--prune', share);
      const graph = await loadModel(at('two.safetensors'), { task: 'a' });
      const weights = constantsOf(graph)['dense_1'] ?? Object.values(constantsOf(graph))[0];
      return (weights as Tensor<'f32'>).data.filter((value) => value === 0).length;
    };
    expect(await zeros('0.75')).toBeGreaterThan(await zeros('0.5'));
  },
  'train packnet --distill': async () => {
    const [plain, taught] = [
      json(await on('train packnet', '--json')).history,
      json(await on('train packnet', '--json', '--distill')).history,
    ];
    expect(taught.map(({ loss }: { loss: number }) => loss)).not.toEqual(
      plain.map(({ loss }: { loss: number }) => loss),
    );
  },
  'train packnet --limit': async () => {
    const { n, pictures } = json(await on('train packnet', '--json', '--limit', '20'));
    expect([n, pictures]).toEqual([20, 20]);
    expect((await on('train packnet', '--limit', '19')).stderr).toContain('of at most 19');
  },
  'train packnet --html': async () => {
    expect(json(await on('train packnet', '--json', '--html', at('t.html'))).html).toBe(
      at('t.html'),
    );
    expect(readFileSync(at('t.html'), 'utf8')).toMatch(/^<!doctype html>/);
  },
  'zoo --json': isJson,
  'doctor --json': isJson,
  'demo --data': async () =>
    expect((await cli('demo', '--data', at('none'))).stderr).toContain(at('none')),
};

/** A value that each option takes. */
const VALUES: Readonly<Record<string, string>> = {
  '--input': 'x.npy',
  '--output': 'y.npy',
  '--sign-zero': 'plus',
  '--multi-threshold-axis': 'last',
  '--shape': 'image=1,784',
  '--max-nodes': '9',
  '--seed': '3',
  '--runs': '2',
  '--tolerance': '0.1',
  '--threads': '1',
  '--isa': 'scalar',
  '--low-bit': 'dot',
  '--dataset': 'mnist',
  '--data': 'dir',
  '--split': 'test',
  '--limit': '1',
  '--batch': '1',
  '--preprocess': 'p.json',
  '--repeat': '1',
  '--vs': 'onnxruntime',
  '--weights': '8',
  '--activations': '8',
  '--ends': '8',
  '--layer': 'a=W4',
  '--test': 'dir',
  '--calibrate': '8',
  '--observer': 'mse',
  '--percentile': '99',
  '--html': 'q.html',
  '--size': '8',
  '--teacher': 'folder',
  '--without': 'stages',
  '--method': 'dfq',
  '--as': 'paper',
  '--clipping': 'laplace',
  '--correct': 'none',
  '--task': 'a',
  '--trunk': 'models.onnx',
  '--trunk-task': 'a',
  '--prune': '0.5',
  '--masks': 'binary',
  '--bits': '4',
  '--granularity': 'channel',
  '--exponents': 'learned',
  '--model': 'resnet-18',
  '--width': '4',
  '--mixed': '4',
  '--steps': '2',
};

const program = buildProgram(fakeIo(), fakeIo(), () => undefined);
const OPTIONS = [
  ...new Set(
    program.commands.flatMap((command) => command.options.map(({ long }) => long as string)),
  ),
].sort();
const PAIRS = Object.keys(BASE).flatMap((command) =>
  OPTIONS.map((option) => [command, option] as const),
);

describe('every command with every option', () => {
  test('every command has a row', () => {
    expect(program.commands.map((command) => command.name()).sort()).toEqual(
      Object.keys(BASE)
        .filter((name) => name !== 'bench kernels' && name !== 'train packnet')
        .sort(),
    );
    const pairs = PAIRS.map((pair) => pair.join(' '));
    expect(Object.keys(WORKS).filter((pair) => !pairs.includes(pair))).toEqual([]);
  });

  test.each(PAIRS)('%s %s works or is refused', { timeout: 60_000 }, async (command, option) => {
    const works = WORKS[`${command} ${option}`];
    if (works !== undefined) {
      await works(command);
      return;
    }
    const value = VALUES[option];
    const outcome = await on(command, option, ...(value === undefined ? [] : [value]));
    expect(outcome.code).not.toBe(0);
    const sentence =
      option === '--json' ? JSON.parse(outcome.stdout).error.message : outcome.stderr;
    expect(sentence).toMatch(new RegExp(`${option}\\b`));
    expect(sentence).toMatch(/unknown option|is not taken here: ./);
    if (option !== '--json') expect(outcome.stdout).toBe('');
  });

  test('options that exclude each other', async () => {
    const raw = await on('inspect', '--raw', '--sign-zero', 'plus');
    expect(raw).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/--sign-zero: is not taken here/),
    });
    write(at('p.json'), JSON.stringify({ layout: 'flat', color: 'gray', crop: 28 }));
    const split = await cli(
      'eval',
      model,
      '--dataset',
      'folder',
      '--data',
      dir,
      '--split',
      'train',
      '--preprocess',
      at('p.json'),
    );
    expect(split).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/--split: is not taken here/),
    });
  });

  test('a choice about QONNX files is refused for models that are none', async () => {
    for (const other of [model, 'zoo:bi-real-20']) {
      const why = `is not taken here: ${other} is no QONNX file`;
      const stderr = `bitplane: --multi-threshold-axis: ${why}\n`;
      const outcome = await cli('inspect', other, '--multi-threshold-axis', 'last');
      expect(outcome).toEqual({ code: 1, stdout: '', stderr });
    }
  });
});
