/**
 * Every op on random nodes, most of them wrong: `make` accepts a node, or refuses it with a
 * BitplaneError that names it; and an accepted node computes a tensor of the inferred dtype and
 * shape.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DType } from '../../src/core/dtype.js';
import { BitplaneError } from '../../src/core/errors.js';
import type { Attrs, Value } from '../../src/graph/value.js';
import { OPS } from '../../src/ops/index.js';
import { constant, input, make } from '../../src/ops/make.js';
import type { OpDef } from '../../src/ops/op.js';
import { tensorOf } from '../../src/tensor/values.js';

// Sizes agree by chance where there are few of them.
const size = fc.constantFrom(1, 1, 2, 2, 3);
const junk = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(undefined, Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 2 ** 53, ''),
);
const mostly = <T>(arbitrary: fc.Arbitrary<T>, other: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary, weight: 19 }, { arbitrary: other, weight: 1 });

/** Plausible values of an attribute for operands of this rank. */
function plausible(expects: string, rank: number): fc.Arbitrary<unknown> {
  if (expects.startsWith('one of '))
    return fc.constantFrom<unknown>(...JSON.parse(`[${expects.slice('one of '.length)}]`));
  if (expects === 'true or false') return fc.boolean();
  if (expects.startsWith('[height, width]')) return fc.tuple(size, size);
  if (expects.startsWith('[top, '))
    return fc.tuple(...[0, 1, 2, 3].map(() => fc.constantFrom(0, 0, 1, 2)));
  if (expects.startsWith('a list')) {
    const item = mostly<unknown>(fc.integer({ min: 0, max: 3 }), fc.constantFrom('N', -1));
    const permutation = fc.shuffledSubarray([...new Array(rank).keys()], { minLength: rank });
    const lists = [rank, rank, 2 * rank, 1].map((length) =>
      fc.array(item, { minLength: length, maxLength: length }),
    );
    return fc.oneof(...lists, permutation);
  }
  return mostly<unknown>(fc.integer({ min: 1, max: 2 }), fc.double());
}

function attrsOf(def: OpDef, rank: number): fc.Arbitrary<Attrs> {
  const fields = Object.entries(def.attributes).map(([key, rule]) => [
    key,
    mostly(plausible(rule.expects, rank), junk),
  ]);
  return fc.record(Object.fromEntries(fields));
}

/** Operands of mostly one dtype, one rank and one last size, as a real node has them. */
function operandsOf(
  def: OpDef,
  dtype: DType,
  shape: readonly number[],
  symbolic: boolean,
): fc.Arbitrary<Value[]> {
  const alike = fc
    .array(size, { minLength: shape.length, maxLength: shape.length })
    .map((dims) => [...dims.slice(0, -1), ...shape.slice(-1)]);
  const type = fc.tuple(
    mostly(fc.constant(dtype), fc.constantFrom<DType>('f32', 'b1', 'i32')),
    fc.oneof(
      fc.constant([...shape]),
      alike,
      fc.constant(shape.slice(-1)),
      fc.array(size, { maxLength: 4 }),
    ),
  );
  const count = def.operands.length;
  const types = fc.array(type, { minLength: count, maxLength: def.variadic ? count + 2 : count });
  return types.map((drawn) =>
    drawn.map(([d, s], i) => leaf(`x${i}`, d, i === 0 ? shape : s, symbolic)),
  );
}

function nodeOf(def: OpDef): fc.Arbitrary<[Value[], Attrs]> {
  const dtypes = fc.constantFrom<DType>('f32', 'f32', 'b1', 'i32', 'u8');
  const shapes = fc.oneof(
    fc.array(size, { minLength: 4, maxLength: 4 }),
    fc.array(size, { maxLength: 3 }),
  );
  return fc
    .tuple(dtypes, shapes, mostly(fc.constant(false), fc.constant(true)))
    .chain(([dtype, shape, symbolic]) =>
      fc.tuple(operandsOf(def, dtype, shape, symbolic), attrsOf(def, shape.length)),
    );
}

function leaf(name: string, dtype: DType, shape: readonly number[], symbolic: boolean): Value {
  if (symbolic) return input(name, dtype, ['N', ...shape.slice(1)]);
  const elements = Array.from(
    { length: shape.reduce((product, dim) => product * dim, 1) },
    (_, i) => (i % 3 === 0 ? -1 : 1),
  );
  return constant(name, tensorOf(dtype, elements, shape));
}

describe.each(Object.values(OPS) as OpDef[])('$name', (def) => {
  test('is made or refused, and computes the inferred dtype and shape', () => {
    fc.assert(
      fc.property(nodeOf(def), ([values, attrs]) => {
        let node: Value;
        try {
          node = make(def.name, 'node', values, attrs);
        } catch (error) {
          expect(error).toBeInstanceOf(BitplaneError);
          expect(error).toMatchObject({ op: def.name, node: 'node' });
          return;
        }
        if (
          def.evaluate === undefined ||
          values.some((value) => value.data === undefined) ||
          node.shape.some((dim) => typeof dim === 'string')
        )
          return;
        const result = def.evaluate(
          values.map((value) => value.data!),
          node.attrs,
          node,
        );
        expect([result.dtype, result.shape]).toEqual([node.dtype, node.shape]);
      }),
      { numRuns: 300 },
    );
  });
});

test('attributes that are no object are refused', () => {
  const x = input('x', 'f32', [1]);
  for (const attrs of [null, 1, 'a', []])
    expect(() => make('relu', 'r', [x], attrs as unknown as Attrs)).toThrow(BitplaneError);
});
