/** run and convert: .npy files in and out, wrong feeds, one bit a weight. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { assign } from '../../src/cli/run.js';
import { readNpy, writeNpy } from '../../src/formats/npy.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder, write } from '../data/fixtures.js';
import { cli, denseScores, writeDenseModel } from './cli.js';

let dir: string;
let model: string;
beforeEach(async () => {
  dir = temporaryFolder();
  model = await writeDenseModel(dir, 'N');
});

const images = (rows: number) => Float32Array.from({ length: rows * 784 }, (_, i) => ((i * 40503) % 1000) / 1000);
const feed = (rows: number) => write(join(dir, 'x.npy'), writeNpy(new Tensor('f32', images(rows), [rows, 784])));

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
      [['--input', x, '--output', 'y.npy', '--output', 'z.npy'], /for outputs scores, each once/],
      [['--input', x, '--output', `y=${join(dir, 'y.npy')}`], /the name of an output, scores but received "y"/],
      [['--input', `picture=${x}`], /the name of an input, image but received "picture"/],
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
    expect([...assign(['./dir=1/x.npy'], ['x'], 'input')]).toEqual([['x', './dir=1/x.npy']]);
    expect(() => assign(['y=1.npy'], ['x'], 'input')).toThrow(/the name of an input, x/);
    expect(() => assign(['x=1', 'x=2'], ['x'], 'input')).toThrow(/one file for input x/);
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

  test('with affines merged', async () => {
    const merged = join(dir, 'merged.safetensors');
    expect(await cli('convert', model, merged, '--merge-affines')).toMatchObject({ code: 0 });
    const y = join(dir, 'y-merged.npy');
    expect(await cli('run', merged, '--input', feed(2), '--output', y)).toMatchObject({ code: 0 });
    const want = denseScores(images(2));
    for (const [i, score] of readNpy(readFileSync(y)).data.entries()) expect(score).toBeCloseTo(want[i] as number, 4);
  });

  test('another ending is refused before anything is written', async () => {
    expect(await cli('convert', model, join(dir, 'x.onnx'))).toMatchObject({ code: 1, stderr: expect.stringContaining('.safetensors') });
  });
});
