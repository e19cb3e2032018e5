/** quantize --method: no data set is opened, and what is missing is an error that names it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { METHODS, type MethodName, methodName, TRAINED } from '../../src/cli/quantize-options.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder, write } from '../data/fixtures.js';
import { smallNetwork } from '../methods/small-network.js';
import { random } from '../random.js';
import { cli } from './cli.js';

vi.mock('../../src/cli/open-dataset.js', async (original) => ({
  ...(await original<object>()),
  openDataset: () => {
    throw new Error('a data set was opened');
  },
}));

async function model(hasNorms: boolean, recipe = true): Promise<string> {
  const draw = random(3);
  const g = new GraphBuilder();
  const numbers = (low: number, ...shape: number[]) =>
    g.constant(
      new Tensor(
        'f32',
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => low + draw()),
        shape,
      ),
    );
  const x = g.input('x', 'f32', ['N', 784]);
  const norm = (y: typeof x, n: number) =>
    hasNorms
      ? g.batchNorm(
          y as never,
          numbers(0.5, n),
          numbers(-0.5, n),
          numbers(-0.5, n),
          numbers(0.5, n),
        )
      : y;
  const a = g.relu(norm(g.dense(x, numbers(-0.5, 12, 784), { name: 'a' }) as never, 12) as never);
  const b = g.relu(norm(g.dense(a, numbers(-0.5, 12, 12), { name: 'b' }) as never, 12) as never);
  const graph = g.graph([x], { y: g.dense(b, numbers(-0.5, 10, 12), { name: 'c' }) });
  const path = join(temporaryFolder(), 'float.safetensors');
  await saveModel(graph, path);
  const preprocess = { layout: 'flat', color: 'gray', scale: 1 / 255 };
  if (recipe) write(path.replace('.safetensors', '.json'), JSON.stringify({ preprocess }));
  return path;
}

const W4A4 = ['--weights', '4', '--activations', '4'];

test.each([
  ['dfq', 'equalization', []],
  ['aciq', 'by their bits', []],
  ['zeroq', 'Distilled pictures', ['--steps', '9']],
])('%s opens a data set, or writes no model or page', async (method, title, more) => {
  const from = await model(true);
  const [to, html] = [from.replace('float', 'few'), from.replace('float.safetensors', 'p.html')];
  const done = await cli(
    'quantize',
    from,
    to,
    '--method',
    method,
    ...W4A4,
    ...more,
    '--html',
    html,
    '--json',
  );
  expect(done).toMatchObject({ code: 0, stderr: '' });
  const { layers } = JSON.parse(done.stdout);
  expect(layers.map((layer: { weights: unknown }) => layer.weights !== null)).toEqual([
    true,
    true,
    true,
  ]);
  expect(readFileSync(html, 'utf8')).toContain(title);
  const measured = await cli(
    'quantize',
    from,
    to,
    '--method',
    method,
    ...W4A4,
    ...more,
    '--dataset',
    'mnist',
    '--data',
    '.',
  );
  expect(measured.stderr).toContain('a data set was opened');
});

test('what a method needs and does not get is no error', async () => {
  const at = (path: string) => [path, path.replace('float', 'few'), '--method', 'dfq', ...W4A4];
  expect((await cli('quantize', ...at(await model(false)))).stderr).toContain(
    'expected batch norms',
  );
  expect((await cli('quantize', ...at(await model(true, false)))).stderr).toContain('input "x"');
});

test('the seed and the steps of distilling change nothing of an empirical correction', async () => {
  const from = await model(true);
  const argv = ['quantize', from, from.replace('float', 'few'), '--method', 'dfq', ...W4A4];
  const bytes = async (...more: string[]) => {
    const done = await cli(...argv, '--correct', 'empirical', ...more);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    return readFileSync(argv[2] as string);
  };
  const seeded = await bytes('--steps', '3', '--seed', '5');
  expect(await bytes('--steps', '3', '--seed', '5')).toEqual(seeded);
  expect(await bytes('--steps', '3', '--seed', '6')).not.toEqual(seeded);
  expect(await bytes('--steps', '4', '--seed', '5')).not.toEqual(seeded);
  for (const option of ['--seed', '--steps'])
    expect((await cli(...argv, option, '5')).stderr).toBe(
      `bitplane: ${option}: is not taken here: it needs --method zeroq, gdfq or zaq, or ` +
        '--correct empirical of dfq\n',
    );
});

test('widths by layer, or what their page and document say of them, are missing', async () => {
  const from = await model(true);
  const [to, html] = [from.replace('float', 'few'), from.replace('float.safetensors', 'p.html')];
  const flags = [
    '--method',
    'zeroq',
    ...W4A4,
    '--steps',
    '9',
    '--mixed',
    '5.5',
    '--html',
    html,
    '--json',
  ];
  const { code, stdout } = await cli('quantize', from, to, ...flags);
  const { layers, allocation, sensitivities } = JSON.parse(stdout);
  const names = layers.map(({ name }: { name: string }) => name);
  expect(code).toBe(0);
  expect(names.map((name: string) => allocation.bits[name])).toEqual(
    layers.map(({ weights }: { weights: { bits: number } }) => weights.bits),
  );
  expect(allocation.bytes).toBeLessThanOrEqual((5.5 * (12 * 784 + 12 * 12 + 10 * 12)) / 8);
  expect(sensitivities.map(({ name }: { name: string }) => name)).toEqual(names);
  for (const title of ['Distilled pictures', 'Sensitivities', 'Size against error'])
    expect(readFileSync(html, 'utf8')).toContain(title);
  const tiny = await cli('quantize', from, to, ...flags, '--mixed', '100B');
  expect(tiny.stdout).toMatch(/at least 2 bits a weight, the least width/);
});

test('--method all leaves a method out, or compares nothing', async () => {
  const from = await model(true);
  const [to, html] = [from.replace('float.safetensors', 'all'), `${from}.html`];
  const { code, stdout } = await cli(
    ...['quantize', from, to, '--method', 'all', ...W4A4, '--html', html],
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/GDFQ.*--epochs N lets it take part/);
  for (const method of METHODS.filter((one) => !TRAINED.includes(one as MethodName))) {
    expect(stdout).toContain(methodName(method as MethodName));
    for (const end of ['safetensors', 'html'])
      expect(readFileSync(join(to, `${method}.${end}`)).length).toBeGreaterThan(0);
  }
  expect(readFileSync(html, 'utf8')).toContain('ZeroQ');
  const refused = await cli('quantize', await model(false), to, '--method', 'all', ...W4A4);
  expect(refused.stderr).toContain('expected batch norms');
  const file = await cli('quantize', from, `${to}.safetensors`, '--method', 'all', ...W4A4);
  expect(file.stderr).toContain('OUT to be a folder');
});

test.each(['gdfq', 'zaq'])(
  '%s forgets where it was, or lacks curves and pictures',
  async (name) => {
    const from = join(temporaryFolder(), 'float.safetensors');
    await saveModel(smallNetwork({ size: 8 }), from);
    write(
      from.replace('.safetensors', '.json'),
      JSON.stringify({ preprocess: { layout: 'NHWC', color: 'rgb', scale: 1 / 255 } }),
    );
    const [to, html] = [from.replace('float', 'few'), from.replace('.safetensors', '.html')];
    const flags = ['--method', name, ...W4A4, '--epochs', '2', '--steps', '1', '--json'];
    const { code, stdout } = await cli('quantize', from, to, ...flags, '--html', html);
    expect(code).toBe(0);
    const { history, layers, method } = JSON.parse(stdout);
    expect([method, history.length, layers.length]).toEqual([name, 2, 4]);
    for (const title of ['Generated pictures', 'losses of the generator'])
      expect(readFileSync(html, 'utf8')).toContain(title);
    // All epochs are done, so nothing is trained again.
    const again = await cli('quantize', from, to, ...flags, '--resume');
    expect(JSON.parse(again.stdout).history).toEqual(history);
    const spec = await cli('quantize', from, to, ...flags, '--weights', 'ternary');
    expect(JSON.parse(spec.stdout).error).toMatchObject({ node: '--weights' });
  },
);

test.each(METHODS)('%s works before it says that there is no folder for OUT', async (method) => {
  const from = await model(true);
  const to = join(from, '..', 'none', 'few.safetensors');
  const done = await cli('quantize', from, to, '--method', method, ...W4A4);
  expect(done.code).toBe(1);
  expect(done.stderr).toMatch(/none.few\.safetensors": the file could not be written \(ENOENT/);
});
