/**
 * Paths that strangers choose: pipes, devices, folders and files without end are refused at once,
 * by every reader.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync, truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { readBytes } from '../../src/data/files.js';
import { openFolder } from '../../src/data/folder.js';
import { readIdx } from '../../src/data/idx.js';
import { readPicture } from '../../src/data/picture.js';
import { readRecipe, recipeBeside } from '../../src/data/recipe.js';
import { loadModel } from '../../src/formats/model.js';
import { readWholeFile } from '../../src/formats/read-file.js';
import { encodeModel } from '../../src/formats/safetensors/model.js';
import { Session } from '../../src/formats/session.js';
import { readTensors } from '../../src/formats/tensors.js';
import { readHead } from '../../src/native/elf.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { temporaryFolder, write } from '../data/fixtures.js';

const READERS: Record<string, (path: string) => Promise<unknown>> = {
  'Session.create': (path) => Session.create(path),
  loadModel: (path) => loadModel(path),
  readTensors: (path) => readTensors(path),
  'a feed, CIFAR-10': (path) => readBytes(path),
  'MNIST, IDX': (path) => readIdx(path, 3),
  'a recipe': (path) => readRecipe(path),
  'a picture': (path) => readPicture(path, { crop: 8 }),
};

const hasPipes = spawnSync('mkfifo', ['--version']).error === undefined;

function pipe(): string {
  const path = join(temporaryFolder(), 'pipe');
  spawnSync('mkfifo', [path]);
  return path;
}

describe.each(Object.entries(READERS))('%s', (_, read) => {
  test.skipIf(!hasPipes)(
    'refuses a pipe that nobody writes to, instead of waiting for ever',
    async () => {
      const path = pipe();
      await expect(read(path)).rejects.toMatchObject({
        code: 'ERR_IO',
        node: path,
        message: expect.stringContaining('a regular file but received a pipe'),
      });
    },
  );

  test.skipIf(process.platform === 'win32')(
    'refuses a device without end, also behind a link',
    async () => {
      const link = join(temporaryFolder(), 'link');
      symlinkSync('/dev/zero', link);
      for (const path of ['/dev/zero', link]) {
        await expect(read(path)).rejects.toMatchObject({
          code: 'ERR_IO',
          message: expect.stringContaining('received a device'),
        });
      }
    },
  );

  test('refuses a folder, and says that there is no file', async () => {
    const folder = temporaryFolder();
    await expect(read(folder)).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringContaining('received a folder'),
    });
    const none = join(folder, 'none');
    await expect(read(none)).rejects.toMatchObject({
      code: 'ERR_IO',
      node: none,
      message: expect.stringContaining('no such file'),
    });
  });

  test('refuses a file of more bytes than its limit, unread', async () => {
    const path = write(join(temporaryFolder(), 'large'), '');
    truncateSync(path, 2 ** 33);
    const before = bytesRead();
    await expect(read(path)).rejects.toMatchObject({
      code: expect.stringMatching(/ERR_FORMAT|ERR_LIMIT/),
      message: expect.stringMatching(/expected a file of at most \d+ bytes/),
    });
    expect(bytesRead() - before).toBeLessThan(1e7);
  });
});

/** Bytes that this process has read; 0 where the system does not say. */
function bytesRead(): number {
  if (process.platform !== 'linux') return 0;
  return Number(/^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'latin1'))?.[1]);
}

test.skipIf(!hasPipes)(
  'a pipe is not opened, so its writer goes on waiting for a reader',
  async () => {
    const path = pipe();
    const writer = spawn(process.execPath, [
      '-e',
      `process.stdout.write('.'); fs.writeFileSync(${JSON.stringify(path)}, 'for the reader')`,
    ]);
    await once(writer.stdout, 'data');
    for (let i = 0; i < 20; i++) {
      await expect(loadModel(path)).rejects.toMatchObject({ code: 'ERR_IO' });
      await sleep(20);
    }
    expect(writer.exitCode).toBeNull();
    writer.kill('SIGKILL');
  },
);

test('pipes among pictures and beside models are not read', async () => {
  const folder = temporaryFolder();
  write(join(folder, 'cat', 'one.txt'), '');
  if (hasPipes) spawnSync('mkfifo', [join(folder, 'cat', 'two.png'), join(folder, 'net.json')]);
  await expect(openFolder(folder, { crop: 8 })).rejects.toMatchObject({ code: 'ERR_FORMAT' });
  if (hasPipes)
    await expect(recipeBeside(join(folder, 'net.onnx'))).rejects.toMatchObject({ code: 'ERR_IO' });
  if (hasPipes) expect(() => readHead(join(folder, 'net.json'))).toThrow('no regular file');
});

describe('a whole file', () => {
  test.each([0, 1, 4096, 4097, 100_000, 2 ** 24 + 1])('of %i bytes is read whole', async (size) => {
    const bytes = Buffer.alloc(size, 'bitplane');
    const path = write(join(temporaryFolder(), 'file'), bytes);
    expect((await readWholeFile(path, { limit: size })).equals(bytes)).toBe(true);
    if (size > 0)
      await expect(readWholeFile(path, { limit: size - 1 })).rejects.toMatchObject({
        code: 'ERR_FORMAT',
      });
  });

  test.skipIf(process.platform !== 'linux')(
    'with a reported size of 0 is read to its end, up to the limit',
    async () => {
      const text = (await readWholeFile('/proc/self/smaps', { limit: 2 ** 30 })).toString();
      expect(text.length).toBeGreaterThan(5000);
      await expect(readWholeFile('/proc/self/smaps', { limit: 4500 })).rejects.toMatchObject({
        code: 'ERR_FORMAT',
      });
    },
  );
});

const small = () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4]);
  return encodeModel(g.graph([x], { y: g.relu(x) }));
};

test('maxFileBytes is the limit of a model, for sessions and for loadModel', async () => {
  const path = write(join(temporaryFolder(), 'model.safetensors'), small());
  for (const open of [Session.create, loadModel] as ((
    path: string,
    options: object,
  ) => Promise<unknown>)[]) {
    await expect(open(path, { maxFileBytes: 10 })).rejects.toMatchObject({
      code: 'ERR_LIMIT',
      node: path,
      message: expect.stringContaining('the option maxFileBytes raises the limit'),
    });
    await expect(open(path, { maxFileBytes: 'many' })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    });
    await open(path, { maxFileBytes: small().length });
  }
});

test.each([
  ['written this moment', false],
  ['written long ago', true],
])(
  'a large safetensors file of somebody else, %s, is refused for its header',
  async (_, settled) => {
    const size = 2 ** 30;
    const json = Buffer.from(
      JSON.stringify({ w: { dtype: 'U8', shape: [size], data_offsets: [0, size] } }),
    );
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const path = write(
      join(temporaryFolder(), 'foreign.safetensors'),
      Buffer.concat([length, json]),
    );
    truncateSync(path, 8 + json.length + size);
    if (settled) utimesSync(path, 1, 1);
    const before = bytesRead();
    const foreign = {
      code: 'ERR_FORMAT',
      message: expect.stringContaining('holds no bitplane model'),
    };
    await expect(loadModel(path)).rejects.toMatchObject(foreign);
    await expect(Session.create(path)).rejects.toMatchObject(foreign);
    expect(bytesRead() - before).toBeLessThan(1e7);
  },
);
