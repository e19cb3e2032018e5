/**
 * Work in turns: the same result, other work between, and an end that either party may reach.
 */
import { setImmediate } from 'node:timers';
import { describe, expect, test } from 'vitest';
import { atOnce, inTurns, type Pausing, SharedWork } from '../../src/core/turns.js';

/** Counts to `end`, and takes a millisecond for each step. */
function* counting(end: number, seen: number[] = []): Pausing<number> {
  for (let i = 0; i < end; i++) {
    seen.push(i);
    const until = performance.now() + 1;
    while (performance.now() < until);
    yield;
  }
  return end;
}

test('at once it is an ordinary call', () => {
  const seen: number[] = [];
  expect(atOnce(counting(3, seen))).toBe(3);
  expect(seen).toEqual([0, 1, 2]);
});

describe('in turns', () => {
  test('the event loop goes on between', async () => {
    let turns = 0;
    let goes = true;
    const count = () => {
      turns++;
      if (goes) setImmediate(count);
    };
    setImmediate(count);
    expect(await inTurns(counting(30))).toBe(30);
    goes = false;
    expect(turns).toBeGreaterThan(5);
  });

  test('it ends at the turn that must not begin', async () => {
    const seen: number[] = [];
    let turns = 0;
    const proceed = () => {
      if (++turns === 3) throw new Error('enough');
    };
    await expect(inTurns(counting(1000, seen), proceed)).rejects.toThrow('enough');
    expect(turns).toBe(3);
    expect(seen.length).toBeLessThan(1000);
  });
});

describe('shared work', () => {
  test('is carried to its end by whoever needs it first, once', async () => {
    const seen: number[] = [];
    const work = new SharedWork(counting(40, seen));
    const ahead = inTurns(work.turns());
    expect(work.atOnce()).toBe(40);
    expect(await ahead).toBe(40);
    expect(work.atOnce()).toBe(40);
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  test('tells all of its failure', async () => {
    const work = new SharedWork(
      (function* (): Pausing<number> {
        yield;
        throw new Error('broken');
      })(),
    );
    const ahead = inTurns(work.turns());
    expect(() => work.atOnce()).toThrow('broken');
    await expect(ahead).rejects.toThrow('broken');
  });
});
