/** The references that are made from the code are those of this code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { apiPages } from '../../scripts/reference/api.mjs';
import { cliPage } from '../../scripts/reference/cli.mjs';
import { buildProgram } from '../../src/cli/program.js';
import { fakeIo } from '../cli/cli.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8');
const HINT = 'run npm run reference';

test('docs/cli.md is not what the commands say', () => {
  expect(read('docs/cli.md'), HINT).toBe(
    cliPage(buildProgram(fakeIo(), fakeIo(), () => undefined)),
  );
});

const built = existsSync(`${root}/dist/index.d.ts`);
if (!built) console.warn('SKIPPED, dist/ is not built: the API reference');

test.skipIf(!built)('docs/api is not what the docstrings say', () => {
  const pages = apiPages(root);
  const names = readdirSync(`${root}/docs/api`).map((name) => `docs/api/${name}`);
  expect(names.sort()).toEqual(Object.keys(pages).sort());
  for (const [path, text] of Object.entries(pages)) expect(read(path), HINT).toBe(text);
});

test('a public name is missing, or is declared as nothing', () => {
  const page = read('docs/api/bitplane.md');
  for (const name of ['Session', 'Tensor', 'loadModel', 'GraphBuilder', 'BitplaneError'])
    expect(page).toMatch(new RegExp(`^## ${name}$`, 'm'));
  expect(page).toMatch(/^declare|^(class|const|type) GraphBuilder/m);
  expect(page).toContain('run(');
});
