/** Rows of callers in one block: none is lost, mixed up or left behind, whatever moves. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Block, type Caller } from '../../src/runtime/batch-block.js';
import { rowReader } from '../../src/runtime/batch-rows.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { valuesOf } from '../../src/tensor/values.js';

const g = new GraphBuilder();
const x = g.input('x', 'f32', ['N', 3]);
const signs = g.input('signs', 'b1', ['N', 'L']);
const graph = g.graph([x, signs], { y: g.relu(x), z: g.cast(signs, 'f32') });
const OTHERS = { L: 3 };

interface Own extends Caller {
  readonly id: number;
}
const rowsOf = ({ id, count }: Own) => [
  Float32Array.from({ length: 3 * count }, (_, i) => id + i / 100),
  Int8Array.from({ length: 3 * count }, (_, i) => ((id >> (i % 5)) & 1 ? 1 : -1)),
];

/** That the block holds these callers, in this order, and feeds their rows. */
function expectCallers(block: Block<Own>, callers: readonly Own[]): void {
  expect(block.callers).toEqual(callers);
  const { x: values, signs: bits } = block.feeds(block.rows + 1) as Record<'x' | 'signs', Tensor>;
  const [floats, ones] = [0, 1].map((i) => callers.flatMap((each) => [...rowsOf(each)[i]!]));
  expect([...values.data].slice(0, floats!.length)).toEqual(floats);
  expect([...valuesOf(bits)].slice(0, ones!.length)).toEqual(ones);
  expect(values.shape).toEqual([block.rows + 1, 3]);
}

test('random additions, removals and moves', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'add', 'add', 'remove', 'keep', 'adopt', 'clear'),
    count: fc.integer({ min: 1, max: 3 }),
    which: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      let [front, back] = [new Block<Own>(graph, OTHERS), new Block<Own>(graph, OTHERS)];
      let [inFront, inBack]: [Own[], Own[]] = [[], []];
      for (const [id, { what, count, which }] of steps.entries()) {
        const caller = inFront[which % Math.max(1, inFront.length)];
        if (what === 'add') {
          const own = { id, count, at: 0 };
          front.add(own, rowsOf(own));
          inFront.push(own);
        } else if (what === 'remove' && caller !== undefined) {
          front.remove(caller);
          inFront = inFront.filter((each) => each !== caller);
        } else if (what === 'keep') {
          front.keep(which, back);
          inBack.push(...inFront.splice(which));
        } else if (what === 'adopt' && caller !== undefined) {
          back.adopt(front, caller);
          inFront = inFront.filter((each) => each !== caller);
          inBack.push(caller);
        } else if (what === 'clear') {
          front.clear();
          inFront = [];
          [front, back] = [back, front];
          [inFront, inBack] = [inBack, inFront];
        }
        expectCallers(front, inFront);
        expectCallers(back, inBack);
      }
    }),
    { seed: 5, numRuns: 60 },
  );
});

test('one row is told by its array, and everything else is asked', () => {
  const one = new GraphBuilder();
  const image = one.input('image', 'f32', ['N', 2, 2]);
  const read = rowReader(one.graph([image], { y: one.relu(image) }), 'N');
  const feed = new Float32Array(4);
  expect(read({ image: feed })).toEqual({ count: 1, values: [feed], others: {} });
  expect(read({ image: new Float32Array(12) })).toMatchObject({ count: 3, others: {} });
  expect(read({ image: new Tensor('f32', feed, [1, 2, 2]) }).values[0]).toBe(feed);
  for (const wrong of [
    { image: feed, other: feed },
    { other: feed },
    { image: new Float64Array(4) },
    { image: new Float32Array(3) },
    { image: new Float32Array(0) },
    {},
    null,
    feed,
  ])
    expect(() => read(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_FEED' }));
});
