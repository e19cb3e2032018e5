/**
 * Finding the addon (prebuilt, named, beside a bundle), and the error where it is missing or
 * broken.
 */
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { copyOf, json, node, packageFolder } from './sandbox.js';

const application = inject('application');
const host = `${process.platform}-${process.arch}`;
const prebuilt = createRequire(import.meta.url)('node-gyp-build').path(
  packageFolder(application),
) as string;

const WHERE =
  "import('bitplane').then(async ({ Session }) => { await " +
  "Session.create('model.safetensors'); console.log('loaded'); })";
const report = (folder: string, env?: NodeJS.ProcessEnv) => {
  const { code, stdout } = node(
    folder,
    [join(packageFolder(folder), 'dist', 'cli', 'main.js'), 'doctor', '--json'],
    env,
  );
  return { code, ...JSON.parse(stdout) };
};

test('the prebuilt file of this machine is the one that node-gyp-build would choose', () => {
  expect(report(application).addon.path).toBe(realpathSync(prebuilt));
});

test('BITPLANE_BINARY names another file, and no other is then tried', () => {
  const other = join(mkdtempSync(join(tmpdir(), 'bitplane-named-')), 'other.node');
  copyFileSync(prebuilt, other);
  expect(report(application, { BITPLANE_BINARY: other }).addon.path).toBe(other);
  rmSync(other);
  const { code, addon } = report(application, { BITPLANE_BINARY: other });
  expect(code).toBe(1);
  expect(addon.tried).toEqual([{ path: other, problem: 'no such file' }]);
  expect(node(application, ['-e', WHERE], { BITPLANE_BINARY: other }).stderr).toContain(
    'BITPLANE_BINARY names the only file tried',
  );
});

describe('without a file for this machine', () => {
  const folder = copyOf(application, 'missing');
  const prebuilds = join(packageFolder(folder), 'prebuilds');
  renameSync(join(prebuilds, host), join(prebuilds, 'sunos-sparc'));
  const library = process.platform !== 'linux' ? '' : 'glibc [0-9.]+|musl';

  test('one sentence names platform, C library, instruction sets, paths and remedy', () => {
    const { code, stderr } = node(folder, ['-e', WHERE]);
    expect(code).toBe(1);
    const sentence = stderr.split('\n').find((line) => line.startsWith('BitplaneError')) ?? stderr;
    expect(sentence).toMatch(
      new RegExp(`no native addon could be loaded for ${host} \\((${library})?.*CPU .*\\); tried `),
    );
    expect(sentence).toContain(join('build', 'Release', 'bitplane.node'));
    expect(sentence).toContain(join('prebuilds', host, 'bitplane.'));
    expect(sentence).toContain('`npm run build:native` in ');
  });

  test('doctor says the same, and ends with 1', () => {
    const { code, host: described, addon } = report(folder);
    expect(code).toBe(1);
    expect(addon.loaded).toBe(false);
    expect(addon.tried).toHaveLength(2);
    expect(described).toMatch(new RegExp(`^${host} \\(.*CPU .*\\)$`));
    const text = node(folder, [
      join(packageFolder(folder), 'dist', 'cli', 'main.js'),
      'doctor',
    ]).stdout;
    expect(text).toContain('npm run build:native');
    expect(text).toContain(described);
  });

  test('importing the package works, as do functions without the addon', () => {
    const code =
      "import('bitplane').then(({ Tensor }) => console.log(new Tensor('f32', new " +
      'Float32Array(2), [2]).shape[0]))';
    expect(node(folder, ['-e', code])).toEqual({ code: 0, stdout: '2', stderr: '' });
  });
});

test('a Node that may load no addons is named as the reason, not the file', () => {
  const { code, stderr } = node(application, ['--no-addons', '-e', WHERE]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/disabled.*start Node without --no-addons/);
  expect(stderr).not.toContain('build:native');
});

test.each(['text', 'another machine'])(
  "a file of %s is reported with the system's message",
  (kind) => {
    const folder = copyOf(application, 'broken');
    const file = realpathSync(prebuilt).replace(application, folder);
    const bytes = readFileSync(file);
    if (kind === 'text') bytes.fill('no addon ');
    else bytes[18] = 0xf3; // e_machine: RISC-V
    writeFileSync(file, bytes);
    const { addon } = report(folder);
    expect(addon.loaded).toBe(false);
    expect(addon.tried.at(-1).path).toBe(file);
    expect(addon.tried.at(-1).problem).toContain(process.platform === 'linux' ? 'bitplane.' : '');
    expect(addon.tried.at(-1).problem).not.toBe('no such file');
    expect(node(folder, ['-e', WHERE]).stderr).toContain(addon.tried.at(-1).problem);
  },
);

// Elsewhere the loader itself looks whether a file is whole.
describe.skipIf(process.platform !== 'linux')('a file that was cut short', () => {
  const folder = copyOf(application, 'cut');
  const file = realpathSync(prebuilt).replace(application, folder);
  const whole = readFileSync(file);

  test.each([0, 10, 63, 64, 65, 500, 4095, 4096, 4097, 20_000, Math.floor(whole.length / 2)])(
    'after %i bytes is reported',
    (length) => {
      writeFileSync(file, whole.subarray(0, length));
      const { code, addon } = report(folder);
      expect(code).toBe(1);
      expect(addon.tried.at(-1)).toMatchObject({ path: file });
      expect(addon.tried.at(-1).problem).toMatch(
        length < 64
          ? /file too short|Exec format error/
          : new RegExp(`^cut short, ${length} of at least [0-9]+ bytes`),
      );
      const { code: thrown, stderr } = node(folder, ['-e', WHERE]);
      expect(thrown).toBe(1);
      expect(stderr).toContain(addon.tried.at(-1).problem);
    },
  );

  test('by one loaded byte is reported, and a file of just the loaded bytes loads', () => {
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    const least = Number(
      /of at least ([0-9]+)/.exec(report(folder).addon.tried.at(-1).problem)?.[1],
    );
    writeFileSync(file, whole.subarray(0, least - 1));
    expect(report(folder).addon.loaded).toBe(false);
    writeFileSync(file, whole.subarray(0, least));
    expect(json(folder, ['run-model.mjs'])).toMatchObject({ shape: [2, 28] });
  });
});
