/**
 * Packs the package, once, and installs the tarball into an empty folder as a user does: with
 * nothing on PATH but node. The tests then use the installed package. Not here: building it (`npm
 * run prebuilds` comes first).
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { NPM, node, npm, packageFolder, ROOT, run } from './sandbox.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The tarball. */
    tarball: string;
    /**
     * An application's folder: the package in its node_modules, beside the programs of both suites
     * and model.safetensors.
     */
    application: string;
    /** What `npm install` of the tarball took and printed. */
    installation: { readonly ms: number; readonly output: string };
  }
}

export default function setup({ provide }: TestProject): () => void {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitplane-package-')));
  // Whatever the tests make lies in it too, and goes with it. Another user must be able to enter it
  // (places.test.ts).
  chmodSync(folder, 0o755);
  process.env.TMPDIR = process.env.TEMP = folder;
  // Packing runs `prepack` through a shell, which builds stale files first.
  const packed = run(process.execPath, [NPM, 'pack', '--pack-destination', folder], ROOT, {
    PATH: process.env.PATH,
  });
  const name = readdirSync(folder).find((file) => file.endsWith('.tgz'));
  if (packed.code !== 0 || name === undefined) throw new Error(`npm pack failed: ${packed.stderr}`);
  const tarball = join(folder, name);

  const application = mkdtempSync(join(folder, 'application-'));
  writeFileSync(join(application, 'package.json'), '{"name":"application","private":true}\n');
  const began = performance.now();
  const installed = npm(
    application,
    'install',
    '--prefer-offline',
    '--foreground-scripts',
    '--no-audit',
    '--no-fund',
    tarball,
  );
  const ms = performance.now() - began;
  if (installed.code !== 0 || !existsSync(packageFolder(application)))
    throw new Error(`npm install failed: ${installed.stderr}`);
  for (const suite of ['package', 'process'])
    cpSync(join(ROOT, 'test', suite, 'programs'), application, { recursive: true });
  const ready = node(application, ['make-model.mjs']);
  if (ready.code !== 0) throw new Error(`the installed package does not work: ${ready.stderr}`);

  provide('tarball', tarball);
  provide('application', application);
  provide('installation', { ms, output: installed.stdout + installed.stderr });
  return () => rmSync(folder, { recursive: true, force: true });
}
