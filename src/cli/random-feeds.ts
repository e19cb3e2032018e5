/**
 * Feeds for timing and for comparing: seeded values in the shapes that a model declares. Not here:
 * data that means anything.
 */
import { byteLength, DTYPES, type DType, integerBounds } from '../core/dtype.js';
import { expected } from '../core/errors.js';
import { elementCount, showShape } from '../core/shape.js';
import type { Tensors } from '../runtime/run-rows.js';
import type { TensorMetadata } from '../runtime/session-types.js';
import { Tensor } from '../tensor/tensor.js';

/** xorshift32: the same values on every machine, in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export interface FeedOptions {
  /** Default: that of seed 1. */
  readonly random?: () => number;
  /** What errors name. Default: bench. */
  readonly op?: string;
}

/**
 * f32 in [-1, 1), integers over the range of their bytes (i32: of i8). A symbol in the first place
 * becomes `batch`.
 * @throws BitplaneError ERR_SHAPE for a symbol elsewhere, naming the option that gives its size,
 *   and for sizes that no memory is found for
 */
export function randomFeeds(
  inputs: readonly TensorMetadata[],
  batch: number,
  { random = seededRandom(1), op = 'bench' }: FeedOptions = {},
): Tensors {
  return Object.fromEntries(
    inputs.map((input) => {
      const shape = concrete(input, batch, op);
      try {
        return [input.name, randomTensor(input.dtype, shape, random)];
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw expected('ERR_SHAPE', 'a shape that memory has room for', showShape(shape), {
          op,
          node: input.name,
        });
      }
    }),
  );
}

/** Height and width in an example. */
const EXAMPLE = 64;

function concrete({ name, shape }: TensorMetadata, batch: number, op: string): number[] {
  const sizes = shape.map((dim, axis) =>
    typeof dim === 'number' ? dim : axis === 0 ? batch : EXAMPLE,
  );
  if (shape.some((dim, axis) => axis > 0 && typeof dim === 'string'))
    throw expected('ERR_SHAPE', `--shape, such as ${name}=${sizes},`, showShape(shape), {
      op,
      node: name,
    });
  return sizes;
}

function randomValue(dtype: DType, random: number): number {
  if (dtype === 'f32') return 2 * random - 1;
  // Of b1 these are bytes of eight elements.
  const { lo, hi } = integerBounds(dtype === 'i32' ? 'i8' : dtype === 'b1' ? 'u8' : dtype);
  return lo + Math.floor((hi - lo + 1) * random);
}

export function randomTensor(dtype: DType, shape: readonly number[], random: () => number): Tensor {
  const count = elementCount(shape);
  const { array } = DTYPES[dtype];
  const values = new array(dtype === 'b1' ? byteLength('b1', count) : count);
  for (let i = 0; i < values.length; i++) values[i] = randomValue(dtype, random());
  // The tail of a b1 tensor is 0 by definition.
  if (dtype === 'b1' && count % 8 !== 0)
    values[values.length - 1] = (values[values.length - 1] as number) & ((1 << (count % 8)) - 1);
  return new Tensor(dtype, values as never, shape);
}
