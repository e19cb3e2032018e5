/**
 * .npy files: against bytes as NumPy writes them, round trips, and files that are wrong.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { readNpy, writeNpy } from '../../src/formats/npy.js';
import { Tensor } from '../../src/tensor/tensor.js';

/** A file put together by hand. */
function npy(header: string, data: ArrayLike<number>, version = 1): Uint8Array {
  const text = `${header.padEnd(53)}\n`;
  const length =
    version === 1
      ? [text.length & 255, text.length >> 8]
      : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([
    0x93,
    ...Buffer.from('NUMPY'),
    version,
    0,
    ...length,
    ...Buffer.from(text),
    ...Array.from(data),
  ]);
}
function dict(descr: string, shape: string, order = 'False'): string {
  return `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
}
function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

describe('reading', () => {
  test.each([
    [
      '<f4',
      'f32',
      Float32Array.of(1.5, -2, Number.NaN, 0.1),
      [1.5, -2, Number.NaN, Math.fround(0.1)],
    ],
    [
      '<f8',
      'f32',
      Float64Array.of(1.5, -2, Number.POSITIVE_INFINITY, 0.1),
      [1.5, -2, Number.POSITIVE_INFINITY, Math.fround(0.1)],
    ],
    ['<i4', 'i32', Int32Array.of(1, -2, 2147483647, 0), [1, -2, 2147483647, 0]],
    ['<i8', 'i32', BigInt64Array.of(1n, -2n, -2147483648n, 0n), [1, -2, -2147483648, 0]],
    ['|i1', 'i8', Int8Array.of(1, -2, 127, -128), [1, -2, 127, -128]],
    ['|u1', 'u8', Uint8Array.of(1, 2, 255, 0), [1, 2, 255, 0]],
    ['|b1', 'u8', Uint8Array.of(1, 0, 2, 0), [1, 0, 1, 0]],
  ])('%s becomes %s', (descr, dtype, data, wanted) => {
    for (const version of [1, 2, 3]) {
      const tensor = readNpy(npy(dict(descr, '(2, 2)'), bytesOf(data), version));
      expect(tensor.dtype).toBe(dtype);
      expect(tensor.shape).toEqual([2, 2]);
      expect([...tensor.data]).toEqual(wanted);
    }
  });
  test.each([
    ['()', [], 1],
    ['(4,)', [4], 4],
    ['(2,2)', [2, 2], 4],
    ['(0, 7)', [0, 7], 0],
  ])('the shape %s', (text, shape, count) => {
    expect(readNpy(npy(dict('|u1', text), new Uint8Array(count))).shape).toEqual(shape);
  });
  test('Fortran order becomes row-major', () => {
    // The array [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]], first index fastest.
    const data = Uint8Array.of(0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11);
    expect([...readNpy(npy(dict('|u1', '(2, 3, 2)', 'True'), data)).data]).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    ]);
  });
  test.each([
    ['(2, 3)', [0, 3, 1, 4, 2, 5]],
    ['(3, 2)', [0, 2, 4, 1, 3, 5]],
    ['(1, 6)', [0, 1, 2, 3, 4, 5]],
    ['(6, 1)', [0, 1, 2, 3, 4, 5]],
    ['(6,)', [0, 1, 2, 3, 4, 5]],
    ['(2, 1, 3)', [0, 3, 1, 4, 2, 5]],
  ])('a shape of %s in Fortran order becomes row-major', (shape, data) => {
    const wanted = [0, 1, 2, 3, 4, 5];
    expect([...readNpy(npy(dict('|i1', shape, 'True'), data)).data]).toEqual(wanted);
    expect([
      ...readNpy(npy(dict('<f4', shape, 'True'), bytesOf(Float32Array.from(data)))).data,
    ]).toEqual(wanted);
    expect([
      ...readNpy(npy(dict('<i8', shape, 'True'), bytesOf(BigInt64Array.from(data, BigInt)))).data,
    ]).toEqual(wanted);
    expect([...readNpy(npy(dict('|i1', shape, 'False'), data)).data]).toEqual(data);
  });
  test('Fortran order of an empty array and of a scalar is read', () => {
    expect(readNpy(npy(dict('|u1', '(2, 0, 3)', 'True'), []))).toMatchObject({
      shape: [2, 0, 3],
      data: new Uint8Array(0),
    });
    expect([...readNpy(npy(dict('|u1', '()', 'True'), [7])).data]).toEqual([7]);
  });
  test('int64 is read up to the limits of i32, and refused beyond them', () => {
    const read = (value: bigint) => [
      ...readNpy(npy(dict('<i8', '(1,)'), bytesOf(BigInt64Array.of(value)))).data,
    ];
    expect([read(2147483647n), read(-2147483648n)]).toEqual([[2147483647], [-2147483648]]);
    for (const value of [2147483648n, -2147483649n, 2n ** 32n, -(2n ** 63n)])
      expect(() => read(value)).toThrow(
        expect.objectContaining({
          code: 'ERR_DTYPE',
          op: 'npy',
          message: expect.stringContaining(String(value)),
        }),
      );
  });
  test('a header of 64 KB is read, and a longer one refused', () => {
    const file = (length: number) => {
      const text = `${dict('|u1', '(1,)').padEnd(length - 1)}\n`;
      return Uint8Array.from([
        0x93,
        ...Buffer.from('NUMPY'),
        2,
        0,
        length & 255,
        (length >> 8) & 255,
        length >> 16,
        0,
        ...Buffer.from(text),
        9,
      ]);
    };
    expect(readNpy(file(65_536)).data[0]).toBe(9);
    expect(() => readNpy(file(65_537))).toThrow(/truncated or too long/);
  });
  test('32 dimensions are read, and more refused', () => {
    const shape = (count: number) => `(${'1, '.repeat(count)})`;
    expect(readNpy(npy(dict('|u1', shape(32)), [9])).shape).toHaveLength(32);
    expect(() => readNpy(npy(dict('|u1', shape(33)), [9]))).toThrow(
      expect.objectContaining({ code: 'ERR_FORMAT' }),
    );
  });
  test('a header in UTF-8 in version 3, in Latin-1 before', () => {
    const text = Buffer.from(dict('|ü', '(1,)'));
    const of = (version: number) => () =>
      readNpy(
        Uint8Array.from([
          0x93,
          ...Buffer.from('NUMPY'),
          version,
          0,
          text.length,
          0,
          ...(version === 1 ? [] : [0, 0]),
          ...text,
          9,
        ]),
      );
    expect(of(3)).toThrow(
      expect.objectContaining({ code: 'ERR_DTYPE', message: expect.stringContaining('"|ü"') }),
    );
    for (const version of [1, 2])
      expect(of(version)).toThrow(
        expect.objectContaining({ message: expect.stringContaining('"|Ã¼"') }),
      );
  });
  test('a tensor is no view of the file', () => {
    for (const descr of ['|u1', '|b1']) {
      const file = Buffer.from(npy(dict(descr, '(1,)'), [1]));
      const { data } = readNpy(file);
      file.fill(0);
      expect(data[0]).toBe(1);
    }
  });
  test('the keys may come in any order', () => {
    expect(
      readNpy(npy("{'shape': (1,), 'fortran_order': False, 'descr': '|u1'}", [9])).data[0],
    ).toBe(9);
  });
  test('from a view into a larger buffer, at any offset', () => {
    const file = npy(dict('<f4', '(1,)'), bytesOf(Float32Array.of(2.5)));
    const buffer = Buffer.concat([Buffer.from('abc'), file]).subarray(3);
    expect(readNpy(buffer).data[0]).toBe(2.5);
  });
});

test.each([[undefined], ['a path'], [[1, 2]], [new Float32Array(4)]])(
  '%j is refused as the bytes of a file',
  (value) => {
    expect(() => readNpy(value as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT', op: 'npy' }),
    );
  },
);

describe('wrong files', () => {
  const good = npy(dict('<f4', '(2, 2)'), new Uint8Array(16));
  test.each([
    ['too little data', npy(dict('<f4', '(2, 2)'), new Uint8Array(15)), 'ERR_FORMAT'],
    ['too much data', npy(dict('<f4', '(2, 2)'), new Uint8Array(17)), 'ERR_FORMAT'],
    ['a huge shape', npy(dict('<f4', '(1000000000, 1000000)'), []), 'ERR_FORMAT'],
    ['a shape beyond 2^53', npy(dict('<f4', '(1000000000000, 1000000000000)'), []), 'ERR_FORMAT'],
    ['a negative size', npy(dict('<f4', '(-1,)'), []), 'ERR_FORMAT'],
    ['a gap in the shape', npy(dict('<f4', '(1,,1)'), new Uint8Array(4)), 'ERR_FORMAT'],
    [
      'a key twice',
      npy("{'descr': '|u1', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", [0]),
      'ERR_FORMAT',
    ],
    [
      'another key',
      npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'x': (1,)}", [0]),
      'ERR_FORMAT',
    ],
    ['a missing key', npy("{'descr': '|u1', 'shape': (1,)}", [0]), 'ERR_FORMAT'],
    [
      'code',
      npy("{'descr': '|u1', 'fortran_order': False, 'shape': __import__('os')}", [0]),
      'ERR_FORMAT',
    ],
    ['big endian', npy(dict('>f4', '(1,)'), new Uint8Array(4)), 'ERR_DTYPE'],
    ['Python objects', npy(dict('|O', '(1,)'), new Uint8Array(8)), 'ERR_DTYPE'],
    [
      'an int64 beyond 32 bits',
      npy(dict('<i8', '(1,)'), bytesOf(BigInt64Array.of(2147483648n))),
      'ERR_DTYPE',
    ],
    ['version 0', npy(dict('|u1', '(1,)'), [0], 0), 'ERR_FORMAT'],
    ['a flag for a shape', npy(dict('|u1', 'True'), [0]), 'ERR_FORMAT'],
    ['a text for a flag', npy(dict('|u1', '(1,)', "'True'"), [0]), 'ERR_FORMAT'],
    ['no dictionary', npy('[1, 2]', [0]), 'ERR_FORMAT'],
    ['words after the dictionary', npy(`${dict('|u1', '(1,)')} more`, [0]), 'ERR_FORMAT'],
    [
      'words within the dictionary',
      npy(dict('|u1', '(1,)').replace('}', 'more }'), [0]),
      'ERR_FORMAT',
    ],
    [
      'another first byte',
      Uint8Array.from([0x92, ...npy(dict('|u1', '(1,)'), [0]).subarray(1)]),
      'ERR_FORMAT',
    ],
    [
      'another last letter of its name',
      Uint8Array.from(npy(dict('|u1', '(1,)'), [0]), (byte, i) => (i === 5 ? 0x5a : byte)),
      'ERR_FORMAT',
    ],
    ['version 4', npy(dict('|u1', '(1,)'), [0], 4), 'ERR_FORMAT'],
    [
      'a header that is longer than the file',
      Uint8Array.from([...good.subarray(0, 8), 255, 255, ...good.subarray(10)]),
      'ERR_FORMAT',
    ],
    ['nothing', new Uint8Array(0), 'ERR_FORMAT'],
  ])('%s', (_, bytes, code) => {
    expect(() => readNpy(bytes)).toThrow(expect.objectContaining({ name: 'BitplaneError', code }));
  });
  test('truncated or changed anywhere: a BitplaneError or a tensor', () => {
    for (let length = 0; length < good.length; length++)
      expect(() => readNpy(good.subarray(0, length))).toThrow(BitplaneError);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = good.slice();
        bytes[at] = value;
        try {
          readNpy(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(BitplaneError);
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});

describe('writing', () => {
  test('the bytes that NumPy writes for np.save(f, np.array([[1, 2]], np.float32))', () => {
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
    const wanted = Buffer.concat([
      Buffer.from([0x93]),
      Buffer.from('NUMPY'),
      Buffer.from([1, 0, 118, 0]),
      Buffer.from(`${header.padEnd(117)}\n`),
      bytesOf(Float32Array.of(1, 2)),
    ]);
    expect(Buffer.from(writeNpy(new Tensor('f32', Float32Array.of(1, 2), [1, 2])))).toEqual(wanted);
  });
  test('the header ends at the next multiple of 64 bytes, whatever its length', () => {
    const lengths = new Set<number>();
    for (const size of [1, 10, 100])
      for (let rank = 1; rank <= 24; rank++) {
        const shape = [size, ...new Array<number>(rank - 1).fill(1)];
        const bytes = writeNpy(new Tensor('i8', new Int8Array(size), shape));
        const end = bytes.indexOf(0x0a) + 1;
        const text = Buffer.from(bytes.subarray(10, end)).toString('latin1');
        expect(text.trimEnd()).toBe(
          dict('|i1', rank === 1 ? `(${size},)` : `(${shape.join(', ')})`),
        );
        expect([end % 64, bytes[8]! + 256 * bytes[9]!, bytes.length - end]).toEqual([
          0,
          text.length,
          size,
        ]);
        // The newline and what fills up: 1 to 64 bytes.
        expect(text.length - text.trimEnd().length).toBeLessThanOrEqual(64);
        lengths.add(text.trimEnd().length % 64);
      }
    expect(lengths.size).toBe(64);
  });
  test('a header of more than 255 bytes', () => {
    const tensor = new Tensor('u8', Uint8Array.of(5), new Array<number>(30).fill(1));
    const wide = new Tensor('u8', new Uint8Array(0), [
      0,
      ...new Array<number>(29).fill(123_456_789),
    ]);
    for (const each of [tensor, wide]) expect(readNpy(writeNpy(each))).toEqual(each);
    expect(writeNpy(wide)[9]).toBeGreaterThan(0);
  });
  test('a view into a larger array is written alone', () => {
    const tensor = new Tensor('f32', Float32Array.of(1, 2, 3, 4).subarray(1, 3), [2]);
    expect([...readNpy(writeNpy(tensor)).data]).toEqual([2, 3]);
  });
  test.each([[undefined], [[1]], [{ dtype: 'f32', data: [], shape: [] }]])(
    '%j is refused as a tensor',
    (value) => {
      expect(() => writeNpy(value as never)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT', op: 'npy' }),
      );
    },
  );
  test('round trips', () => {
    const shapes = fc.array(fc.nat(5), { maxLength: 4 });
    fc.assert(
      fc.property(
        shapes,
        fc.constantFrom('f32' as const, 'i32' as const, 'i8' as const, 'u8' as const),
        (shape, dtype) => {
          const count = shape.reduce((a, b) => a * b, 1);
          const array = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array }[
            dtype
          ];
          const tensor = new Tensor(
            dtype,
            new array(Array.from({ length: count }, (_, i) => (i * 37) % 127)),
            shape,
          );
          const bytes = writeNpy(tensor);
          expect((bytes.length - tensor.data.byteLength) % 64).toBe(0);
          expect(readNpy(bytes)).toEqual(tensor);
        },
      ),
      { seed: 2 },
    );
  });
  test('bits become +1 and -1', () => {
    const tensor = readNpy(writeNpy(new Tensor('b1', Uint8Array.of(0b00000101, 0b1), [3, 3])));
    expect(tensor.dtype).toBe('i8');
    expect([...tensor.data]).toEqual([-1, 1, -1, 1, 1, 1, 1, 1, -1]);
  });
});
