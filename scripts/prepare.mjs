#!/usr/bin/env node
/**
 * npm's script `prepare`. npm runs it, and no other, on a package that it takes from a git repository; what a repository lacks is built
 * then, or installing fails. npm also runs it after `npm install` in a clone, where there is nothing to do: every command builds what it
 * needs. Not for `npm pack`, whose script is `prepack`, although it runs this too and finds everything built.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// npm says where a package came from that it prepares for somebody else.
if (process.env.npm_package_resolved) {
  const ensure = join(dirname(fileURLToPath(import.meta.url)), 'ensure.mjs');
  const { status } = spawnSync(process.execPath, [ensure, 'deps', 'ts', 'prebuilds'], { stdio: ['ignore', 2, 2] });
  process.exitCode = status ?? 1;
}
