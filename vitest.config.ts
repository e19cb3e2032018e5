/**
 * How tests run. Files run in forked processes, as the addon's users do, so that one test's threads
 * cannot hang another's exit.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These test the package as it is published: npm run test:package.
    exclude: ['test/package/**', 'test/process/**'],
    pool: 'forks',
    // Vitest would leave one core idle: half of the machine where it has two.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 30_000,
    // Type tests run under --typecheck, as `npm test` does.
    typecheck: { include: ['test/types/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
  },
});
