/**
 * The package as it is published: `npm run test:package`. Apart from `npm test`, because it packs,
 * installs and starts some thousand processes and workers. One file at a time, so that nothing here
 * makes another's deadline late.
 */
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: join(import.meta.dirname, '..', '..'),
    include: ['test/package/**/*.test.ts', 'test/process/**/*.test.ts'],
    globalSetup: [join(import.meta.dirname, 'setup.ts')],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
