import { expect, test } from 'vitest';
import { canonicalize, optimize } from '../../src/passes/index.js';
import { expectSame, nodesOf } from './fixtures.js';
import { randomNetwork } from './random-network.js';

test('property: random networks give the same bits before and after', () => {
  let counted = 0;
  let thresholds = 0;
  for (let seed = 0; seed < 120; seed++) {
    const { graph, feeds } = randomNetwork(seed);
    const after = optimize(graph);
    try {
      expectSame(graph, after, feeds);
      expectSame(graph, canonicalize(graph), feeds);
    } catch (cause) {
      throw new Error(`network of seed ${seed}`, { cause });
    }
    counted += nodesOf(after).filter(
      (value) => value.op === 'conv2d' && value.dtype === 'i32',
    ).length;
    thresholds += nodesOf(after).filter((value) => value.op === 'threshold').length;
  }
  expect(counted).toBeGreaterThan(250);
  expect(thresholds).toBeGreaterThan(30);
});
