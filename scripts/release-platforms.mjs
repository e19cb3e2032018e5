#!/usr/bin/env node
/**
 * Refuses to publish a package that lacks a platform: `npm publish` in a clone, which has at most the addons that this machine can
 * build, runs it first (`prepublishOnly`), and so does the release workflow, which collects all of them. Not here: building
 * (./prebuild.mjs).
 *
 *   node scripts/release-platforms.mjs
 */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FILES = [
  'linux-x64/bitplane.glibc.node',
  'linux-x64/bitplane.musl.node',
  'linux-arm64/bitplane.glibc.node',
  'linux-arm64/bitplane.musl.node',
  'darwin-x64/bitplane.node',
  'darwin-arm64/bitplane.node',
  'win32-x64/bitplane.node',
];
const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'prebuilds');
const missing = FILES.filter((file) => !(statSync(join(folder, file), { throwIfNoEntry: false })?.size > 0));
if (missing.length > 0) {
  process.stderr.write(
    `bitplane: not published: prebuilds/ lacks ${missing.join(', ')}; .github/workflows/release.yml builds every platform\n`,
  );
  process.exitCode = 1;
}
