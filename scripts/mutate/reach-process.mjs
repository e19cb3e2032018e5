/**
 * Loaded into every process of the run that tells which tests reach which mutants: at the end of
 * the process, and when `globalThis.tellReach()` is called, the switches that it has passed go to
 * the file of its test, which ./reach-test.mjs names. Processes of no test tell nothing.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const told = new Set();

globalThis.tellReach = () => {
  const { BITPLANE_REACH: folder, BITPLANE_REACH_TEST: test } = process.env;
  if (!folder || !test) return;
  // Stryker counts here what runs outside the tests that it runs itself: everything.
  const passed = Object.keys(globalThis.__stryker__?.mutantCoverage?.static ?? {});
  const added = passed.filter((id) => !told.has(id));
  if (added.length === 0) return;
  for (const id of added) told.add(id);
  const file = join(folder, test);
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, added.map((id) => `${id}\n`).join(''));
};
process.on('exit', globalThis.tellReach);
