/**
 * Programs that the addon refuses to build, because a kernel would divide by a size or leave its
 * memory, and memory that the system does not have. Our compiler writes no such program; the addon
 * must survive one that a faulty compiler writes.
 */
import { describe, expect, test } from 'vitest';
import { addon, type NativeField } from '../../src/native/addon.js';

const native = addon();
/** A buffer of `build` for each kind of field; a field of another kind is 1. */
const NUMBERS: Partial<Record<NativeField['kind'], number>> = {
  in: 0,
  out: 0,
  weights: 2,
  constant: 2,
};
/**
 * No table of thresholds or of few weights, the zero point of one-bit integers, and codes that hold
 * an exponent, above those of no other task.
 */
const UNLIKE_OTHERS: Readonly<Record<string, number>> = {
  thresholds: -1,
  zero: 0,
  few: -1,
  fieldBits: 9,
  noise: -1,
};
/** More than any machine has. */
const TOO_MUCH = 2 ** 50;
const run = (arenaBytes: number) => ({ arenaBytes, isa: 'scalar', threads: 1 });

interface Stream {
  readonly opcode: string;
  readonly fields?: Readonly<Record<string, number>>;
  readonly epilogue?: readonly number[];
}

/**
 * Builds a program of one instruction over two arena buffers and one constant; fields are 1 and
 * buffers 0 unless given.
 */
function build({ opcode, fields = {}, epilogue = [] }: Stream) {
  const number = native.opcodes.findIndex(({ name }) => name === opcode);
  const table = native.opcodes[number]!.fields;
  const values = table.map(
    ({ name, kind }) => fields[name] ?? UNLIKE_OTHERS[name] ?? NUMBERS[kind] ?? 1,
  );
  const code = Int32Array.of(number, table.length, ...values, epilogue.length / 10, ...epilogue);
  const buffers = Float64Array.of(0, 0, 4096, 0, 4096, 4096, 2, 0, 4096);
  return new native.Program(
    new native.Constants([new Uint8Array(4096)]),
    code,
    buffers,
    run(8192),
    [0],
    [1],
  );
}

const sizes = native.opcodes.flatMap(({ name, fields }) =>
  fields.filter(({ kind }) => kind === 'size').map((field) => [name, field.name] as const),
);

test('every field has a kind: sizes, numbers and buffers that no name tells apart', () => {
  const kinds = Object.fromEntries(
    native.opcodes.map(({ name, fields }) => [
      name,
      fields.filter(({ kind }) => kind !== 'size').map((f) => `${f.name}:${f.kind}`),
    ]),
  );
  expect(kinds.bconv).toEqual([
    ...['x:in', 'weights:weights', 'y:out', 'thresholds:constant'],
    ...['pt:number', 'pl:number', 'padding:number'],
  ]);
  expect(kinds.reduce).toEqual([
    ...['x:in', 'y:out', 'kind:number'],
    ...['dtype:number', 'zero:number', 'scale:number'],
  ]);
  expect(sizes.length).toBeGreaterThan(80);
});

describe('a size of 0 or less is refused', () => {
  test.each(sizes)('%s %s', (opcode, field) => {
    for (const size of [0, -1, -(2 ** 31)])
      expect(() => build({ opcode, fields: { [field]: size } })).toThrow(
        /was refused: a size of it is 0 or less/,
      );
  });

  test.each(native.opcodes.map(({ name }) => name))('%s of ones is not', (opcode) => {
    build({ opcode }).release();
  });
});

const windows = native.opcodes.map(({ name }) => name).filter((name) => /conv|pool/.test(name));

test.each(['conv', 'wconv', 'bconv', 'qconv'])(
  '%s in groups that do not divide its channels is refused',
  (opcode) => {
    for (const fields of [{ g: 2 }, { g: 2, c: 2 }, { g: 2, o: 2 }, { g: 3, c: 6, o: 4 }])
      expect(() => build({ opcode, fields }), JSON.stringify(fields)).toThrow(
        /groups do not divide/,
      );
  },
);

test.each(['conv', 'wconv', 'bconv', 'dwconv', 'qconv', 'qdwconv'])(
  '%s with weights that are no constant is refused',
  (opcode) => {
    expect(() => build({ opcode, fields: { weights: 0 } })).toThrow(/refused by its kernel/);
    expect(() => build({ opcode, fields: { weights: -1 } })).toThrow(/a buffer that is not there/);
  },
);

test('bconv with thresholds that are no constant is refused', () => {
  expect(() => build({ opcode: 'bconv', fields: { thresholds: 0 } })).toThrow(
    /refused by its kernel/,
  );
});

describe('a window that an int cannot count is refused', () => {
  test.each(windows)('%s', (opcode) => {
    const far = [
      { kh: 3, dh: 2 ** 30 },
      { ow: 3, sw: 2 ** 29 },
      { h: 2 ** 30 },
      { pl: 2 ** 30 },
      { pt: -(2 ** 31) },
      { kh: 2 ** 16, kw: 2 ** 15 },
      { n: 2 ** 16, oh: 2 ** 15 },
    ];
    for (const fields of far)
      expect(() => build({ opcode, fields }), JSON.stringify(fields)).toThrow(
        /was refused: its window|was refused: it has/,
      );
  });
});

describe('a buffer that is not there is refused', () => {
  const buffers = native.opcodes.flatMap(({ name, fields }) =>
    fields
      .filter(({ kind }) => kind !== 'size' && kind !== 'number')
      .map((field) => [name, field.name, field.optional] as const),
  );
  test.each(buffers)('%s %s', (opcode, name, optional) => {
    for (const number of [3, 2 ** 31 - 1, -2, ...(optional ? [] : [-1])])
      expect(() => build({ opcode, fields: { [name]: number } })).toThrow(
        /names a buffer that is not there/,
      );
  });

  const op = (name: string) => native.epilogueOps.indexOf(name);
  /** op, kind, dtype, buffer, second, count, a, b, pitch, first: an addition of a map of floats. */
  const step = (changed: Readonly<Record<number, number>>) =>
    [op('add'), 2, 0, 0, -1, 0, 0, 0, 0, 0].map((value, i) => changed[i] ?? value);

  test('an epilogue that is in order is not', () => {
    for (const dtype of [0, 1, 2, 3, 4])
      build({ opcode: 'map', epilogue: step({ 2: dtype }) }).release();
  });

  test.each<[string, Readonly<Record<number, number>>]>([
    ['an operand of no buffer', { 3: -1 }],
    ['an operand of another program', { 3: 3 }],
    ['an op that is none', { 0: native.epilogueOps.length }],
    ['a kind that is none', { 1: 5 }],
    ['an operand that lies nowhere', { 1: 0 }],
    ['a dtype that is none', { 2: 5 }],
    ['bits by pixel', { 1: 4, 2: 4 }],
    ['thresholds that are no floats', { 0: op('multithreshold'), 1: 1, 2: 1, 5: 1 }],
    ['a store of another dtype than its own', { 0: op('store_f32'), 2: 2 }],
    ['a store beside its map', { 0: op('store_f32'), 8: 16, 9: 16 }],
    ['an operand that does not repeat evenly', { 8: 2 }],
    ['a second operand of no buffer', { 0: op('submul') }],
  ])('an epilogue with %s', (_, changed) => {
    expect(() => build({ opcode: 'map', epilogue: step(changed) })).toThrow(
      /its epilogue is malformed/,
    );
  });

  // The buffers hold 4096 bytes: as many elements of one byte, a quarter of those of four.
  const maps: [string, number, number][] = [
    ['f32', 0, 1024],
    ['i32', 1, 1024],
    ['i8', 2, 4096],
    ['u8', 3, 4096],
  ];
  test.each(maps)('a map of %s that is too small for its pixels', (_, dtype, most) => {
    const of = (hw: number) => () =>
      build({ opcode: 'map', fields: { hw }, epilogue: step({ 2: dtype }) }).release();
    expect(of(most)).not.toThrow();
    expect(of(most + 1)).toThrow(/a buffer of its epilogue is too small/);
  });
  test('a map of bits, channels or thresholds that is too small', () => {
    const of = (fields: Readonly<Record<string, number>>, changed: Record<number, number>) => () =>
      build({ opcode: 'map', fields, epilogue: step(changed) }).release();
    const small = /a buffer of its epilogue is too small/;
    for (const c of [1, 64, 65, 128]) {
      const most = 512 / Math.ceil(c / 64);
      expect(of({ hw: most, c }, { 2: 4 })).not.toThrow();
      expect(of({ hw: most + 1, c }, { 2: 4 })).toThrow(small);
      expect(of({ hw: most, c }, { 0: op('store_bits') })).not.toThrow();
      expect(of({ hw: most + 1, c }, { 0: op('store_bits') })).toThrow(small);
    }
    expect(of({ c: 1024 }, { 1: 1 })).not.toThrow();
    expect(of({ c: 1025 }, { 1: 1 })).toThrow(small);
    expect(of({ n: 4, c: 257 }, { 1: 3 })).toThrow(small);
    expect(of({ hw: 1025 }, { 1: 4 })).toThrow(small);
    expect(of({ c: 512 }, { 0: op('multithreshold'), 1: 1, 5: 3 })).toThrow(small);
    expect(of({ hw: 4097 }, { 0: op('store_i8') })).toThrow(small);
    expect(of({ hw: 4097 }, { 0: op('store_u8') })).toThrow(small);
    expect(of({ hw: 1025 }, { 0: op('store_i32') })).toThrow(small);
    expect(of({ n: 2 ** 31 - 1, hw: 2 ** 31 - 1, c: 2 ** 31 - 1 }, {})).toThrow(small);
  });
});

describe('memory that the system does not have is an error that says so', () => {
  const program = (arenaBytes: number) =>
    new native.Program(
      new native.Constants([]),
      new Int32Array(),
      new Float64Array(),
      run(arenaBytes),
      [],
      [],
    );

  test.each([TOO_MUCH, 2 ** 63])('an arena of %d bytes', (bytes) => {
    expect(() => program(bytes).start([], false, false, 0, 1)).toThrow(/out of memory/);
  });

  test('an arena whose size overflows when it is rounded up', () => {
    expect(() => program(-1).start([], false, false, 0, 1)).toThrow(/out of memory/);
  });

  test('a constant', () => {
    const constants = new native.Constants([
      { byteLength: TOO_MUCH, read: () => new Uint8Array(1) },
    ]);
    const build = () =>
      new native.Program(
        constants,
        new Int32Array(),
        Float64Array.of(1, 0, TOO_MUCH),
        run(64),
        [],
        [],
      );
    expect(build).toThrow(/out of memory/);
    expect(build).toThrow(/out of memory/);
  });

  test('packed weights, after which the next program of the session builds', () => {
    const constants = new native.Constants([new Uint8Array(64)]);
    const table = native.opcodes.find(({ name }) => name === 'conv')!.fields;
    const conv = (fields: Readonly<Record<string, number>>) => {
      const values = table.map(({ name, kind }) => fields[name] ?? (kind === 'in' ? 0 : 1));
      const code = Int32Array.of(
        native.opcodes.findIndex(({ name }) => name === 'conv'),
        table.length,
        ...values,
        0,
      );
      return new native.Program(
        constants,
        code,
        Float64Array.of(0, 0, 4096, 2, 0, 64),
        run(4096),
        [0],
        [],
      );
    };
    expect(() => conv({ c: 2 ** 30, o: 2 ** 21 })).toThrow(/out of memory/);
    expect(constants.packedBytes).toBe(0);
    conv({}).release();
    expect(constants.packedBytes).toBeGreaterThan(0);
  });

  test('constants that cannot be added leave the others as they were', () => {
    const constants = new native.Constants([new Uint8Array(8)]);
    const detached = new Uint8Array(8);
    constants.extend([detached, 'none' as never]);
    expect(
      () =>
        new native.Program(constants, new Int32Array(), Float64Array.of(1, 1, 8), run(64), [], []),
    ).toThrow(/no such constant/);
  });
});
