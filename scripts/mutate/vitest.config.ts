/**
 * How Stryker runs the tests: all but those that start processes, which see mutants in `dist` only and have their turn afterwards
 * (./typescript.mjs). Counting what reaches what takes its time; what has no end, Stryker ends.
 */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.js';

const exclude = JSON.parse(process.env.BITPLANE_MUTATE_EXCLUDE ?? '[]');
export default mergeConfig(base, defineConfig({ test: { exclude, testTimeout: 1_200_000, hookTimeout: 1_200_000 } }));
