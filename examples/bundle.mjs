// An application and bitplane in one file by esbuild, with the compiled file of this platform beside
// it: what a container, a Lambda function or a single executable needs.
//
//   npm install bitplane esbuild
//   node bundle.mjs APP.mjs FOLDER
//   node FOLDER/app.mjs
import { copyFile, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const [app, folder] = process.argv.slice(2);
await build({
  entryPoints: [app],
  outfile: join(folder, 'app.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  // Optional packages, which bitplane opens only where they are asked for.
  external: ['sharp', 'onnxruntime-node', 'onnxruntime-web'],
  logLevel: 'warning',
});

const home = dirname(createRequire(import.meta.url).resolve('bitplane/package.json'));
const { platform, arch } = process;
const libc = platform !== 'linux' ? '' : isMusl() ? '.musl' : '.glibc';
await mkdir(folder, { recursive: true });
await copyFile(
  process.env.BITPLANE_BINARY ??
    join(home, 'prebuilds', `${platform}-${arch}`, `bitplane${libc}.node`),
  join(folder, 'bitplane.node'),
);
console.log(`${join(folder, 'app.mjs')} and bitplane.node`);

function isMusl() {
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}
