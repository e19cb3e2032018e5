/** `zoo:NAME` as MODEL of every command. Not here: the networks (test/zoo). */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../src/cli/program.js';
import { writeNpy } from '../../src/formats/npy.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { ZOO } from '../../src/zoo/registry.js';
import { temporaryFolder } from '../data/fixtures.js';
import { cli, fakeIo } from './cli.js';

const NOTE =
  'bitplane: zoo:bi-real-20: its weights are seeded random numbers: times and sizes mean ' +
  'something, answers do not\n';

describe('zoo:bi-real-20', () => {
  test('inspect lists layers, and operations as the papers count them', async () => {
    const { code, stdout, stderr } = await cli('inspect', 'zoo:bi-real-20');
    expect({ code, stderr }).toEqual({ code: 0, stderr: NOTE });
    expect(stdout).toMatch(
      /layer\.\.\.\S*nv\.dot +conv2d +b1, b1 -> i32 +\[N, 32, 32, 16\] +bconv\S+ +2\.36 M/,
    );
    expect(stdout).toMatch(/BOPs 40\.1 M, FLOPs 705 k, OPs = BOPs \/ 64 \+ FLOPs = 1\.33 M/);
    expect(stdout).not.toMatch(/sign\(0\)/);
  });

  test('inspect --json has the same numbers', async () => {
    const { stdout } = await cli('inspect', 'zoo:bi-real-20', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      operations: { bops: 40_108_032, flops: 705_152, ops: 40_108_032 / 64 + 705_152 },
      signsWithZero: [],
    });
  });

  test('run, bench and convert take it as a model', async () => {
    const dir = temporaryFolder();
    writeFileSync(
      join(dir, 'x.npy'),
      writeNpy(new Tensor('f32', new Float32Array(32 * 32 * 3).fill(0.5), [1, 32, 32, 3])),
    );
    const run = await cli(
      'run',
      'zoo:bi-real-20',
      '--input',
      join(dir, 'x.npy'),
      '--output',
      join(dir, 'y.npy'),
    );
    expect(run).toMatchObject({ code: 0, stderr: NOTE });
    expect(existsSync(join(dir, 'y.npy'))).toBe(true);
    const bench = await cli('bench', 'zoo:bi-real-20', '--repeat', '5', '--json');
    expect(JSON.parse(bench.stdout)).toMatchObject({ model: 'zoo:bi-real-20', repeat: 5 });
    const out = join(dir, 'model.safetensors');
    expect((await cli('convert', 'zoo:bi-real-20', out)).stdout).toMatch(
      /^zoo:bi-real-20 -> model\.safetensors [\d.]+ KiB\n$/,
    );
    expect(statSync(out).size).toBeLessThan(110_000);
    const again = await cli('inspect', out);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toMatch(/BOPs 40\.1 M/);
  });
});

test('an unknown name lists the known ones', async () => {
  const { code, stderr } = await cli('inspect', 'zoo:lenet');
  expect(code).toBe(1);
  expect(stderr).not.toContain('weights are seeded');
  expect(stderr).toMatch(/^bitplane: zoo: expected a network of the zoo, resnet-18, .*bi-real-18/);
  expect(stderr).toContain('lfc but received "lenet"');
});

test('inspect names a sign that may meet zero, unless --sign-zero decides', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 32]);
  const file = join(temporaryFolder(), 'signum.safetensors');
  const w = g.constant(new Tensor('f32', new Float32Array(64).fill(1), [2, 32]));
  await saveModel(g.graph([x], { y: g.dense(g.signum(x, { name: 'undecided' }), w) }), file);
  expect((await cli('inspect', file)).stdout).toMatch(
    /sign\(0\) = 0 is kept, so these are not one bit but floats or two bits: undecided\n$/,
  );
  expect((await cli('inspect', file, '--sign-zero', 'plus')).stdout).not.toMatch(
    /undecided.*not one bit|sign\(0\)/,
  );
});

test('a name that is nearly one of the zoo is not helped', async () => {
  expect((await cli('inspect', 'zoo:bireal-18')).stderr).toMatch(/did you mean "bi-real-18"\?\n$/);
});

test('zoo lists a network without its size and cost, or leaves one out', async () => {
  const { stdout } = await cli('zoo');
  expect(stdout).toMatch(
    /^bi-real-20 +Bi-Real blocks on ResNet-20, CIFAR +\d+ k +40\.1 M +705 k +1\.33 M$/m,
  );
  for (const name of Object.keys(ZOO)) expect(stdout).toMatch(new RegExp(`^${name} `, 'm'));
  const narrow = fakeIo({ COLUMNS: '80' });
  expect(await main(['zoo'], narrow)).toBe(0);
  for (const name of Object.keys(ZOO)) expect(narrow.out()).toMatch(new RegExp(`^${name} `, 'm'));
  expect(narrow.out()).toMatch(/^bi-real-20 +Bi-Real blocks on ResNet-20, CIFAR +272 k +1\.33 M$/m);
  expect(
    Math.max(
      ...narrow
        .out()
        .split('\n')
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(80);
  const { networks } = JSON.parse((await cli('zoo', '--json')).stdout);
  expect(networks).toHaveLength(Object.keys(ZOO).length);
  expect(networks[0]).toMatchObject({ name: 'resnet-18', input: [224, 224, 3], bops: 0 });
});
