/**
 * How Stryker runs the tests: all but those that start processes, which see mutants in `dist` only and have their turn afterwards
 * (./typescript.mjs).
 */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.js';

export default mergeConfig(base, defineConfig({ test: { exclude: JSON.parse(process.env.BITPLANE_MUTATE_EXCLUDE ?? '[]') } }));
