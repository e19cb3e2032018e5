/**
 * What a profile asks of a program. Not here: times, which no test can know.
 */
import { expect, test } from 'vitest';
import type { Label, Program } from '../../src/runtime/compile.js';
import { kernelsOf } from '../../src/runtime/profile.js';

test('the addon lists the kernels once, however many layers there are', () => {
  let asked = 0;
  const macs = { binary: 0, integer: 0, float: 0 };
  const layers: Label[] = ['a', 'b'].map((name) => ({ name, op: 'conv2d', macs }));
  const native = {
    get kernels() {
      asked++;
      return ['first', 'second', 'third'];
    },
  };
  const labels = [layers[0], layers[0], layers[1]];
  expect(kernelsOf({ native, labels } as unknown as Program)).toEqual([
    { name: 'a', op: 'conv2d', kernel: 'second' },
    { name: 'b', op: 'conv2d', kernel: 'third' },
  ]);
  expect(asked).toBe(1);
});
