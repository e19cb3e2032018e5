/** run and convert: .npy files in and out, wrong feeds, one bit a weight. */
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { main } from '../../src/cli/program.js';
import { assign } from '../../src/cli/read-feed.js';
import { loadModel } from '../../src/formats/model.js';
import { readNpy, writeNpy } from '../../src/formats/npy.js';
import { readNpz, writeNpz } from '../../src/formats/npz.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { Session } from '../../src/formats/session.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import type { TensorMetadata } from '../../src/runtime/session-types.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder, write, writeMnist } from '../data/fixtures.js';
import { encodeOnnx } from '../formats/onnx-encoder.js';
import { cli, denseScores, writeDenseModel } from './cli.js';

let dir: string;
let model: string;
beforeEach(async () => {
  dir = temporaryFolder();
  model = await writeDenseModel(dir, 'N');
});

const images = (rows: number) =>
  Float32Array.from({ length: rows * 784 }, (_, i) => ((i * 40503) % 1000) / 1000);
const feed = (rows: number) =>
  write(join(dir, 'x.npy'), writeNpy(new Tensor('f32', images(rows), [rows, 784])));

/** A .npy file of these bytes. */
function npy(descr: string, shape: readonly number[], data: Uint8Array): Buffer {
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`;
  const header = `${dict.padEnd(117)}\n`;
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    Buffer.from([header.length, 0]),
    Buffer.from(header),
    data,
  ]);
}

describe('run', () => {
  test('reads and writes .npy files with the right scores', async () => {
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

  test('several arrays come from and go to a .npz file', async () => {
    const g = new GraphBuilder();
    const a = g.input('a', 'f32', [2]);
    const b = g.input('b', 'f32', [2]);
    const path = join(dir, 'two.safetensors');
    await saveModel(g.graph([a, b], { sum: g.add(a, b), less: g.sub(a, b) }), path);
    const pair = (x: number, y: number) => new Tensor('f32', Float32Array.of(x, y), [2]);
    const all = write(
      join(dir, 'in.npz'),
      writeNpz({ b: pair(1, 2), z: pair(0, 0), a: pair(5, 7) }),
    );
    const out = join(dir, 'out.npz');
    const whole = await cli('run', path, '--input', all, '--output', out);
    expect(whole).toMatchObject({ code: 0, stderr: expect.stringMatching(/no input is called z/) });
    expect(readNpz(readFileSync(out))).toEqual({ sum: pair(6, 9), less: pair(4, 5) });
    // One of its arrays by the input's name, or the only one.
    const lone = write(join(dir, 'lone.npz'), writeNpz({ other: pair(10, 10) }));
    const less = join(dir, 'less.npy');
    const argv = ['--input', `a=${lone}`, '--input', `b=${all}`, '--output', `less=${less}`];
    expect(await cli('run', path, ...argv)).toMatchObject({ code: 0, stderr: '' });
    expect(readNpy(readFileSync(less))).toEqual(pair(9, 8));
    expect((await cli('run', path, '--input', lone)).stderr).toMatch(
      /lone\.npz": expected arrays for a, b but received "?those of other/,
    );
    const none = write(join(dir, 'none.npz'), writeNpz({ y: pair(1, 1), z: pair(0, 0) }));
    expect((await cli('run', path, '--input', all, '--input', `a=${none}`)).stderr).toMatch(
      /--input: expected one file for input a but received "two"/,
    );
    expect((await cli('run', path, '--input', `a=${none}`)).stderr).toMatch(
      /none\.npz": expected an array a but received "?those of y, z/,
    );
  });

  test('- is standard input and standard output', async () => {
    const bytes = writeNpy(new Tensor('f32', images(2), [2, 784]));
    const piped = async (...argv: string[]) => {
      const written: (string | Uint8Array)[] = [];
      const stdout = { write: (part: string | Uint8Array) => written.push(part) };
      let stderr = '';
      const code = await main(['run', model, ...argv], {
        stdout,
        stderr: { write: (text) => (stderr += text) },
        env: {},
        stdin: (async function* () {
          yield bytes.subarray(0, 100);
          yield bytes.subarray(100);
        })(),
      });
      return { code, stderr, written };
    };
    const { code, stderr, written } = await piped('--input', '-', '--output', '-');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readNpy(written[0] as Uint8Array)).toEqual(
      new Tensor('f32', denseScores(images(2)), [2, 10]),
    );
    expect(written).toHaveLength(1);
    const named = await piped('--input', 'image=-', '--json');
    expect(JSON.parse(named.written.join('')).inputs).toMatchObject([
      { file: '-', shape: [2, 784] },
    ]);
    expect((await piped('--input', '-', '--output', '-', '--json')).written.join('')).toContain(
      '--json: is not taken here',
    );
    expect((await cli('run', model, '--input', '-')).stderr).toContain('"-": npy: this is no .npy');
  });

  test('a model whose batch is fixed to 1 takes a batch', async () => {
    const fixed = await writeDenseModel(dir, 1, 'fixed');
    const out = join(dir, 'y.npy');
    expect(await cli('run', fixed, '--input', `image=${feed(5)}`, '--output', out)).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(readNpy(readFileSync(out))).toEqual(new Tensor('f32', denseScores(images(5)), [5, 10]));
  });

  test('wrong feeds and files are errors of one sentence', async () => {
    const wide = write(
      join(dir, 'wide.npy'),
      writeNpy(new Tensor('f32', new Float32Array(785), [1, 785])),
    );
    const integers = write(
      join(dir, 'i.npy'),
      writeNpy(new Tensor('i32', new Int32Array(784), [1, 784])),
    );
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
      [
        ['--input', x, '--output', `y=${join(dir, 'y.npy')}`],
        /the name of an output, scores but received "y"/,
      ],
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

  test('an array of another dtype is refused under the name that its file gives it', async () => {
    const ones = (bytes: number) => new Uint8Array(784 * bytes);
    for (const [descr, name, bytes] of [
      ['<i8', 'int64', 8],
      ['|b1', 'bool', 1],
      ['<i4', 'int32', 4],
      ['|u1', 'uint8', 1],
    ] as const) {
      const file = write(join(dir, `${name}.npy`), npy(descr, [1, 784], ones(bytes)));
      const { code, stderr } = await cli('run', model, '--input', file);
      expect(code).toBe(1);
      expect(stderr).toContain(
        `${name}.npy": expected an array of float32 for input image but received`,
      );
      expect(stderr).toContain(`${name} values; numpy's astype("float32") converts them`);
    }
    const half = write(join(dir, 'half.npy'), npy('<f2', [1, 784], ones(2)));
    expect((await cli('run', model, '--input', half)).stderr).toMatch(
      /float64, .*bool, little endian, but received float16 \(<f2\)/,
    );
  });

  test('int64 and bool become integers; a number that does not fit is named', async () => {
    const g = new GraphBuilder();
    const a = g.input('a', 'i32', ['N', 2]);
    const b = g.input('b', 'u8', ['N', 2]);
    const integers = join(dir, 'integers.safetensors');
    await saveModel(g.graph([a, b], { sum: g.cast(a, 'f32'), bytes: b }), integers);
    const int64 = (...values: bigint[]) =>
      npy('<i8', [1, 2], new Uint8Array(BigInt64Array.from(values).buffer));
    const bool = write(join(dir, 'bool.npy'), npy('|b1', [1, 2], Uint8Array.of(0, 1)));
    const run = (file: string) =>
      cli('run', integers, '--input', `a=${file}`, '--input', `b=${bool}`);
    const fits = await run(write(join(dir, 'fits.npy'), int64(-5n, 2147483647n)));
    expect(fits).toMatchObject({
      code: 0,
      stderr: `bitplane: ${bool}: bool is read as uint8, 0 and 1\n`,
    });
    expect(fits.stdout).toMatch(
      /sum +f32 +\[1, 2\] +-5 2,147,483,648 [\s\S]*bytes +u8 +\[1, 2\] +0 1 /,
    );
    const large = await run(write(join(dir, 'large.npy'), int64(1n, 2147483648n)));
    expect(large).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /large\.npy.*int64 values that fit 32 bits but received 2147483648/,
      ),
    });
  });

  test('a float64 array that is rounded leaves a note on stderr and in JSON', async () => {
    const values = new Float64Array(784).fill(0.5);
    values[3] = 0.1;
    values[4] = 1e300;
    values[5] = Number.NaN;
    const file = write(
      join(dir, 'double.npy'),
      npy('<f8', [1, 784], new Uint8Array(values.buffer)),
    );
    const note = `${file}: float64 is read as float32, which rounds 2 of 784 values`;
    expect(await cli('run', model, '--input', file)).toMatchObject({
      code: 0,
      stderr: `bitplane: ${note}\n`,
    });
    const { stdout, stderr } = await cli('run', model, '--input', file, '--json');
    expect({ stderr, notes: JSON.parse(stdout).notes }).toEqual({ stderr: '', notes: [note] });
    // Values that float32 holds exactly are not reported.
    const exact = write(
      join(dir, 'exact.npy'),
      npy('<f8', [1, 784], new Uint8Array(new Float64Array(784).fill(0.5).buffer)),
    );
    expect(await cli('run', model, '--input', exact)).toMatchObject({ code: 0, stderr: '' });
  });

  test('a failed write names its target, and no temporary file', async () => {
    const target = join(dir, 'none', 'y.npy');
    const { stderr } = await cli('run', model, '--input', feed(1), '--output', target);
    expect(stderr).toBe(
      `bitplane: "${target}": the file could not be written (ENOENT: no such file or directory)\n`,
    );
  });

  test.each([1, 3])(
    'outputs named 495, 21 and boxes are written in the order of the file (%i rows)',
    async (rows) => {
      const numeric = fileURLToPath(new URL('../golden/numeric-names.onnx', import.meta.url));
      const packed = join(dir, 'numeric.safetensors');
      await cli('convert', numeric, packed);
      const session = await Session.create(numeric);
      const [{ name, shape }] = session.inputMetadata as [TensorMetadata];
      const sizes = [rows, ...shape.slice(1).map(Number)];
      const x = new Tensor(
        'f32',
        Float32Array.from({ length: sizes.reduce((p, q) => p * q, 1) }, (_, i) => Math.sin(i)),
        sizes,
      );
      const results = await session.run({ [name]: x });
      await session.release();
      const names = ['495', '21', 'boxes'];
      const files = names.map((output) => join(dir, `${output}.npy`));
      for (const file of [numeric, packed]) {
        const argv = [
          'run',
          file,
          '--input',
          write(join(dir, 'x.npy'), writeNpy(x)),
          ...files.flatMap((path) => ['--output', path]),
        ];
        const { code, stdout } = await cli(...argv, '--json');
        expect({
          code,
          outputs: JSON.parse(stdout).outputs.map((row: { name: string }) => row.name),
        }).toEqual({ code: 0, outputs: names });
        for (const [i, output] of names.entries())
          expect(readNpy(readFileSync(files[i] as string))).toEqual(results[output]);
        const { outputs } = JSON.parse((await cli('inspect', file, '--json')).stdout);
        expect(outputs.map((row: { name: string }) => row.name)).toEqual(names);
      }
    },
  );

  test('files go to inputs by name first, then in order', () => {
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
  test('stores one bit a weight and keeps the answers', async () => {
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

  test('--merge-affines merges affines and keeps the answers', async () => {
    const merged = join(dir, 'merged.safetensors');
    expect(await cli('convert', model, merged, '--merge-affines')).toMatchObject({ code: 0 });
    const y = join(dir, 'y-merged.npy');
    expect(await cli('run', merged, '--input', feed(2), '--output', y)).toMatchObject({ code: 0 });
    const want = denseScores(images(2));
    for (const [i, score] of readNpy(readFileSync(y)).data.entries())
      expect(score).toBeCloseTo(want[i] as number, 4);
  });

  test('a session has the recipe that two conversions carried', async () => {
    writeMnist(join(dir, 'mnist'), 20);
    const recipe = {
      preprocess: { layout: 'flat', color: 'gray', scale: 1 / 300, mean: [0.1], std: [0.7] },
      labels: 'labels.json',
    };
    const labels = Array.from({ length: 10 }, (_, i) => `digit ${i}`);
    write(join(dir, 'dense.json'), JSON.stringify(recipe));
    write(join(dir, 'labels.json'), JSON.stringify(labels));
    const [once, twice] = [join(dir, 'a', 'once.safetensors'), join(dir, 'a', 'twice.safetensors')];
    mkdirSync(join(dir, 'a'));
    expect((await cli('convert', model, once)).stdout).toContain(
      `\ncarries preprocessing and labels: ${join(dir, 'dense.json')}\n`,
    );
    const again = JSON.parse(
      (await cli('convert', once, twice, '--merge-affines', '--json')).stdout,
    );
    expect(again).toMatchObject({ recipe: `carried by ${once}`, notes: [] });
    const argv = ['--dataset', 'mnist', '--data', dir, '--json'];
    const scores = async (file: string) => JSON.parse((await cli('eval', file, ...argv)).stdout);
    const { top1, top5, recipe: direct } = await scores(model);
    expect(await scores(twice)).toMatchObject({
      top1,
      top5,
      recipe: direct,
      preprocess: `carried by ${twice}`,
      notes: [],
    });

    const session = await Session.create(twice);
    expect(JSON.parse(session.metadata['bitplane.recipe'] as string)).toEqual({
      preprocess: recipe.preprocess,
      labels,
    });
    await session.release();
    expect((await cli('inspect', twice)).stdout).toMatch(
      /labels +10: digit 0; digit 1; digit 2; digit 3; digit 4; \.\.\.\n/,
    );
    // A file beside the model, which a person can edit, goes before the recipe in the model.
    const beside = write(
      join(dir, 'a', 'twice.json'),
      JSON.stringify({ layout: 'flat', color: 'gray' }),
    );
    expect(await scores(twice)).toMatchObject({ preprocess: beside });
  });

  test('the metadata of an ONNX file are carried, and code can add entries', async () => {
    const metadata = { author: 'Ada', 'bitplane.note': 'own' };
    const spec = {
      inputs: { x: ['N', 4] },
      outputs: { y: ['N', 4] },
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    };
    const onnx = write(
      join(dir, 'relu.onnx'),
      encodeOnnx({ ...spec, producer: ['pytorch', '2.4.0'], metadata }),
    );
    const out = join(dir, 'relu.safetensors');
    await cli('convert', onnx, out);
    const graph = await loadModel(out);
    const said = {
      'onnx.producer_name': 'pytorch',
      'onnx.producer_version': '2.4.0',
      'onnx.opset': '13',
      'onnx.graph_name': 'test',
    };
    expect(graph.metadata).toEqual({ ...metadata, ...said, 'onnx.ir_version': '8' });
    expect((await cli('inspect', out)).stdout).toMatch(
      /producer +pytorch 2\.4\.0\n[\s\S]*author +Ada\n/,
    );
    await saveModel({ ...graph, metadata: { ...graph.metadata, author: 'Grace' } }, out);
    const session = await Session.create(out);
    expect(session.metadata).toMatchObject({ author: 'Grace', 'onnx.producer_name': 'pytorch' });
    await session.release();
    await expect(
      saveModel({ ...graph, metadata: { 'bitplane.graph': '{}' } }, out),
    ).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
    await expect(saveModel({ ...graph, metadata: { n: 1 as never } }, out)).rejects.toMatchObject({
      code: 'ERR_GRAPH',
      node: 'n',
    });
  });

  test('JSON beside the model that is no recipe is named; as --preprocess it fails', async () => {
    const other = write(join(dir, 'dense.json'), JSON.stringify({ name: 'something else' }));
    const { code, stdout } = await cli('convert', model, join(dir, 'out.safetensors'));
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/no recipe could be read: .*dense\.json.*; none is carried\n$/),
    });
    expect(
      await cli('convert', model, join(dir, 'out.safetensors'), '--preprocess', other),
    ).toMatchObject({ code: 1, stdout: '' });
  });

  test('a model cannot name a file to take its labels from', async () => {
    const secret = write(join(dir, 'secret.json'), JSON.stringify(['secret']));
    const graph = await loadModel(model);
    const recipe = JSON.stringify({
      preprocess: { layout: 'flat', color: 'gray' },
      labels: secret,
    });
    const hostile = join(dir, 'hostile.safetensors');
    await saveModel({ ...graph, metadata: { 'bitplane.recipe': recipe } }, hostile);
    writeMnist(join(dir, 'mnist'), 2);
    const outcome = await cli('eval', hostile, '--dataset', 'mnist', '--data', dir);
    expect(outcome).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/bitplane\.recipe of .*an array of class names/),
    });
  });

  test.each(['onnx', 'qonnx'])(
    '--format %s writes a file that computes the same',
    async (format) => {
      const out = join(dir, `${format}.onnx`);
      const { code, stdout } = await cli('convert', model, out, '--format', format);
      expect({ code, stdout }).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/-> .*\.onnx/),
      });
      const y = join(dir, 'y.npy');
      expect(await cli('run', out, '--input', feed(2), '--output', y)).toMatchObject({ code: 0 });
      expect(readNpy(readFileSync(y)).data).toEqual(denseScores(images(2)));
      // The weights are bits again.
      const again = join(dir, 'again.safetensors');
      await cli('convert', out, again);
      expect(statSync(again).size).toBeLessThan(980 + 2500);
    },
  );

  test('metadata goes through ONNX and back', async () => {
    const [onnx, back] = [join(dir, 'm.onnx'), join(dir, 'm.safetensors')];
    const recipe = join(dir, 'recipe.json');
    write(recipe, JSON.stringify({ layout: 'flat', color: 'gray', scale: 0.5 }));
    await cli('convert', model, onnx, '--format', 'onnx', '--preprocess', recipe);
    await cli('convert', onnx, back);
    expect(
      JSON.parse((await loadModel(back)).metadata?.['bitplane.recipe'] as string),
    ).toMatchObject({
      preprocess: { layout: 'flat', color: 'gray', scale: 0.5 },
    });
  });

  test.each([
    [
      'an ONNX file that ends in .safetensors',
      'x.safetensors',
      /OUT to end in \.onnx, as --format/,
    ],
    ['--sign-zero, which is for what is optimized', 'x.onnx', /--sign-zero for safetensors only/],
  ])('%s is refused', async (what, name, message) => {
    const more = what.startsWith('--') ? ['--sign-zero', 'plus'] : [];
    expect(await cli('convert', model, join(dir, name), '--format', 'onnx', ...more)).toMatchObject(
      {
        code: 1,
        stderr: expect.stringMatching(message),
      },
    );
  });

  test('an output with another ending is refused before anything is written', async () => {
    expect(await cli('convert', model, join(dir, 'x.onnx'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('.safetensors'),
    });
  });
});
