/**
 * Files written whole or not at all, and what names a file.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isUrl, pathOf } from '../../src/formats/path.js';
import { writeFileAtomic } from '../../src/formats/write-file.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'write-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const bytes = Uint8Array.of(1, 2, 3);

describe('a file', () => {
  test('is there under its name, alone', async () => {
    for (const path of [join(folder, 'a'), pathToFileURL(join(folder, 'b c%20'))])
      await writeFileAtomic(path, bytes);
    expect(readdirSync(folder).sort()).toEqual(['a', 'b c%20']);
    for (const name of readdirSync(folder))
      expect([...readFileSync(join(folder, name))]).toEqual([1, 2, 3]);
  });
  test('replaces a file, even a read-only one, and a link but not its target', async () => {
    writeFileSync(join(folder, 'old'), 'a longer text than the new one');
    chmodSync(join(folder, 'old'), 0o444);
    writeFileSync(join(folder, 'target'), 'stays');
    symlinkSync(join(folder, 'target'), join(folder, 'link'));
    await writeFileAtomic(join(folder, 'old'), bytes);
    await writeFileAtomic(join(folder, 'link'), bytes);
    expect(readFileSync(join(folder, 'old')).length).toBe(3);
    expect(readFileSync(join(folder, 'link')).length).toBe(3);
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('stays');
  });
  test.skipIf(process.platform === 'win32')('has the permissions of the umask', async () => {
    const before = process.umask(0o027);
    await writeFileAtomic(join(folder, 'a'), bytes).finally(() => process.umask(before));
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o640);
  });
  test('of several writers at once is one of theirs', async () => {
    const path = join(folder, 'a');
    const contents = Array.from({ length: 8 }, (_, i) => new Uint8Array(100_000).fill(i));
    await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
    const found = readFileSync(path);
    expect(found.length).toBe(100_000);
    expect(new Set(found).size).toBe(1);
    expect(readdirSync(folder)).toEqual(['a']);
  });
  test('that cannot be written is ERR_IO with its cause, and only the old file stays', async () => {
    mkdirSync(join(folder, 'dir'));
    writeFileSync(join(folder, 'dir', 'old'), 'old');
    const nowhere = join(folder, 'nowhere', 'a');
    await expect(writeFileAtomic(nowhere, bytes)).rejects.toMatchObject({
      code: 'ERR_IO',
      node: nowhere,
      cause: expect.objectContaining({ code: 'ENOENT' }),
      message: expect.stringContaining('could not be written ('),
    });
    await expect(writeFileAtomic(join(folder, 'dir'), bytes)).rejects.toMatchObject({
      code: 'ERR_IO',
      node: join(folder, 'dir'),
      message: expect.stringContaining('to write to but received a folder'),
    });
    expect(readdirSync(folder)).toEqual(['dir']);
    expect(existsSync(join(folder, 'dir', 'old'))).toBe(true);
  });
  test.each([[''], [undefined], [7], [new URL('https://example.com/a')], [{ href: 'a' }]])(
    'has no name: %j',
    async (path) => {
      await expect(writeFileAtomic(path as never, bytes)).rejects.toMatchObject({
        code: 'ERR_ARGUMENT',
        op: 'file',
        message: expect.stringContaining('a path or a file: URL'),
      });
    },
  );
});

describe('what names a file', () => {
  test('a URL of any realm does', () => {
    const url = new URL('file:///a/b');
    const foreign = runInNewContext('({ href, protocol })', {
      href: url.href,
      protocol: url.protocol,
    }) as object;
    expect([url, foreign].map(isUrl)).toEqual([true, true]);
  });
  test.each([
    [undefined],
    [null],
    ['file:///a'],
    [7],
    [{}],
    [{ href: 'x' }],
    [{ protocol: 'x' }],
    [{ href: 1, protocol: 'x' }],
    [{ href: 'x', protocol: 1 }],
  ])('%j is no URL', (value) => {
    expect(isUrl(value)).toBe(false);
  });
  test('a function with the properties of a URL does not', () =>
    expect(isUrl(Object.assign(() => 0, { href: 'x', protocol: 'x' }))).toBe(false));
  test('a file URL becomes its path', () => {
    expect(pathOf('a/b')).toBe('a/b');
    expect(pathOf(pathToFileURL(join(folder, 'x y')))).toBe(join(folder, 'x y'));
    for (const none of ['', undefined, 7, new URL('https://example.com/a'), new URL('data:,x')])
      expect(pathOf(none)).toBeUndefined();
  });
});
