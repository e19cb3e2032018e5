/**
 * The geometry of kernel windows (native/kernels/geometry.h) against its definition: a program of
 * C++ that walks every small window tap by tap. Not here: the kernels that use it (./float.test.ts,
 * ./bconv.test.ts, ./bpool.test.ts).
 */
import { expect, test } from 'vitest';
import { compiled } from './compiled.js';

const run = compiled('geometry');
test.skipIf(run === undefined)(
  'taps inside, interiors and what gradients ask, for 27300 windows',
  () => {
    expect(run?.()).toBe('27300 axes, 0 wrong\n');
  },
);
