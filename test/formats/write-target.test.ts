/**
 * Saves leave devices and pipes alone and remove the leftovers of dead writers. Not here: other
 * saves (write-file.test.ts).
 */
import { spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  promises,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { temporaryName } from '../../src/formats/leftovers.js';
import { writeFileAtomic } from '../../src/formats/write-file.js';
import { temporaryFolder, write } from '../data/fixtures.js';

const ROOT = join(import.meta.dirname, '..', '..');
const BYTES = Buffer.from('whole');
const hasPipes = spawnSync('mkfifo', ['--version']).error === undefined;

afterEach(() => void vi.restoreAllMocks());

describe('a target', () => {
  test('with the longest possible name is written', async () => {
    const path = join(temporaryFolder(), 'x'.repeat(255));
    await writeFileAtomic(path, BYTES);
    expect(readFileSync(path)).toEqual(BYTES);
  });

  test.skipIf(!hasPipes)('that is a pipe stays one', async () => {
    const path = join(temporaryFolder(), 'pipe');
    spawnSync('mkfifo', [path]);
    await expect(writeFileAtomic(path, BYTES)).rejects.toMatchObject({
      code: 'ERR_IO',
      node: path,
      message: expect.stringContaining('a pipe'),
    });
    expect(lstatSync(path).isFIFO()).toBe(true);
  });

  // Through a link, because a broken save run by root would replace the device itself.
  test.skipIf(process.platform === 'win32').each([
    ['/dev/null', 'a device'],
    ['.', 'a folder'],
  ])('that is a link to %s stays one', async (to, kind) => {
    const path = join(temporaryFolder(), 'link');
    symlinkSync(to, path);
    await expect(writeFileAtomic(path, BYTES)).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringContaining(kind),
    });
    expect(readlinkSync(path)).toBe(to);
  });
});

describe('a save that fails', () => {
  test('names the file and not the temporary one, and leaves nothing', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'none', 'file');
    const error = await writeFileAtomic(path, BYTES).catch((caught) => caught);
    expect(error).toMatchObject({
      code: 'ERR_IO',
      node: path,
      message: expect.stringContaining('no such file or directory'),
    });
    expect(error.message).not.toContain('.tmp');
  });

  test('reports the first error, even if cleaning up fails', async () => {
    const folder = temporaryFolder();
    const path = write(join(folder, 'file'), 'old');
    const { open } = promises;
    vi.spyOn(promises, 'open').mockImplementation(async (...args) => {
      const file = await open(...args);
      file.writeFile = async () => {
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), {
          code: 'ENOSPC',
          syscall: 'write',
        });
      };
      return file;
    });
    vi.spyOn(promises, 'rm').mockRejectedValue(new Error('no clean-up'));
    const error = await (await fresh()).writeFileAtomic(path, BYTES).catch((caught) => caught);
    expect(error).toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/could not be written \(ENOSPC: no space left on device\)$/),
    });
    expect(readFileSync(path, 'latin1')).toBe('old');
  });
});

/** The module loaded again, over the replaced functions of Node. */
async function fresh(): Promise<typeof import('../../src/formats/write-file.js')> {
  vi.resetModules();
  vi.doMock('node:fs/promises', () => ({ ...promises }));
  try {
    return await import('../../src/formats/write-file.js');
  } finally {
    vi.doUnmock('node:fs/promises');
  }
}

describe('what killed writers left', () => {
  /** A temporary file of `target` as another writer would have called it. */
  function leftover(
    target: string,
    change: (mark: { host: string; pid: string; start: string }) => void = () => undefined,
  ): string {
    const [, host, pid, start, rest] = /^\.([0-9a-f]{8})-(\d+)-(\d+)(\..*)$/.exec(
      temporaryName(target).slice(target.length),
    ) as string[];
    const mark = { host: host as string, pid: pid as string, start: start as string };
    change(mark);
    const path = `${target}.${mark.host}-${mark.pid}-${mark.start}${rest}`;
    writeFileSync(path, 'half');
    return basename(path);
  }

  /** The number of a process that has ended. */
  const deadPid = () => String(spawnSync(process.execPath, ['-e', '']).pid);
  const ago = (folder: string, name: string, ms: number) =>
    utimesSync(join(folder, name), (Date.now() - ms) / 1000, (Date.now() - ms) / 1000);
  const HOUR = 3_600_000;

  test('is removed at the next save of the same file', async () => {
    const folder = temporaryFolder();
    const target = join(folder, 'file');
    for (let i = 0; i < 3; i++) leftover(target, (mark) => Object.assign(mark, { pid: deadPid() }));
    await writeFileAtomic(target, BYTES);
    expect(readdirSync(folder)).toEqual(['file']);
  });

  test.skipIf(process.platform !== 'linux')(
    "is removed if another process has the writer's number since",
    async () => {
      const folder = temporaryFolder();
      const target = join(folder, 'file');
      leftover(target, (mark) => Object.assign(mark, { start: '1' }));
      await writeFileAtomic(target, BYTES);
      expect(readdirSync(folder)).toEqual(['file']);
    },
  );

  test('stays while its writer may live, or where it is for another target', async () => {
    const folder = temporaryFolder();
    const target = join(folder, 'file');
    const kept = [
      leftover(target),
      leftover(target, (mark) =>
        Object.assign(mark, { pid: String(process.ppid), start: startOf(process.ppid) }),
      ),
      leftover(target, (mark) => Object.assign(mark, { host: '00000000', pid: deadPid() })),
      leftover(join(folder, 'file2'), (mark) => Object.assign(mark, { pid: deadPid() })),
    ];
    const others = ['file.tmp', 'file.1.abc.tmp', 'filed'].map((name) =>
      basename(write(join(folder, name), '')),
    );
    for (const name of kept.slice(2, 3)) ago(folder, name, HOUR);
    await writeFileAtomic(target, BYTES);
    expect(readdirSync(folder).sort()).toEqual(['file', ...kept, ...others].sort());
  });

  test('of another machine is removed after a day without a write', async () => {
    const folder = temporaryFolder();
    const target = join(folder, 'file');
    ago(
      folder,
      leftover(target, (mark) => Object.assign(mark, { host: '00000000' })),
      25 * HOUR,
    );
    await writeFileAtomic(target, BYTES);
    expect(readdirSync(folder)).toEqual(['file']);
  });

  test('that cannot be removed does not stop a save', async () => {
    const folder = temporaryFolder();
    const target = join(folder, 'file');
    const name = leftover(target, (mark) => Object.assign(mark, { pid: deadPid() }));
    spawnSync('rm', [join(folder, name)]);
    mkdirSync(join(folder, name, 'in'), { recursive: true });
    await writeFileAtomic(target, BYTES);
    expect(readdirSync(folder).sort()).toEqual(['file', name]);
  });

  function startOf(pid: number): string {
    if (process.platform !== 'linux') return '0';
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] as string;
  }
});

// Kills real processes; scripts/faults/kill-saves.mjs does the same hundreds of times.
test('kills during saves and conversions tear or lose no file and leave one at most', async () => {
  const done = spawnSync(
    process.execPath,
    [join(ROOT, 'scripts', 'faults', 'kill-saves.mjs'), '--kills', '10', '--json'],
    {
      encoding: 'utf8',
    },
  );
  expect(done.stderr).toBe('');
  const counts = JSON.parse(done.stdout);
  expect(counts).toMatchObject({
    kills: 10,
    saves: 8,
    converts: 2,
    torn: 0,
    lost: 0,
    leftAfterNextSave: 0,
  });
  expect(counts.mostLeftovers).toBeLessThanOrEqual(1);
}, 120_000);
