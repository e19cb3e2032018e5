/**
 * Memory of the caller's that a run writes its results into, instead of fresh arrays: it is checked
 * when the run is asked for, held until the run has ended, and written only by a run that gives
 * results. Not here: which outputs those are (./run-arguments.ts), running (./flight.ts).
 */
import { byteLength, carries, DTYPES } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { elementCount, sameShape, showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { unpackWords } from '../tensor/layout.js';
import { isTensorLike, Tensor, type TensorLike } from '../tensor/tensor.js';
import { resultArray, resultTensor } from './feeds.js';

/** A tensor, or the typed array of the output's dtype with as many elements as the output has. */
export type ResultMemory = TensorLike | NodeJS.TypedArray;

/** Some bytes of a buffer. */
interface Range {
  readonly buffer: ArrayBufferLike;
  readonly from: number;
  readonly to: number;
}

interface Target extends Range {
  readonly name: string;
  readonly memory: ResultMemory;
  readonly array: NodeJS.TypedArray;
}

const OP = 'run';

/** What runs that have not ended will write, by buffer. */
const held = new WeakMap<ArrayBufferLike, Set<Range>>();

/** The memory that one run's results go to. */
export class ResultTargets {
  private constructor(
    /** One an output of the program; undefined for a fresh array. */
    private readonly targets: readonly (Target | undefined)[],
  ) {}

  /**
   * Checks the memory given for a run and holds it for that run.
   * @param names the program's outputs
   * @param outputs their types, sizes known
   * @param feeds what the run is fed
   * @throws BitplaneError ERR_ARGUMENT naming the output, with nothing held
   */
  static hold(
    given: ReadonlyMap<string, ResultMemory>,
    names: readonly string[],
    outputs: readonly Value[],
    feeds: readonly NodeJS.TypedArray[],
  ): ResultTargets {
    const targets = names.map((name, i) => {
      const memory = given.get(name);
      return memory === undefined ? undefined : targetOf(name, memory, outputs[i] as Value);
    });
    const taken: Target[] = [];
    for (const target of targets) {
      if (target === undefined) continue;
      requireApart(target, taken, feeds);
      taken.push(target);
    }
    for (const target of taken) {
      const ranges = held.get(target.buffer);
      if (ranges === undefined) held.set(target.buffer, new Set([target]));
      else ranges.add(target);
    }
    return new ResultTargets(targets);
  }

  /**
   * The arrays to write, one an output.
   * @throws BitplaneError ERR_ARGUMENT for memory that was detached or shortened meanwhile
   */
  arrays(outputs: readonly Value[]): NodeJS.TypedArray[] {
    for (const target of this.targets) if (target !== undefined) requireWhole(target);
    return outputs.map(({ dtype, shape }, i) => {
      const target = this.targets[i];
      // Bits lie otherwise in native memory than in a tensor.
      return target === undefined || dtype === 'b1' ? resultArray(dtype, shape) : target.array;
    });
  }

  /** The result of one output, whose array has been written. */
  tensor(index: number, type: Value, written: NodeJS.TypedArray): Tensor {
    const target = this.targets[index];
    if (target === undefined) return resultTensor(type, written);
    const { memory, array } = target;
    const shape = type.shape as readonly number[];
    if (type.dtype === 'b1') (array as Uint8Array).set(unpackWords(written as Uint8Array, shape));
    return memory instanceof Tensor ? memory : new Tensor(type.dtype, array as never, shape);
  }

  /** The run has ended, or will not begin. */
  letGo(): void {
    for (const target of this.targets)
      if (target !== undefined) held.get(target.buffer)?.delete(target);
  }
}

/** @throws BitplaneError ERR_ARGUMENT where a result of this type does not fit */
function targetOf(name: string, memory: ResultMemory, type: Value): Target {
  const site = { op: OP, node: name };
  const { dtype } = type;
  const shape = type.shape as readonly number[];
  const wanted = `memory for ${dtype}${showShape(shape)}`;
  const isTensor = isTensorLike(memory);
  if (isTensor && memory.dtype !== dtype)
    throw expected('ERR_ARGUMENT', wanted, `dtype ${memory.dtype}`, site);
  if (isTensor && !sameShape(memory.shape, shape))
    throw expected('ERR_ARGUMENT', wanted, `shape ${showShape(memory.shape)}`, site);
  if (!isTensor && dtype === 'b1')
    throw expected('ERR_ARGUMENT', `a Tensor as ${wanted}`, memory, site);
  const array = isTensor ? memory.data : memory;
  if (!carries(dtype, array)) {
    const { name: kind } = DTYPES[dtype].array;
    throw expected('ERR_ARGUMENT', `a Tensor or ${kind} as ${wanted}`, array, site);
  }
  const length = dtype === 'b1' ? byteLength(dtype, elementCount(shape)) : elementCount(shape);
  if (array.length !== length)
    throw expected('ERR_ARGUMENT', `${length} elements as ${wanted}`, lengthOf(array), site);
  const { buffer, byteOffset: from } = array;
  const to = from + array.byteLength;
  return { name, memory, array, buffer, from, to };
}

/** @throws BitplaneError ERR_ARGUMENT where something else is to lie in the same bytes */
function requireApart(
  target: Target,
  others: readonly Target[],
  feeds: readonly NodeJS.TypedArray[],
): void {
  const site = { op: OP, node: target.name };
  const other = others.find((each) => overlap(target, each));
  if (other !== undefined)
    throw new BitplaneError(
      'ERR_ARGUMENT',
      `expected memory of its own but received memory that overlaps that of "${other.name}"`,
      site,
    );
  for (const { buffer, byteOffset: from, byteLength } of feeds)
    if (overlap(target, { buffer, from, to: from + byteLength }))
      throw new BitplaneError(
        'ERR_ARGUMENT',
        'expected memory of its own but received memory that overlaps a feed',
        site,
      );
  for (const range of held.get(target.buffer) ?? [])
    if (overlap(target, range))
      throw new BitplaneError(
        'ERR_ARGUMENT',
        'expected memory that no other run uses but received memory that one which has not ' +
          'ended will write',
        site,
      );
}

function requireWhole({ name, array, from, to }: Target): void {
  if (array.byteLength !== to - from)
    throw expected('ERR_ARGUMENT', 'memory that stays as it is during the run', lengthOf(array), {
      op: OP,
      node: name,
    });
}

function overlap(a: Range, b: Range): boolean {
  return a.buffer === b.buffer && a.from < b.to && b.from < a.to;
}

/** In words for an error: a length, or that there is no memory any more. */
function lengthOf(array: NodeJS.TypedArray): string | number {
  return array.length === 0 && array.buffer.byteLength === 0 ? 'a detached array' : array.length;
}
