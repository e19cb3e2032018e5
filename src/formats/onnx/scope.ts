/**
 * The names of one import: the item behind each ONNX name, and the names that the new graph has
 * given out. Not here: nodes (./context.ts).
 */
import { BitplaneError, type ErrorSite } from '../../core/errors.js';
import { Budget, type Limits, overLimit } from '../../core/limits.js';
import type { Value } from '../../graph/value.js';
import { constant } from '../../ops/make.js';
import { Tensor } from '../../tensor/tensor.js';
import type { Item } from './item.js';
import type { OnnxTensor } from './proto.js';
import { type Decoded, dataTypeName, decodeTensor } from './tensor.js';

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

  /** The constant of a FLOAT tensor, made once however many nodes read it. */
  constant(item: TensorItem): Value {
    const known = this.constants.get(item);
    if (known !== undefined) return known;
    const { kind, data, shape } = this.decode(item);
    if (kind !== 'f32') {
      throw new BitplaneError(
        'ERR_DTYPE',
        `expected data of type FLOAT but received ${dataTypeName(item.tensor.dataType)}`,
        {
          op: 'initializer',
          node: item.name,
        },
      );
    }
    const value = constant(this.unique(item.name), new Tensor('f32', data as Float32Array, shape));
    this.constants.set(item, value);
    return value;
  }
}
