/**
 * Applications that a bundler made into one file with this package run far from the package and
 * from the folder where they were bundled; and file tracers find the addon.
 */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { nodeFileTrace } from '@vercel/nft';
import { build } from 'esbuild';
import { rollup } from 'rollup';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import webpack from 'webpack';
import { copyOf, json, node, packageFolder, ROOT } from './sandbox.js';

const application = inject('application');
const prebuilt = createRequire(import.meta.url)('node-gyp-build').path(
  packageFolder(application),
) as string;
const scores = json(application, ['run-model.mjs']);
/** Optional packages, which README says stay external. */
const EXTERNAL = ['sharp', 'onnxruntime-node'];

type Bundle = (application: string, out: string) => Promise<unknown>;

/** Each makes its `file` in the folder `out`. */
const BUNDLERS: readonly (readonly [name: string, file: string, bundle: Bundle])[] = [
  ['esbuild, ESM', 'app.mjs', withEsbuild('esm')],
  ['esbuild, CommonJS', 'app.cjs', withEsbuild('cjs')],
  ['webpack, ESM', 'app.mjs', withWebpack('module')],
  ['webpack, CommonJS', 'app.cjs', withWebpack('commonjs2')],
  ['rollup, ESM', 'app.mjs', withRollup('es')],
  ['rollup, CommonJS', 'app.cjs', withRollup('cjs')],
  ['ncc', 'app.mjs', withNcc],
];

function withEsbuild(format: 'esm' | 'cjs', external: readonly string[] = EXTERNAL): Bundle {
  return (folder, out) =>
    build({
      absWorkingDir: folder,
      entryPoints: ['run-model.mjs'],
      bundle: true,
      platform: 'node',
      format,
      external: [...external],
      outfile: join(out, format === 'esm' ? 'app.mjs' : 'app.cjs'),
      logLevel: 'error',
    });
}

function withWebpack(type: 'module' | 'commonjs2'): Bundle {
  const esm = type === 'module';
  return (context, path) =>
    new Promise<void>((resolve, reject) => {
      webpack(
        {
          context,
          mode: 'production',
          target: 'node20',
          entry: './run-model.mjs',
          externals: EXTERNAL,
          experiments: { outputModule: esm },
          output: { path, filename: esm ? 'app.mjs' : 'app.cjs', library: { type }, module: esm },
        },
        (error, stats) => {
          const problems = stats?.toString({ all: false, errors: true, warnings: true });
          if (error !== null || problems) reject(error ?? new Error(problems));
          else resolve();
        },
      );
    });
}

function withRollup(format: 'es' | 'cjs'): Bundle {
  return async (folder, out) => {
    const bundle = await rollup({
      input: join(folder, 'run-model.mjs'),
      external: (id) => EXTERNAL.includes(id) || id.startsWith('node:'),
      plugins: [nodeResolve({ preferBuiltins: true })],
      // Without it, warnings about the packages' own code are printed among the results.
      onwarn: () => undefined,
    });
    const file = join(out, format === 'es' ? 'app.mjs' : 'app.cjs');
    await bundle.write({ file, format, inlineDynamicImports: true });
  };
}

async function withNcc(folder: string, out: string): Promise<void> {
  const cli = join(ROOT, 'node_modules', '@vercel', 'ncc', 'dist', 'ncc', 'cli.js');
  const external = EXTERNAL.flatMap((name) => ['--external', name]);
  const done = node(folder, [cli, 'build', 'run-model.mjs', '--out', out, ...external]);
  if (done.code !== 0) throw new Error(done.stdout + done.stderr);
  copyFileSync(join(out, 'index.mjs'), join(out, 'app.mjs'));
}

describe.each(BUNDLERS)('%s', (_, file, bundle) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitplane-bundle-')));

  beforeAll(async () => {
    const copy = copyOf(application, 'bundled');
    await bundle(copy, folder);
    // An application runs elsewhere than where it was bundled.
    rmSync(dirname(copy), { recursive: true });
    copyFileSync(join(application, 'model.safetensors'), join(folder, 'model.safetensors'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('without the addon says where it belongs', () => {
    // Of an uncaught error Node prints the source line first: with a bundle of one long line, more
    // than a pipe takes from a process that ends.
    const { code, stderr } = node(folder, [
      '--input-type=module',
      '--eval',
      `process.on('uncaughtException', ({ message }) => {
         console.error(message);
         process.exit(1);
       });
       await import('./${file}');`,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain("copy the package's prebuilt file beside the bundle as bitplane.node");
    expect(stderr).toContain(join(folder, 'bitplane.node'));
  });

  test('runs with the addon beside the bundle', () => {
    copyFileSync(prebuilt, join(folder, 'bitplane.node'));
    expect(json(folder, [file])).toEqual(scores);
    rmSync(join(folder, 'bitplane.node'));
  });

  test('runs with the folder prebuilds beside the bundle', () => {
    cpSync(join(packageFolder(application), 'prebuilds'), join(folder, 'prebuilds'), {
      recursive: true,
    });
    expect(json(folder, [file])).toEqual(scores);
    rmSync(join(folder, 'prebuilds'), { recursive: true });
  });

  test('runs with BITPLANE_BINARY', () => {
    const elsewhere = join(mkdtempSync(join(tmpdir(), 'bitplane-elsewhere-')), 'addon.node');
    copyFileSync(prebuilt, elsewhere);
    expect(json(folder, [file], { BITPLANE_BINARY: elsewhere })).toEqual(scores);
    rmSync(elsewhere);
  });
});

test('esbuild bundles an application with the package external', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitplane-external-'));
  await withEsbuild('esm', ['bitplane'])(application, folder);
  copyFileSync(join(folder, 'app.mjs'), join(application, 'external.mjs'));
  expect(json(application, ['external.mjs'])).toEqual(scores);
});

test('the files that @vercel/nft finds are enough to run elsewhere', async () => {
  const copy = copyOf(application, 'traced');
  const { fileList } = await nodeFileTrace([join(copy, 'run-model.mjs')], {
    base: copy,
    ignore: EXTERNAL.map((name) => `**/${name}/**`),
  });
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitplane-traced-')));
  for (const file of [...fileList, 'model.safetensors']) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(copy, file), join(folder, file));
  }
  rmSync(dirname(copy), { recursive: true });
  expect(json(folder, ['run-model.mjs'])).toEqual(scores);
  // The files of this system only, because deployments have a limit of size; of every architecture,
  // because the deployment may run on another one than the tracing machine.
  const addons = [...fileList].filter((file) => file.endsWith('.node'));
  expect(addons.filter((file) => !file.includes(`prebuilds/${process.platform}-`))).toEqual([]);
});
