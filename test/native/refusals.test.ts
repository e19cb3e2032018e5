/**
 * Programs that the addon refuses when they are built, because a kernel would divide by a size or
 * leave its memory, and memory that the system does not have. No compiler of ours writes such
 * programs; the addon must not die of one that does.
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
    ({ name, kind }) => fields[name] ?? (name === 'thresholds' ? -1 : (NUMBERS[kind] ?? 1)),
  );
  const code = Int32Array.of(number, table.length, ...values, epilogue.length / 9, ...epilogue);
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
  expect(kinds.reduce).toEqual(['x:in', 'y:out', 'kind:number']);
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

test.each(['conv', 'bconv'])(
  '%s in groups that do not divide its channels is refused',
  (opcode) => {
    for (const fields of [{ g: 2 }, { g: 2, c: 2 }, { g: 2, o: 2 }, { g: 3, c: 6, o: 4 }])
      expect(() => build({ opcode, fields }), JSON.stringify(fields)).toThrow(
        /groups do not divide/,
      );
  },
);

test.each(['conv', 'bconv', 'dwconv'])(
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

  test.each<[string, number[]]>([
    ['an operand of no buffer', [0, 2, -1, -1, 0, 0, 0, 0, 0]],
    ['an operand of another program', [0, 2, 3, -1, 0, 0, 0, 0, 0]],
    ['an op that is none', [native.epilogueOps.length, 0, -1, -1, 0, 0, 0, 0, 0]],
    ['a kind that is none', [0, 5, 0, -1, 0, 0, 0, 0, 0]],
    [
      'a second operand of no buffer',
      [native.epilogueOps.indexOf('submul'), 2, 0, -1, 0, 0, 0, 0, 0],
    ],
  ])('an epilogue with %s', (_, epilogue) => {
    expect(() => build({ opcode: 'map', epilogue })).toThrow(/its epilogue is malformed/);
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

  test('an arena that overflows when it is rounded up', () => {
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

  test('packed weights: the next program of the session builds', () => {
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
