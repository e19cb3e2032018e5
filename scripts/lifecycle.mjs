#!/usr/bin/env node
/**
 * The scripts that npm runs when it packs this repository, so that a package is complete or is not
 * made. In an installed package, which somebody may pack again, everything is already there and
 * they do nothing. Not here: how things are built (./ensure.mjs).
 *
 *   node scripts/lifecycle.mjs prepack | postprepare | prepublishOnly
 *
 * prepack (`npm pack`, `npm publish`): builds what is missing. postprepare: the same for a
 * dependency from a git repository, which npm installs in a clone of its own before it packs it;
 * after anybody else's `npm install` in a clone nothing, because every command there builds what it
 * needs. It is not called `prepare`, of which npm 11 warns whoever installs the package from a
 * file: it takes that for a script of the installation. prepublishOnly (`npm publish` in a clone,
 * and the release workflow): refuses if a platform is missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const ensure = join(root, 'scripts', 'ensure.mjs');

/** Every file of a release, in prebuilds/. */
const RELEASE = [
  'linux-x64/bitplane.glibc.node',
  'linux-x64/bitplane.musl.node',
  'linux-arm64/bitplane.glibc.node',
  'linux-arm64/bitplane.musl.node',
  'darwin-x64/bitplane.node',
  'darwin-arm64/bitplane.node',
  'win32-x64/bitplane.node',
];

const EVENTS = {
  prepack: build,
  // npm sets this variable while it prepares a dependency from a repository.
  postprepare: () => (process.env._PACOTE_NO_PREPARE_ ? build() : 0),
  prepublishOnly: requirePlatforms,
};

function build() {
  const { status } = spawnSync(process.execPath, [ensure, 'deps', 'ts', 'prebuilds'], {
    stdio: ['ignore', 2, 2],
  });
  return status ?? 1;
}

function requirePlatforms() {
  const size = (file) =>
    statSync(join(root, 'prebuilds', file), { throwIfNoEntry: false })?.size ?? 0;
  const missing = RELEASE.filter((file) => size(file) === 0);
  if (missing.length === 0) return 0;
  process.stderr.write(
    'bitplane: not published: prebuilds/ lacks ' +
      `${missing.join(', ')}; .github/workflows/release.yml builds all of them\n`,
  );
  return 1;
}

if (existsSync(ensure)) process.exitCode = EVENTS[process.argv[2]]();
