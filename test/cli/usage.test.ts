/** What every command shares: exit codes, the two streams, help, files that are no models. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder, write } from '../data/fixtures.js';
import { cli, writeDenseModel } from './cli.js';

let dir: string;
let model: string;
beforeEach(async () => {
  dir = temporaryFolder();
  model = await writeDenseModel(dir, 'N');
});

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
