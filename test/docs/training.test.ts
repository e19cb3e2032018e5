/** The snippets of docs/training.md, run in order as one program. Not here: what they teach. */
import { readFileSync } from 'node:fs';
import { transform } from 'esbuild';
import { expect, test } from 'vitest';
import * as bitplane from '../../src/index.js';
import { temporaryFolder } from '../data/fixtures.js';

const PAGE = new URL('../../docs/training.md', import.meta.url);
const IMPORT = /^import \{([^}]*)\} from 'bitplane';$/gm;

/** Names that the page's program ends with, for the expectations. */
const RESULTS = ['state', 'history', 'after', 'before', 'differing', 'losses', 'flows', 'soft'];

async function program(): Promise<string> {
  const blocks = [...readFileSync(PAGE, 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)];
  const text = blocks
    .map(([, code]) => code)
    .join('\n')
    .replace(IMPORT, (_, names: string) => {
      const values = names.split(',').filter((name) => !name.trim().startsWith('type '));
      return `const { ${values.join(', ')} } = bitplane;`;
    });
  const { code } = await transform(text, { loader: 'ts', target: 'es2022', format: 'esm' });
  return `${code}\nreturn { ${RESULTS.join(', ')} };`;
}

test('a snippet of docs/training.md does not run, or does not do what the page says', async () => {
  const lines: unknown[][] = [];
  const log = { log: (...line: unknown[]) => lines.push(line) };
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  const run = new AsyncFunction('bitplane', 'console', await program());
  const home = process.cwd();
  process.chdir(temporaryFolder());
  // biome-ignore lint/suspicious/noExplicitAny: the page is not typed here
  let results: any;
  try {
    results = await run(bitplane, log);
  } finally {
    process.chdir(home);
  }
  expect(results.history).toHaveLength(3);
  expect(lines.slice(0, 3).map(([epoch]) => epoch)).toEqual([1, 2, 3]);
  expect(results.history[2].loss).toBeLessThan(results.history[0].loss);
  expect(results.differing).toBe(0);
  expect(results.after.accuracy).toBe(results.before.accuracy);
  expect(100 * results.after.accuracy).toBeCloseTo(results.history[2].testAccuracy, 9);
  expect(results.losses).toHaveLength(8);
  expect(results.losses.every(Number.isFinite)).toBe(true);
  expect([...results.flows.data]).toEqual([0, 1, 1, 0]);
  expect(results.soft.name).toBe('signActivation');
});
