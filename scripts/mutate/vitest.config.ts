/**
 * How tests try mutants: as `npm test` runs them, with long limits, because the machine may be
 * busy; a run that never ends is ended from outside (./tests.mjs).
 */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.js';

const LIMIT_MS = 240_000;

export default mergeConfig(
  base,
  defineConfig({
    test: {
      testTimeout: LIMIT_MS,
      hookTimeout: LIMIT_MS,
      setupFiles: ['scripts/mutate/reach-test.mjs'],
    },
  }),
);
