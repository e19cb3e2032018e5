/**
 * The built executable as a process of its own: exit codes, a pipe that closes early, an end
 * without anything left open.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../data/fixtures.js';
import { writeDenseModel } from './cli.js';

const executable = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const built = existsSync(executable);
if (!built) console.warn('SKIPPED, dist/ is not built: the executable');

const run = (...argv: string[]) =>
  spawnSync(process.execPath, [executable, ...argv], { encoding: 'utf8', timeout: 20_000 });

describe.skipIf(!built)('dist/cli/main.js', () => {
  test('exits with 0, 1 or 2 for success, failure and wrong usage', { timeout: 60_000 }, () => {
    expect(run('--version')).toMatchObject({ status: 0, stderr: '' });
    expect(run('inspect', 'none.onnx')).toMatchObject({ status: 1, stdout: '' });
    expect(run('inspect')).toMatchObject({ status: 2, stdout: '' });
  });

  test('bench ends by itself and leaves nothing open', { timeout: 60_000 }, async () => {
    const model = await writeDenseModel(temporaryFolder(), 'N');
    const { status, stdout, signal } = run('bench', model, '--repeat', '5', '--json');
    expect({ status, signal }).toEqual({ status: 0, signal: null });
    expect(JSON.parse(stdout).medianUs).toBeGreaterThan(0);
  });

  test('a pipe that the reader closes early is no error', { timeout: 60_000 }, () => {
    const script = `"${process.execPath}" "${executable}" --help | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk is one sentence', { timeout: 60_000 }, () => {
    const script = `"${process.execPath}" "${executable}" inspect none.onnx --json > /dev/full`;
    const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^bitplane: the output could not be written \(ENOSPC.*\n$/),
    });
  });
});
