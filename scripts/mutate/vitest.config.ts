/**
 * How Stryker runs the tests: all but those that start processes, which see mutants only in `dist`
 * and run afterwards (./typescript.mjs). The time limits are long, because counting coverage takes
 * time; Stryker itself ends tests that never finish.
 */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.js';

const limits = defineConfig({ test: { testTimeout: 1_200_000, hookTimeout: 1_200_000 } });
const include = JSON.parse(process.env.BITPLANE_MUTATE_TESTS ?? '[]');
// Assigned, because merging would add to the list.
const config = mergeConfig(base, limits);
export default { ...config, test: { ...config.test, include } };
