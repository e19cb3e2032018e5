/** The commands as a shell sees them: exit codes, the two streams, JSON fields, files. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { doctor } from '../../src/cli/doctor.js';
import { assign } from '../../src/cli/run.js';
import { readNpy, writeNpy } from '../../src/formats/npy.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder, write, writeMnist } from '../data/fixtures.js';
import { cli, denseScores, fakeIo, writeColourModel, writeDenseModel } from './cli.js';

let dir: string;
let model: string;
beforeEach(async () => {
  dir = temporaryFolder();
  model = await writeDenseModel(dir, 'N');
});

const images = (rows: number) => Float32Array.from({ length: rows * 784 }, (_, i) => ((i * 40503) % 1000) / 1000);
const feed = (rows: number) => write(join(dir, 'x.npy'), writeNpy(new Tensor('f32', images(rows), [rows, 784])));

describe('usage', () => {
  test.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['run'], /missing required argument 'model'/],
    [['run', 'm', '--threads', '0'], /--threads .* Expected a whole number above 0/],
    [['run', 'm', '--threads', '65'], /Expected at most 64/],
    [['run', 'm', '--isa', 'sse'], /Allowed choices are scalar, avx2, avx512, neon/],
    [['eval', 'm'], /--dataset .* not specified/],
    [['eval', 'm', '--dataset', 'imagenet'], /Allowed choices are mnist, cifar10, folder/],
    [['bench', 'm', '--repeat', '1.5'], /Expected a whole number above 0/],
    [['inspect', 'm', 'n'], /too many arguments/],
  ])('%j exits with 2 and says why', async (argv, why) => {
    const { code, stdout, stderr } = await cli(...argv);
    expect(stderr).toMatch(/^bitplane: /);
    expect(stderr).toMatch(why);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('help names every command but the demo', async () => {
    const { code, stdout } = await cli('--help');
    expect(code).toBe(0);
    for (const name of ['inspect', 'run', 'eval', 'bench', 'convert', 'doctor']) expect(stdout).toContain(`  ${name} `);
    expect(stdout).not.toContain('demo');
    expect(await cli('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  test.each([[[]], [['--json']]])('a failing command exits with 1, one line on stderr, nothing on stdout %j', async (flags) => {
    const missing = join(dir, 'none.onnx');
    for (const argv of [
      ['inspect', missing],
      ['run', missing],
      ['bench', missing],
      ['convert', missing, join(dir, 'o.safetensors')],
    ]) {
      const outcome = await cli(...argv, ...flags);
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr).toMatch(/^bitplane: [^\n]*none\.onnx[^\n]*\n$/);
      expect(outcome.stderr).not.toContain('internal error');
    }
  });

  test('files that are no models', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('plain text'), readFileSync(model).subarray(0, 300)]) {
      const outcome = await cli('inspect', write(join(dir, 'bad.onnx'), bytes));
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr).not.toContain('internal error');
    }
  });
});

describe('inspect', () => {
  test('JSON', async () => {
    const { code, stdout } = await cli('inspect', model, '--json');
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(document.inputs).toEqual([{ name: 'image', dtype: 'f32', shape: ['N', 784] }]);
    expect(document.outputs).toEqual([{ name: 'scores', dtype: 'f32', shape: ['N', 10] }]);
    expect(document.totals).toMatchObject({ macs: { binary: 7840, integer: 0, float: 0 } });
    expect(document.layers.find((layer: { op: string }) => layer.op === 'dense')).toMatchObject({
      inputDtype: 'b1',
      weightDtype: 'b1',
      weightBytes: 980,
      macs: { binary: 7840 },
    });
  });

  test('people see a table; --raw is the graph before optimization', async () => {
    const { stdout } = await cli('inspect', model);
    expect(stdout).toMatch(/input {3}image f32 \[N, 784\]/);
    expect(stdout).toMatch(/dense +b1 +b1 +i32 +\[N, 10\] +7\.84 k +980 B/);
    expect(stdout).toMatch(/total +7\.84 k +984 B/);
    expect((await cli('inspect', model, '--raw')).stdout).toMatch(/dense +f32 +\S+ +f32 +\[N, 10\]/);
  });
});

describe('run', () => {
  test('npy in, npy out', async () => {
    const out = join(dir, 'y.npy');
    const { code, stdout } = await cli(
      'run',
      model,
      '--input',
      feed(3),
      '--output',
      `scores=${out}`,
      '--json',
      '--threads',
      '1',
      '--isa',
      'scalar',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      isa: 'scalar',
      threads: 1,
      inputs: [{ name: 'image', dtype: 'f32', shape: [3, 784] }],
      outputs: [{ name: 'scores', dtype: 'f32', shape: [3, 10], file: out }],
    });
    expect(readNpy(readFileSync(out))).toEqual(new Tensor('f32', denseScores(images(3)), [3, 10]));
  });

  test('a model whose batch is fixed to 1 takes a batch', async () => {
    const fixed = await writeDenseModel(dir, 1, 'fixed');
    const out = join(dir, 'y.npy');
    expect(await cli('run', fixed, '--input', `image=${feed(5)}`, '--output', out)).toMatchObject({ code: 0, stderr: '' });
    expect(readNpy(readFileSync(out))).toEqual(new Tensor('f32', denseScores(images(5)), [5, 10]));
  });

  test('wrong feeds and files are one sentence', async () => {
    const wide = write(join(dir, 'wide.npy'), writeNpy(new Tensor('f32', new Float32Array(785), [1, 785])));
    const integers = write(join(dir, 'i.npy'), writeNpy(new Tensor('i32', new Int32Array(784), [1, 784])));
    const broken = write(join(dir, 'broken.npy'), readFileSync(feed(1)).subarray(0, 500));
    const x = feed(1);
    const cases: [string[], RegExp][] = [
      [[], /expected --input image=FILE\.npy/],
      [['--input', wide], /image/],
      [['--input', integers], /image/],
      [['--input', broken], /broken\.npy/],
      [['--input', join(dir, 'none.npy')], /none\.npy.*no such file/],
      [['--input', x, '--input', x], /for inputs image, each once/],
      [['--input', x, '--output', `y=${join(dir, 'y.npy')}`, '--output', 'z.npy'], /for outputs scores, each once/],
      [['--input', x, '--output', join(dir, 'none', 'y.npy')], /y\.npy/],
    ];
    for (const [argv, why] of cases) {
      const outcome = await cli('run', model, ...argv);
      expect(outcome.stderr).toMatch(why);
      expect(outcome.stderr).not.toContain('internal error');
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
    }
  });

  test('files are assigned by name first, then by order', () => {
    expect([...assign(['b.npy', 'x=c.npy'], ['x', 'y'], 'input')]).toEqual([
      ['x', 'c.npy'],
      ['y', 'b.npy'],
    ]);
    expect([...assign(['a=b=c.npy'], ['a=b', 'a'], 'input')]).toEqual([['a=b', 'c.npy']]);
    expect([...assign(['dir=1/x.npy'], ['x'], 'input')]).toEqual([['x', 'dir=1/x.npy']]);
    expect(() => assign(['x=1', 'x=2'], ['x'], 'input')).toThrow(/one file for input x/);
  });
});

describe('eval', () => {
  test('mnist with a preprocessing file; JSON fields', async () => {
    writeMnist(join(dir, 'mnist'), 40);
    const recipe = write(join(dir, 'p.json'), JSON.stringify({ layout: 'flat', color: 'gray', scale: 1 / 255 }));
    const argv = ['eval', model, '--dataset', 'mnist', '--data', dir, '--preprocess', recipe, '--limit', '30', '--batch', '8'];
    const { code, stdout, stderr } = await cli(...argv, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ dataset: 'mnist test', n: 30, preprocess: recipe });

    // The same from the definitions: pixel i is 7 i mod 256, label i is 3 i mod 10, the first of equal scores wins.
    const pixels = Float32Array.from({ length: 30 * 784 }, (_, i) => ((i * 7) & 255) / 255);
    const scores = denseScores(pixels);
    const right = Array.from({ length: 30 }, (_, i) => {
      const row = scores.subarray(i * 10, i * 10 + 10);
      return row.indexOf(Math.max(...row)) === (i * 3) % 10;
    });
    expect(document.top1).toBeCloseTo((100 * right.filter(Boolean).length) / 30, 10);
    expect(document.top5).toBeGreaterThanOrEqual(document.top1);
    expect(document.imagesPerSecond).toBeGreaterThan(0);

    const people = await cli(...argv);
    expect(people.stdout).toMatch(/top-1 +\d+\.\d\d %/);
    expect(people.stdout).toMatch(/images +30\n/);
  });

  test('the recipe beside the model, a batch fixed to 1, BITPLANE_DATA', async () => {
    writeMnist(dir, 10);
    const fixed = await writeDenseModel(dir, 1, 'fixed');
    write(join(dir, 'fixed.json'), JSON.stringify({ preprocess: { layout: 'flat', color: 'gray', scale: 1 / 255 } }));
    const { code, stdout } = await cli('eval', fixed, '--dataset', 'mnist', '--data', dir, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ n: 10, preprocess: join(dir, 'fixed.json') });
    expect(await cli('eval', fixed, '--dataset', 'mnist')).toMatchObject({ code: 1, stderr: expect.stringContaining('BITPLANE_DATA') });
  });

  test('a folder of pictures, through labels and by sorted order', async () => {
    const colours = { red: { r: 255, g: 0, b: 0 }, green: { r: 0, g: 255, b: 0 }, blue: { r: 0, g: 0, b: 255 } };
    for (const [name, background] of Object.entries(colours)) {
      const png = await sharp({ create: { width: 20, height: 11, channels: 3, background } })
        .png()
        .toBuffer();
      write(join(dir, 'photos', name, 'a.png'), png);
    }
    const argv = ['--dataset', 'folder', '--data', join(dir, 'photos')];
    const labelled = await cli('eval', await writeColourModel(dir, ['red', 'green', 'blue']), ...argv, '--json');
    expect(JSON.parse(labelled.stdout)).toMatchObject({ top1: 100, top5: 100, n: 3, notes: [] });
    // Sorted order calls blue 0 and red 2; the network answers red 0 and blue 2.
    const sorted = await cli('eval', await writeColourModel(dir), ...argv);
    expect(sorted.stdout).toMatch(/^classes by sorted folder order: 0 blue, 1 green, 2 red\n/);
    expect(sorted.stdout).toMatch(/top-1 +33\.33 %/);
  });

  test('a missing and a damaged data set', async () => {
    const argv = ['eval', model, '--dataset', 'mnist', '--data', dir, '--json'];
    expect(await cli(...argv)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('t10k-images-idx3-ubyte') });
    writeMnist(dir, 3);
    writeFileSync(join(dir, 't10k-images-idx3-ubyte'), 'damaged');
    expect(await cli(...argv)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^bitplane: .*idx3-ubyte.*IDX header/) });
  });
});

describe('bench', () => {
  test('JSON fields, with layers', async () => {
    const { code, stdout, stderr } = await cli('bench', model, '--repeat', '7', '--batch', '2', '--profile', '--threads', '1', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ batch: 2, threads: 1, repeat: 7 });
    expect(document.minUs).toBeGreaterThan(0);
    expect(document.medianUs).toBeGreaterThanOrEqual(document.minUs);
    expect(document.p99Us).toBeGreaterThanOrEqual(document.medianUs);
    expect(document.layers.length).toBeGreaterThan(0);
    expect(document.layers[0]).toMatchObject({ name: expect.any(String), kernel: expect.any(String), us: expect.any(Number) });
    expect(JSON.parse((await cli('bench', model, '--repeat', '2', '--json')).stdout).layers).toBeUndefined();
  });

  test('onnxruntime cannot open our files, and it is said so', async () => {
    const outcome = await cli('bench', model, '--vs', 'onnxruntime', '--repeat', '2');
    expect(outcome).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/onnxruntime cannot run this model|npm install onnxruntime-node/),
    });
  });
});

describe('convert', () => {
  test('one bit a weight, and the same answers', async () => {
    const packed = join(dir, 'packed.safetensors');
    const { code, stdout } = await cli('convert', model, packed, '--json');
    expect(code).toBe(0);
    const { inBytes, outBytes } = JSON.parse(stdout);
    expect(inBytes).toBeGreaterThan(7840 * 4);
    expect(outBytes).toBeLessThan(980 + 2500);
    const y = join(dir, 'y.npy');
    expect(await cli('run', packed, '--input', feed(2), '--output', y)).toMatchObject({ code: 0 });
    expect(readNpy(readFileSync(y)).data).toEqual(denseScores(images(2)));
  });

  test('another ending is refused before anything is written', async () => {
    expect(await cli('convert', model, join(dir, 'x.onnx'))).toMatchObject({ code: 1, stderr: expect.stringContaining('.safetensors') });
  });
});

describe('doctor', () => {
  test('here', async () => {
    const { code, stdout } = await cli('doctor', '--json');
    const report = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(report).toMatchObject({ addon: { loaded: true }, isas: { scalar: true } });
    expect(report.isas[report.chosen]).toBe(true);
    expect((await cli('doctor')).stdout).toMatch(/addon +\/.*\.node/);
  });

  test('without an addon it says what was tried and what to do', () => {
    const io = fakeIo();
    const tried = [{ path: '/nowhere/bitplane.node', problem: 'no such file' }];
    expect(doctor('1.2.3', {}, io, { addon: undefined, path: undefined, tried })).toBe(1);
    expect(io.out()).toMatch(
      /addon +not loaded\n {2}tried {2}\/nowhere\/bitplane\.node: no such file\nBuild the addon with `npm run build:native`/,
    );
  });
});
