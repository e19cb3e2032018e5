/**
 * The first day of a user, on the tarball: what docs/getting-started.md says, the server example
 * under callers that leave, the worker pool. Not here: the other examples (test/examples).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { copyOf, node, packageFolder, pathOfNode, ROOT } from './sandbox.js';

const CALLERS = 50;
const LEAVING = 10;

describe('a stranger', () => {
  let folder: string;
  let pictures: string;
  /** The best label of each picture, in the order of their names. */
  let labels: string[];
  const run = (...args: string[]) => {
    const { code, stdout, stderr } = node(folder, args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const names = () => readdirSync(pictures).sort();

  beforeAll(() => {
    folder = copyOf(inject('application'), 'stranger');
    cpSync(join(packageFolder(folder), 'examples'), join(folder, 'examples'), { recursive: true });
    // The decoder of pictures that is installed here, in place of one from the registry.
    symlinkSync(join(ROOT, 'node_modules', 'sharp'), join(folder, 'node_modules', 'sharp'));
    run('examples/train-and-pack.mjs', 'shapes', '1', '400');
    pictures = join(folder, 'shapes', 'pictures');
    const lines = run('examples/classify-folder.mjs', 'shapes/model.safetensors', pictures);
    labels = lines.split('\n').map((line) => line.split('\t')[1] as string);
  });

  test('gets no label for a picture by the page for beginners', () => {
    const bin = join(folder, 'node_modules', '.bin', 'bitplane');
    const text = run(bin, 'run', 'shapes/model.safetensors', '--image', join(pictures, 'star.png'));
    expect(text).toContain(labels[names().indexOf('star.png')]);
  });

  test('gets other bits from a pool of workers', () => {
    const text = run('examples/worker-pool.mjs', 'shapes/model.safetensors', '2', '6');
    expect(text).toMatch(/^6 runs in 2 workers, [0-9a-f]{16}$/);
  });

  test('is not answered by a server that others leave', async () => {
    const server = spawn(
      process.execPath,
      ['examples/server.mjs', 'shapes/model.safetensors', '0'],
      { cwd: folder, env: { PATH: pathOfNode() } },
    );
    let complaints = '';
    server.stderr.on('data', (part) => (complaints += part));
    try {
      const url = /http:\S+/.exec(await firstLine(server))?.[0] as string;
      const files = names().map((name) => readFileSync(join(pictures, name)));
      const answers = await Promise.all(
        Array.from({ length: CALLERS }, (_, i) =>
          post(url, files[i % files.length] as Buffer, i % (CALLERS / LEAVING) === 0),
        ),
      );
      const answered = answers.flatMap((answer, i) => (answer === 'left' ? [] : [{ answer, i }]));
      expect(answered).toHaveLength(CALLERS - LEAVING);
      for (const { answer, i } of answered) expect(answer).toBe(labels[i % files.length]);
      // Those who left cost nothing but their own answers.
      expect(await post(url, files[0] as Buffer, false)).toBe(labels[0]);
    } finally {
      server.kill('SIGTERM');
    }
    expect(await new Promise((resolve) => server.once('exit', resolve))).toBe(0);
    expect(complaints).toBe('');
  });
});

/** The best label that the server answers; 'left' of a caller who goes when all is sent. */
function post(url: string, body: Buffer, leaves: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent: false }, async (response) => {
      let text = '';
      for await (const part of response) text += part;
      resolve(JSON.parse(text).labels?.[0]?.label ?? text);
    });
    sent.on('error', (error) => (leaves ? resolve('left') : reject(error)));
    sent.end(body, () => {
      if (leaves) sent.destroy(new Error('left'));
    });
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as never })) return line;
  throw new Error('the server ended');
}
