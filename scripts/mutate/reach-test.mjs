/**
 * Runs before a file of tests in the run that tells which tests reach which mutants: says which
 * file it is, to this process and those that it starts, and tells at its end (./reach-process.mjs).
 */
import { relative } from 'node:path';
import { afterAll, expect } from 'vitest';

const { testPath } = expect.getState();
if (process.env.BITPLANE_REACH !== undefined && testPath !== undefined) {
  process.env.BITPLANE_REACH_TEST = relative(process.cwd(), testPath).replaceAll('\\', '/');
  afterAll(() => globalThis.tellReach?.());
}
