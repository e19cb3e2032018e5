/**
 * What the checks of source files share: walking a folder, blanking comments out, and reporting
 * what was found. Not here: what is checked.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Every file under `folder` whose name fits, in order; none where there is no such folder. */
export function filesUnder(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** The code with comments blanked out; lines keep their numbers. */
export function withoutComments(source) {
  return source.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (match, literal) => literal ?? match.replace(/[^\n]/g, ' '),
  );
}

/**
 * Where the check of this `url` is the program that runs: prints what `violations` finds under the
 * root that the command line names, and ends with 1 if there is anything.
 */
export function runCheck(url, violations, { none, some }) {
  const file = fileURLToPath(url);
  if (!process.argv[1] || resolve(process.argv[1]) !== file) return;
  const found = violations(resolve(process.argv[2] ?? join(dirname(file), '..')));
  for (const line of found) console.error(line);
  console.error(found.length === 0 ? none : `${found.length} ${some}`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
