/**
 * The build collects the instructions of every kernel folder.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { addon } from '../../src/native/addon.js';

const kernels = fileURLToPath(new URL('../../native/kernels/', import.meta.url));

test('an opcode.inc is left out of the addon, or its rows stand in another order', () => {
  const files = readdirSync(kernels, { recursive: true, encoding: 'utf8' })
    .filter((path) => /^[^\\/]+[\\/]opcode\.inc$/.test(path))
    .sort();
  const rows = files.flatMap((path) => [
    ...readFileSync(`${kernels}${path}`, 'utf8').matchAll(/^BITPLANE_OPCODE\((\w+),/gm),
  ]);
  expect(addon().opcodes.map(({ name }) => name)).toEqual(rows.map(([, name]) => name));
});
