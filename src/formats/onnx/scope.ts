/**
 * The names of one import: the item behind each ONNX name, and the names that the new graph has
 * given out. Not here: nodes (./context.ts).
 */
import { carries, DTYPES, type DTypeArray, type Integer } from '../../core/dtype.js';
import { BitplaneError, type ErrorSite } from '../../core/errors.js';
import { Budget, type Limits, overLimit } from '../../core/limits.js';
import type { Value } from '../../graph/value.js';
import { constant } from '../../ops/make.js';
import { Tensor } from '../../tensor/tensor.js';
import { dataTypeName, isFloatType, isSmallInteger, quantizedType } from './data-type.js';
import type { Item } from './item.js';
import type { OnnxTensor } from './proto.js';
import { type Decoded, decodeTensor } from './tensor.js';

type TensorItem = Extract<Item, { kind: 'tensor' }>;

/** Bytes of an integer in a list of JavaScript. */
const INTEGER_BYTES = 8;

export class Scope {
  private readonly items = new Map<string, Item>();
  /**
   * Every name given out, with the number to try next when it is asked for again: a file may give
   * one name to all its nodes.
   */
  private readonly taken = new Map<string, number>();
  private readonly constants = new Map<TensorItem, Value>();
  /** Names that stand for results of branches, which other branches may have too. */
  private readonly ofBranches = new Set<string>();

  private values = 0;
  private readonly made: Budget;

  /** @param decoded payloads that another import of the same file has read already */
  constructor(
    private readonly limits: Limits,
    private readonly decoded: Map<OnnxTensor, Decoded> = new Map(),
  ) {
    this.made = new Budget(limits.madeBytes, 'what an import makes out of nothing');
  }

  /** Called before a node's sizes make the import fill `bytes`. @throws BitplaneError ERR_LIMIT */
  make(bytes: number, site: ErrorSite): void {
    this.made.take(bytes, site);
  }

  /** Called before a list of integers is made. @throws BitplaneError ERR_LIMIT */
  makeIntegers(count: number, site: ErrorSite): void {
    this.made.take(count * INTEGER_BYTES, site);
  }

  define(name: string, item: Item): void {
    this.items.set(name, item);
  }

  /** False where a name of a branch is one of the graph around it. */
  claimForBranch(name: string): boolean {
    if (this.items.has(name) && !this.ofBranches.has(name)) return false;
    this.ofBranches.add(name);
    return true;
  }

  find(name: string): Item | undefined {
    return this.items.get(name);
  }

  /** The item behind every name of the file. */
  entries(): IterableIterator<[string, Item]> {
    return this.items.entries();
  }

  /**
   * `name`, or `name_2`, `name_3`, ... when it is taken, for a value of the graph.
   * @throws BitplaneError ERR_LIMIT
   */
  unique(name: string): string {
    const { maxNodes } = this.limits;
    if (++this.values > maxNodes)
      throw overLimit('maxNodes', `at most ${maxNodes} values in the graph`, 'more', {
        op: 'onnx',
        node: name,
      });
    let candidate = name;
    for (let i = this.taken.get(name) ?? 2; this.taken.has(candidate); i++) {
      candidate = `${name}_${i}`;
      this.taken.set(name, i + 1);
    }
    this.taken.set(candidate, 2);
    return candidate;
  }

  decode(item: TensorItem): Decoded {
    let decoded = this.decoded.get(item.tensor);
    if (decoded === undefined) {
      decoded = decodeTensor(item.tensor, item.name);
      this.decoded.set(item.tensor, decoded);
    }
    return decoded;
  }

  /**
   * The constant of a tensor of floats or of quantized integers, made once however many nodes read
   * it. INT32 is what exporters compute shapes with; only `int32` takes it for data.
   */
  constant(item: TensorItem, int32 = false): Value {
    const known = this.constants.get(item);
    if (known !== undefined) return known;
    const { dataType } = item.tensor;
    const quantized = quantizedType(dataType);
    const isData =
      isFloatType(dataType) || isSmallInteger(dataType) || (int32 && quantized !== undefined);
    const decoded = this.decode(item);
    if (!isData) {
      throw new BitplaneError(
        'ERR_DTYPE',
        `expected data of a float type but received ${dataTypeName(dataType)}`,
        {
          op: 'initializer',
          node: item.name,
        },
      );
    }
    const tensor = decoded.stored ?? tensorOf(quantized?.dtype ?? 'f32', decoded);
    const value = constant(this.unique(item.name), tensor);
    this.constants.set(item, value);
    return value;
  }
}

/** Doubles, and integers of 16 and 32 bits, are decoded to numbers, others to their typed array. */
function tensorOf(dtype: 'f32' | Integer, { data, shape }: Decoded): Tensor {
  if (carries(dtype, data)) return new Tensor(dtype, data, shape);
  return new Tensor(
    dtype,
    DTYPES[dtype].array.from(data as ArrayLike<number>) as DTypeArray,
    shape,
  );
}
