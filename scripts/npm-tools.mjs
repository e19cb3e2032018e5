/**
 * Fetches programs for tests from npm and keeps them in a cache outside the repository:
 * `$XDG_CACHE_HOME/bitplane`. Not here: what the library or its build needs (package.json).
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { npmInstall } from './npm-install.mjs';

/**
 * Installs packages unless all of the files are there already, and returns those files' paths.
 * @param name the folder in the cache; names the versions, so that others get another folder
 * @param packages as npm takes them, aliases included
 * @param files paths in node_modules
 * @param options of `npm install`
 */
export function fetchTools(name, packages, files, options = []) {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'bitplane', name);
  const paths = files.map((file) => join(cache, 'node_modules', file));
  if (paths.every(existsSync)) return paths;
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, 'package.json'), '{"private":true}\n');
  const failure = npmInstall(cache, ['--prefix', cache, ...options, ...packages]);
  if (failure !== undefined) throw new Error(failure);
  return paths;
}
