/**
 * The attributes of a node, each checked to be of the needed kind, and errors that name the node.
 * Not here: its inputs, and what is made of it (./context.ts).
 */
import { BitplaneError, type ErrorCode, type ErrorSite, expected } from '../../core/errors.js';
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor } from './proto.js';

/** The attribute types of AttributeProto that are read here. */
const KIND = {
  float: 1,
  int: 2,
  text: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  texts: 8,
} as const;

export class NodeAttributes {
  /** The ONNX node's name, or that of its first named output. */
  readonly name: string;

  constructor(protected readonly node: OnnxNode) {
    this.name = node.name || node.outputs.find((output) => output !== '') || node.opType;
  }

  fail(code: ErrorCode, sentence: string): BitplaneError {
    return new BitplaneError(code, sentence, this.site);
  }

  expected(code: ErrorCode, what: string, received: unknown): BitplaneError {
    return expected(code, what, received, this.site);
  }

  protected get site(): ErrorSite {
    return { op: this.node.opType, node: this.name };
  }

  int(name: string, otherwise?: number): number {
    const attribute = this.attribute(name, KIND.int, otherwise !== undefined);
    if (attribute === undefined) return otherwise as number;
    if (!Number.isSafeInteger(attribute.int))
      throw this.expected('ERR_FORMAT', `${name} to be an integer of up to 53 bits`, attribute.int);
    return attribute.int;
  }

  float(name: string, otherwise?: number): number {
    return (
      this.attribute(name, KIND.float, otherwise !== undefined)?.float ?? (otherwise as number)
    );
  }

  text(name: string, otherwise: string): string {
    return this.attribute(name, KIND.text, true)?.text ?? otherwise;
  }

  /** An attribute of integers, or undefined. Only `bounds` may be infinite. */
  intList(name: string, bounds = false): number[] | undefined {
    const attribute = this.attribute(name, KIND.ints, true);
    if (attribute === undefined) return undefined;
    if (!bounds && !attribute.ints.every(Number.isSafeInteger))
      throw this.expected(
        'ERR_FORMAT',
        `${name} to hold integers of up to 53 bits`,
        attribute.ints,
      );
    return [...attribute.ints];
  }

  floatList(name: string): number[] | undefined {
    return this.attribute(name, KIND.floats, true)?.floats;
  }

  tensor(name: string): OnnxTensor | undefined {
    return this.attribute(name, KIND.tensor, true)?.tensor;
  }

  texts(name: string): readonly string[] | undefined {
    return this.attribute(name, KIND.texts, true)?.texts;
  }

  protected graph(name: string): OnnxGraph {
    const graph = this.attribute(name, KIND.graph, false)?.graph;
    if (graph === undefined) throw this.expected('ERR_FORMAT', `${name} to be a graph`, 'none');
    return graph;
  }

  hasAttribute(name: string): boolean {
    return this.node.attributes.has(name);
  }

  private attribute(name: string, kind: number, optional: boolean): OnnxAttribute | undefined {
    const attribute = this.node.attributes.get(name);
    if (attribute === undefined) {
      if (optional) return undefined;
      throw this.expected('ERR_FORMAT', `an attribute ${name}`, 'none');
    }
    if (attribute.type !== 0 && attribute.type !== kind)
      throw this.expected(
        'ERR_FORMAT',
        `${name} to be an attribute of type ${kind}`,
        attribute.type,
      );
    return attribute;
  }
}
