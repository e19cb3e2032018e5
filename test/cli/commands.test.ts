/** inspect, bench and doctor: tables for people, JSON fields for programs. */
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { doctor } from '../../src/cli/doctor.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder } from '../data/fixtures.js';
import { cli, fakeIo, writeDenseModel } from './cli.js';

let dir: string;
let model: string;
beforeEach(async () => {
  dir = temporaryFolder();
  model = await writeDenseModel(dir, 'N');
});

describe('inspect', () => {
  test('--json has every field of a model', async () => {
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

  test('the text is a table of layers; --raw shows the graph before optimization', async () => {
    const { stdout } = await cli('inspect', model);
    expect(stdout).toMatch(/input {3}image f32 \[N, 784\]/);
    expect(stdout).toMatch(/dense +b1, b1 -> i32 +\[N, 10\] +bconv_\w+ +7\.84 k +980 B/);
    expect(stdout).toMatch(/total +7\.84 k +984 B/);
    expect((await cli('inspect', model, '--raw')).stdout).toMatch(
      /dense +f32, \S+ -> f32 +\[N, 10\]/,
    );
    expect((await cli('inspect', model, '--raw')).stdout).not.toContain('kernel');
  });

  test('leaves out a state, or what a run makes of it', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2]);
    const count = g.state(new Tensor('f32', new Float32Array(2), [2]), { name: 'count' });
    const scale = g.state(new Tensor('f32', Float32Array.of(2), [1]), { name: 'scale' });
    const next = g.add(count, 1, { name: 'next' });
    const updates = { count: next };
    const file = join(dir, 'counter.safetensors');
    await saveModel(g.graph([x], { y: g.mul(g.add(x, count), scale) }, { updates }), file);
    const { stdout } = await cli('inspect', file);
    expect(stdout).toContain(
      'state   count f32 [2]\nstate   scale f32 [1]\nupdate  count = add "next"\n',
    );
    expect(JSON.parse((await cli('inspect', file, '--json')).stdout).states).toEqual([
      { name: 'count', dtype: 'f32', shape: [2], update: { op: 'add', name: 'next' } },
      { name: 'scale', dtype: 'f32', shape: [1], update: null },
    ]);
    expect((await cli('inspect', model)).stdout).not.toMatch(/^(state|update) /m);
  });
});

describe('bench', () => {
  test('--json --profile has latencies and a time for each layer', async () => {
    const { code, stdout, stderr } = await cli(
      'bench',
      model,
      '--repeat',
      '7',
      '--batch',
      '2',
      '--profile',
      '--threads',
      '1',
      '--json',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ batch: 2, threads: 1, repeat: 7 });
    expect(document.minUs).toBeGreaterThan(0);
    expect(document.medianUs).toBeGreaterThanOrEqual(document.minUs);
    expect(document.p99Us).toBeGreaterThanOrEqual(document.medianUs);
    expect(document.layers.length).toBeGreaterThan(0);
    expect(document.layers[0]).toMatchObject({
      name: expect.any(String),
      kernel: expect.any(String),
      us: expect.any(Number),
    });
    expect(
      JSON.parse((await cli('bench', model, '--repeat', '2', '--json')).stdout).layers,
    ).toBeUndefined();
  });

  test('--vs onnxruntime on a safetensors file is an error that says why', async () => {
    const outcome = await cli('bench', model, '--vs', 'onnxruntime', '--repeat', '2');
    expect(outcome).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /onnxruntime cannot run this model|npm install onnxruntime-node/,
      ),
    });
  });
});

describe('doctor', () => {
  test('on this machine it finds the addon and exits with 0', async () => {
    const { code, stdout } = await cli('doctor', '--json');
    const report = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(report).toMatchObject({ addon: { loaded: true }, isas: { scalar: true } });
    expect(report.isas[report.chosen]).toBe(true);
    expect((await cli('doctor')).stdout).toMatch(/addon +.*[\\/].*\.node/);
  });

  test('without an addon it lists the paths tried and what to do', () => {
    const io = fakeIo();
    const tried = [{ path: '/nowhere/bitplane.node', problem: 'no such file' }];
    expect(doctor('1.2.3', {}, io, { addon: undefined, path: undefined, tried })).toBe(1);
    const lines = [
      /addon +not loaded/,
      / {2}tried {2}\/nowhere\/bitplane\.node: no such file/,
      /To do: build one with `npm run build:native`/,
    ];
    expect(io.out()).toMatch(new RegExp(lines.map(({ source }) => source).join('\n')));
  });
});
