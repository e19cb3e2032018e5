/**
 * Graphs as ONNX files, plain or in the dialect of QONNX. Operator set 13; 21 where integers of 4
 * bits lie in the file, scales differ by block, an average pooling is dilated, or integers are
 * computed bit by bit. Inputs, outputs
 * and metadata keep their names; inputs and outputs their order of axes. States are written as what
 * they begin with. Not here: reading (./import.ts), the nodes of ops (./export/writers).
 */
import { requireOneOf, requireOptions } from '../../core/checks.js';
import type { DType } from '../../core/dtype.js';
import { BitplaneError, expected } from '../../core/errors.js';
import {
  type Graph,
  type Metadata,
  outputsOf,
  topological,
  uses,
  type Value,
} from '../../graph/value.js';
import { verify } from '../../ops/verify.js';
import { writeFileAtomic } from '../write-file.js';
import { DataType, dataTypeOf } from './data-type.js';
import { DIALECTS, type Dialect } from './dialects.js';
import { Emission, QONNX_DOMAIN } from './export/emission.js';
import { encodeModel, type NewModel, type NewNode } from './export/encode.js';
import { baseOf } from './export/order.js';
import {
  constantIntegersOf,
  dequantizeOf,
  fakeOf,
  isBlocked,
  isZero,
  quantizeOf,
} from './export/patterns.js';
import { computedType, isHalfByte } from './export/payload.js';
import { raisedWeights } from './export/saturation.js';
import { UNWRITTEN, WRITERS } from './export/writers/index.js';
import {
  type IntegerProduct,
  integerProductOf,
  writeIntegerProduct,
} from './export/writers/integers.js';
import { isBitwise } from './export/writers/places.js';
import { biasOf, writeBiased } from './export/writers/products.js';
import {
  canFake,
  isOnDemand,
  typeFor,
  writeDequantize,
  writeFake,
  writeOnDemand,
  writeQuantize,
} from './export/writers/quantize.js';
import { isDilated } from './export/writers/windows.js';

/** How a graph is written as ONNX. */
export interface ExportOptions {
  /** See DIALECTS; 'onnx' by default. */
  readonly dialect?: Dialect | undefined;
}

/** Fields of a file's header that describe the model and not the file. */
const HEADER = ['domain', 'model_version', 'doc_string', 'graph_name'];

/**
 * A graph as the bytes of an ONNX file, or a QONNX one; quantization leaves as QDQ.
 * @throws BitplaneError ERR_UNSUPPORTED naming a node, input or output that ONNX has no form for,
 * ERR_GRAPH, ERR_ARGUMENT
 */
export function encodeOnnx(graph: Graph, options: ExportOptions = {}): Uint8Array {
  const site = { op: 'onnx' };
  requireOptions(options, { dialect: true }, site);
  const { dialect = 'onnx' } = options;
  requireOneOf(dialect, DIALECTS, 'dialect', site);
  verify(graph);
  return encodeModel(new Exporter(graph, dialect).run());
}

/** Writes the file whole or not at all. @throws BitplaneError as encodeOnnx does, ERR_IO */
export async function saveOnnx(
  graph: Graph,
  path: string | URL,
  options: ExportOptions = {},
): Promise<void> {
  await writeFileAtomic(path, encodeOnnx(graph, options));
}

/** How a value is written, and what has to be written before. */
interface Plan {
  readonly needs: readonly Value[];
  write(): void;
}

class Exporter {
  private readonly emission: Emission;
  private readonly reads: ReadonlyMap<Value, number>;

  constructor(
    private readonly graph: Graph,
    dialect: Dialect,
  ) {
    if (Object.keys(graph.updates ?? {}).length > 0)
      throw new BitplaneError('ERR_UNSUPPORTED', 'ONNX has no states that a run updates', {
        op: 'state',
        node: Object.keys(graph.updates ?? {})[0],
      });
    const order = topological(graph);
    this.reads = uses(graph);
    const opset = opsetOf(order, dialect);
    const taken = new Set(Object.keys(graph.outputs));
    const raised = dialect === 'onnx' ? raisedWeights(order) : new Set<Value>();
    this.emission = new Emission(dialect, opset, taken, raised, writeOnDemand);
    for (const input of graph.inputs) this.declare(input, taken);
  }

  run(): NewModel {
    const { emission, graph } = this;
    for (const [, value] of outputsOf(graph)) this.writeAll(value);
    const { nodes, outputs } = this.named();
    const metadata = graph.metadata ?? {};
    const field = (name: string) => metadata[`onnx.${name}`] ?? '';
    const isQonnx = nodes.some(({ domain }) => domain === QONNX_DOMAIN);
    return {
      irVersion: emission.opset < 21 ? 8 : 10,
      opsets: [['', emission.opset], ...(isQonnx ? ([[QONNX_DOMAIN, 1]] as const) : [])],
      graphName: field('graph_name') || 'graph',
      header: {
        domain: field('domain'),
        modelVersion: Number(field('model_version')) || 0,
        docString: field('doc_string'),
      },
      properties: propertiesOf(metadata),
      nodes,
      initializers: emission.initializers,
      inputs: graph.inputs.map((input) => ({
        name: input.name,
        dataType: interfaceType(input.dtype, 'input', input.name),
        shape: input.shape,
      })),
      outputs,
    };
  }

  private declare(input: Value, taken: Set<string>): void {
    const own = this.graph.outputs[input.name];
    if (own !== undefined && own !== input)
      throw expected('ERR_UNSUPPORTED', 'an output of another name than every input', input.name, {
        op: 'output',
        node: input.name,
      });
    taken.add(input.name);
    this.emission.holdInput(input, interfaceType(input.dtype, 'input', input.name));
  }

  /** Writes a value after everything that it needs. By hand: graphs may be deep. */
  private writeAll(output: Value): void {
    const stack: { value: Value; plan: Plan; next: number }[] = [];
    const visit = (value: Value) => {
      const base = baseOf(value).value;
      if (this.emission.orderOf(base) === undefined && !isOnDemand(base))
        stack.push({ value: base, plan: this.planOf(base), next: 0 });
    };
    visit(output);
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as (typeof stack)[number];
      const need = top.plan.needs[top.next++];
      if (need !== undefined) visit(need);
      else {
        stack.pop();
        if (this.emission.orderOf(top.value) === undefined) top.plan.write();
      }
    }
  }

  private planOf(value: Value): Plan {
    const { emission } = this;
    const fake = fakeOf(value);
    if (fake !== undefined && canFake(emission, fake))
      return { needs: [fake.x], write: () => writeFake(emission, value, fake) };
    const quantize = quantizeOf(value);
    if (quantize !== undefined)
      return {
        needs: [quantize.x],
        write: () => writeQuantize(emission, value, quantize),
      };
    const dequantize = dequantizeOf(value);
    if (dequantize !== undefined)
      return { needs: [dequantize.q], write: () => writeDequantize(emission, value, dequantize) };
    const integers = this.integersOf(value);
    if (integers !== undefined)
      return {
        needs: [integers.x.q, integers.w.q],
        write: () => writeIntegerProduct(emission, value, integers),
      };
    const biased = biasOf(value);
    const isFloat = biased !== undefined && this.integersOf(biased.product) === undefined;
    if (isFloat && this.reads.get(biased.product) === 1) {
      const { product, bias } = biased;
      return { needs: product.inputs, write: () => writeBiased(emission, value, product, bias) };
    }
    const writer = WRITERS.get(value.op);
    if (writer === undefined)
      throw emission.fail(value, UNWRITTEN.get(value.op) ?? 'ONNX has no such op');
    return { needs: value.inputs, write: () => writer(emission, value) };
  }

  /** The operands of a product that ONNX's own dialect has for integers. */
  private integersOf(value: Value): IntegerProduct | undefined {
    return this.emission.dialect === 'onnx' ? integerProductOf(value) : undefined;
  }

  /** The nodes, where those that compute outputs have the outputs' names. */
  private named(): { nodes: NewNode[]; outputs: NewModel['outputs'] } {
    const { emission } = this;
    const producers = new Set(emission.nodes.flatMap(({ outputs }) => outputs));
    const renamed = new Map<string, string>();
    const outputs = outputsOf(this.graph).map(([name, value]) => {
      const dataType = interfaceType(value.dtype, 'output', name);
      const held = emission.plain(value);
      const tensor = emission.cast(held, emission.dataTypeOf(value), dataType, value);
      const isNew = !producers.has(tensor) && emission.nodes.at(-1)?.outputs[0] === tensor;
      if (tensor !== name) {
        if ((producers.has(tensor) || isNew) && !renamed.has(tensor)) renamed.set(tensor, name);
        else
          emission.nodes.push({
            op: 'Identity',
            name,
            domain: '',
            inputs: [tensor],
            outputs: [name],
            attributes: {},
          });
      }
      return { name, dataType, shape: value.shape };
    });
    const own = (name: string) => renamed.get(name) ?? name;
    const nodes = emission.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(own),
      outputs: node.outputs.map(own),
    }));
    return { nodes, outputs };
  }
}

/**
 * Operator set 21 has blocks, dilated averages, arithmetic of bits, and constants of 4 bits.
 * onnxruntime's optimizer refuses the zero points of INT8 activations there: constants of 4 bits
 * are then written as 8.
 */
function opsetOf(order: readonly Value[], dialect: Dialect): number {
  const mustBeNew = order.some((value) => {
    const weights = constantIntegersOf(value);
    return isDilated(value) || isBitwise(value) || (weights !== undefined && isBlocked(weights));
  });
  const isSmaller = order.some(({ data, dtype }) => data !== undefined && isHalfByte(dtype));
  const canBeNew = dialect === 'qonnx' || !order.some(hasSignedPoint);
  return mustBeNew || (isSmaller && canBeNew) ? 21 : 13;
}

/** INT8 activations with a zero point. */
function hasSignedPoint(value: Value): boolean {
  const fake = fakeOf(value);
  if (fake !== undefined && typeFor(fake.lo, fake.hi) === DataType.INT8 && !isZero(fake.zero))
    return true;
  const found = dequantizeOf(value);
  return (
    found !== undefined &&
    found.q.op !== 'constant' &&
    computedType(found.q.dtype) === DataType.INT8 &&
    !isZero(found.zero)
  );
}

/** @throws BitplaneError ERR_UNSUPPORTED for dtypes that no ONNX type is */
function interfaceType(dtype: DType, op: 'input' | 'output', node: string): number {
  if (dtype === 'f32') return DataType.FLOAT;
  if (dtype === 'i32') return DataType.INT32;
  const found = dtype === 'b1' || isHalfByte(dtype) ? undefined : dataTypeOf(dtype);
  if (found !== undefined) return found;
  throw expected('ERR_UNSUPPORTED', 'a dtype of f32, i32, i8 or u8, as ONNX has it', dtype, {
    op,
    node,
  });
}

/** Without the fields of the header, which a reader finds there again. */
function propertiesOf(metadata: Metadata): [string, string][] {
  const file = ['producer_name', 'producer_version', 'ir_version', 'opset'];
  const dropped = new Set([...HEADER, ...file].map((name) => `onnx.${name}`));
  return Object.entries(metadata).filter(([name]) => !dropped.has(name));
}
