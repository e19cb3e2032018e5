/**
 * The installed package on other versions of Node, from the oldest that it allows to the newest.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { pathOfNode, ROOT, run } from './sandbox.js';

const application = inject('application');
const NODES = fetched();

/** The paths of node programs, by version; none where npm cannot fetch them. */
function fetched(): [version: string, program: string][] {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(ROOT, 'scripts', 'fetch-nodes.mjs')],
    { encoding: 'utf8' },
  );
  return status === 0 ? Object.entries(JSON.parse(stdout)) : [];
}

/** Before 20.19 Node could not require an ES module. */
const canRequire = (version: string) => version !== '20.0.0';

describe.skipIf(NODES.length === 0)('on other Nodes (needs npm to fetch them)', () => {
  describe.each(NODES)('%s', (version, program) => {
    const on = (...args: string[]) => run(program, args, application, { PATH: pathOfNode() });

    test('runs a model, with the same bits', () => {
      const done = on('run-model.mjs');
      expect(done).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(done.stdout)).toEqual(
        JSON.parse(run(process.execPath, ['run-model.mjs'], application).stdout),
      );
    });

    test.runIf(canRequire(version))('gives CommonJS the same module', () => {
      const code =
        "import('bitplane').then(({ Session }) => console.log(Session === " +
        "require('bitplane').Session))";
      expect(on('--no-warnings', '-e', code)).toEqual({ code: 0, stdout: 'true', stderr: '' });
    });

    test.each([
      ['exit', 7],
      ['error', 1],
      ['rejection', 1],
    ])('ends by %s during a run', (what, code) => {
      for (let delay = 0; delay < 10; delay += 2)
        expect(on('ending.mjs', what, String(delay))).toMatchObject({ code, stdout: 'now' });
    });

    test('outlives its workers, eight of which are terminated during runs, five times', () => {
      const done = on('terminated.mjs', '5', '8');
      expect(done).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(done.stdout)).toMatchObject({
        codes: [1],
        digests: [expect.stringMatching(/^[0-9a-f]{64}$/)],
      });
    });
  });
});
