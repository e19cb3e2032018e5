/**
 * The one way in which this repository's own commands call `npm install`. Also part of the package,
 * whose `build:native` fetches build tools. Not here: which packages (the callers know).
 */
import { spawnSync } from 'node:child_process';

const windows = process.platform === 'win32';

/**
 * Without install scripts: no package that is used here needs its own, and onnxruntime-node's
 * downloads GPU libraries. Never a dry run: inside `npm pack --dry-run` every npm is one unless
 * told otherwise. Output goes to stderr: `--json` owns standard output.
 * @param options packages, and more options of `npm install`
 * @returns what went wrong, as the end of a sentence; undefined where nothing did
 */
export function npmInstall(cwd, options = []) {
  const fixed = [
    '--ignore-scripts',
    '--dry-run=false',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const { status, signal, error } = spawnSync(
    windows ? 'npm.cmd' : 'npm',
    ['install', ...fixed, ...options],
    {
      cwd,
      stdio: ['ignore', 2, 2],
      shell: windows,
    },
  );
  return status === 0
    ? undefined
    : `npm install failed (${error?.message ?? signal ?? `exit code ${status}`})`;
}
