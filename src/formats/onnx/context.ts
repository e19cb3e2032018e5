/**
 * The importer of one op reads its node through this class: inputs, each checked to be of the
 * needed kind, attributes (./node-attributes.ts), and the values that it makes (./node-values.ts).
 * Not here: any op (./ops).
 */
import { type Integer, integerBounds, isInteger } from '../../core/dtype.js';
import { type Dim, showShape } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { ImportChoices } from './choices.js';
import { DataType, dataTypeOf, isFloatType, isSmallInteger, quantizedType } from './data-type.js';
import { type Item, kindOf } from './item.js';
import type { Known } from './known.js';
import { NodeValues } from './node-values.js';
import type { OnnxGraph, OnnxNode } from './proto.js';
import type { Scope } from './scope.js';
import { signsIn } from './tensor.js';

export class NodeContext extends NodeValues {
  /** The node moves elements, whatever they are: `value` gives truth values as their floats. */
  movesTruth = false;

  constructor(
    node: OnnxNode,
    /** The version of the standard operators. */
    readonly opset: number,
    scope: Scope,
    readonly choices: ImportChoices = {},
    /** Imports the nodes of a branch: the items of its outputs. */
    private readonly imported?: (graph: OnnxGraph) => readonly Item[],
  ) {
    super(node, scope);
  }

  /** The results of a branch of this node. */
  branch(attribute: string): readonly Item[] {
    if (this.imported === undefined) throw this.fail('ERR_UNSUPPORTED', 'no branches here');
    return this.imported(this.graph(attribute));
  }

  /** False for ops of another domain, whose versions count apart. */
  get isStandard(): boolean {
    return this.node.domain === '' || this.node.domain === 'ai.onnx';
  }

  get inputCount(): number {
    return this.node.inputs.length;
  }

  get outputCount(): number {
    return this.node.outputs.length;
  }

  has(index: number): boolean {
    return (this.node.inputs[index] ?? '') !== '';
  }

  item(index: number): Item {
    const name = this.node.inputs[index] ?? '';
    if (name === '')
      throw this.fail('ERR_FORMAT', `expected an input number ${index} but received none`);
    const item = this.scope.find(name);
    if (item === undefined)
      throw this.fail(
        'ERR_UNSUPPORTED',
        `its input "${name}" is an output that bitplane does not compute`,
      );
    return item;
  }

  /** A value; floats and quantized integers of the file become a constant. */
  value(index: number): Value {
    const item = this.item(index);
    if (item.kind === 'value') return item.value;
    if (item.kind === 'tensor') return this.scope.constant(item);
    if (item.kind === 'truth' && this.movesTruth) return item.value;
    const received = item.kind === 'truth' ? 'truth values, which a Cast makes floats' : 'integers';
    throw this.expected('ERR_DTYPE', `input ${index} to be float`, received);
  }

  /** A value of any kind: floats, truth values as floats, integers, known ones as i32. */
  data(index: number): Value {
    const item = this.item(index);
    if (item.kind === 'truth') return item.value;
    if (!this.isIntegers(index)) return this.value(index);
    if (item.kind === 'tensor' && quantizedType(item.tensor.dataType) !== undefined)
      return this.scope.constant(item, true);
    const { shape } = this.known(index);
    const numbers = this.numbers(index);
    const { lo, hi } = integerBounds('i32');
    const outside = numbers.find((number) => number < lo || number > hi);
    if (outside !== undefined)
      throw this.expected('ERR_UNSUPPORTED', `input ${index} to hold integers of 32 bits`, outside);
    this.reserve(numbers.length * Int32Array.BYTES_PER_ELEMENT);
    return this.integerConstant('i32', Int32Array.from(numbers), shape, `/integers_${index}`);
  }

  /** True where an input is truth values that a run computes. */
  get hasTruth(): boolean {
    return this.node.inputs.some((name) => this.scope.find(name)?.kind === 'truth');
  }

  /** TensorProto.DataType of an input, the usual one where several are alike here. */
  elementTypeOf(index: number): number {
    const item = this.item(index);
    if (item.kind === 'tensor') return item.tensor.dataType;
    if (item.kind === 'dims') return DataType.INT64;
    if (item.kind === 'truth') return DataType.BOOL;
    const { dtype } = item.value;
    return (isInteger(dtype) ? dataTypeOf(dtype) : DataType.FLOAT) ?? DataType.INT32;
  }

  /** Truth values that a run computes, or known ones, as floats 0 and 1. */
  truth(index: number): Value {
    const item = this.item(index);
    if (item.kind === 'truth') return item.value;
    if (this.isIntegers(index))
      return this.floats(
        this.known(index).entries.length,
        () => this.numbers(index).map((number) => (number === 0 ? 0 : 1)),
        this.known(index).shape,
      );
    throw this.expected('ERR_DTYPE', `input ${index} to be truth values`, kindOf(item));
  }

  /** A float value; integers of the file become floats. */
  real(index: number): Value {
    const item = this.item(index);
    if (item.kind === 'truth') return item.value;
    if (item.kind === 'value' || (item.kind === 'tensor' && isFloatType(item.tensor.dataType)))
      return this.value(index);
    const { data, shape } =
      item.kind === 'tensor'
        ? this.scope.decode(item)
        : { data: this.numbers(index), shape: item.shape };
    return this.floats(data.length, () => data, shape);
  }

  /** Integers in the dtype that holds them, and their data type where the file says it. */
  quantized(index: number): { readonly value: Value<Integer>; readonly dataType?: number } {
    const item = this.item(index);
    const value =
      item.kind === 'tensor' && quantizedType(item.tensor.dataType) !== undefined
        ? this.scope.constant(item, true)
        : this.value(index);
    const dtype = value.dtype;
    if (!isInteger(dtype))
      throw this.expected('ERR_DTYPE', `input ${index} to be quantized integers`, dtype);
    const dataType = item.kind === 'tensor' ? item.tensor.dataType : dataTypeOf(dtype);
    return { value: value as Value<Integer>, ...(dataType !== undefined && { dataType }) };
  }

  /** The data type of integers; undefined for floats, and for i32, which holds several types. */
  dataTypeAt(index: number): number | undefined {
    const item = this.item(index);
    if (item.kind === 'tensor')
      return this.scope.decode(item).kind === 'int' ? item.tensor.dataType : undefined;
    if (item.kind === 'dims') return DataType.INT64;
    if (item.kind === 'truth') return DataType.BOOL;
    return isInteger(item.value.dtype) ? dataTypeOf(item.value.dtype) : undefined;
  }

  /** True for integers known at import that may be a shape. */
  isIntegers(index: number): boolean {
    const item = this.item(index);
    return (
      item.kind === 'dims' ||
      (item.kind === 'tensor' &&
        this.scope.decode(item).kind === 'int' &&
        !isSmallInteger(item.tensor.dataType))
    );
  }

  /** A vector of integers known at import, symbols among them, or a scalar of one. */
  dims(index: number): { entries: readonly Dim[]; scalar: boolean } {
    const { entries, shape } = this.known(index);
    if (shape.length > 1)
      throw this.expected(
        'ERR_UNSUPPORTED',
        `input ${index} to be a vector of integers known at import`,
        `a tensor of shape ${showShape(shape)}`,
      );
    return { entries, scalar: shape.length === 0 };
  }

  /** Integers known at import, of any shape. */
  known(index: number): Known {
    const item = this.item(index);
    if (item.kind === 'dims') return item;
    if (item.kind === 'tensor') {
      const { kind, data, shape } = this.scope.decode(item);
      if (kind === 'int') return { entries: Array.isArray(data) ? data : Array.from(data), shape };
    }
    throw this.expected(
      'ERR_UNSUPPORTED',
      `input ${index} to be a vector of integers known at import`,
      kindOf(item),
    );
  }

  /**
   * Integers known at import, without symbols. Only `bounds` may be infinite (./wire-reader.ts).
   */
  ints(index: number, bounds = false): number[] {
    this.dims(index);
    return this.numbers(index, bounds);
  }

  /** The same of any shape, in row-major order. */
  numbers(index: number, bounds = false): number[] {
    return this.known(index).entries.map((entry) => {
      if (
        typeof entry === 'number' &&
        (Number.isSafeInteger(entry) || (bounds && !Number.isNaN(entry)))
      )
        return entry;
      throw this.expected(
        'ERR_UNSUPPORTED',
        `input ${index} to hold integers of up to 53 bits known at import`,
        entry,
      );
    });
  }

  /** The floats of a constant input. */
  realNumbers(index: number): number[] {
    const item = this.item(index);
    if (item.kind === 'tensor') return Array.from(this.scope.decode(item).data);
    if (item.kind === 'value' && item.value.op === 'constant' && item.value.dtype === 'f32')
      return Array.from((item.value.data as Tensor<'f32'>).data);
    throw this.expected('ERR_UNSUPPORTED', `input ${index} to be constant floats`, kindOf(item));
  }

  /** True for a constant input of one number, which `number` gives. */
  isNumber(index: number): boolean {
    const item = this.item(index);
    if (item.kind === 'dims') return item.entries.length === 1;
    if (item.kind === 'tensor') return this.scope.decode(item).data.length === 1;
    return item.value.op === 'constant' && item.value.data?.size === 1;
  }

  /** The one number of a constant input, of whatever type. */
  number(index: number): number {
    const item = this.item(index);
    let data: ArrayLike<unknown> = [];
    if (item.kind === 'dims') data = item.entries;
    else if (item.kind === 'tensor') data = this.scope.decode(item).data;
    else if (item.value.op === 'constant') data = item.value.data?.data ?? [];
    if (data.length !== 1 || typeof data[0] !== 'number')
      throw this.expected(
        'ERR_UNSUPPORTED',
        `input ${index} to be one constant number`,
        kindOf(item),
      );
    return data[0];
  }

  /** A list that older operator sets keep in an attribute and newer ones in an input. */
  listAt(attribute: string, index: number, bounds = false): number[] | undefined {
    return (
      this.intList(attribute, bounds) ?? (this.has(index) ? this.ints(index, bounds) : undefined)
    );
  }

  /** sign(x) of a float input; that of known floats is a constant. */
  signs(index: number): Value {
    const item = this.item(index);
    const known = item.kind === 'tensor' ? signsIn(item.tensor, item.name) : undefined;
    return known === undefined ? this.make('sign', [this.value(index)], {}) : this.made(known, '');
  }

  /** The shape of an input, whatever it is. */
  shapeOf(index: number): readonly Dim[] {
    const item = this.item(index);
    if (item.kind === 'value' || item.kind === 'truth') return item.value.shape;
    if (item.kind === 'tensor') return this.scope.decode(item).shape;
    return item.shape;
  }
}

/** The importer of an op: the item of its first output, or of all of them. */
export type Importer = (context: NodeContext) => Item | readonly Item[] | Value;
