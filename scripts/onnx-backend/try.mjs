/**
 * One test of onnx: a model, its inputs and the outputs that it must give. Bundled by
 * ../onnx-backend.mjs. Not here: which tests there are.
 *
 * The tests feed every operand, even a shape to reshape to, which no exported network does.
 * bitplane makes its plan of the sizes when it reads a file: what decides a size must be in the
 * file. So a model that is refused is read again with integers and truth values as constants, then
 * with all inputs but the first; `constants` says so.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DTYPES } from '../../src/core/dtype.ts';
import { BitplaneError } from '../../src/core/errors.ts';
import { importOnnx } from '../../src/formats/onnx/import.ts';
import { readModel } from '../../src/formats/onnx/proto.ts';
import { decodeTensor } from '../../src/formats/onnx/tensor.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { field, joined, withField } from './protobuf.mjs';

const [RTOL, ATOL] = [1e-3, 1e-7];
/** TensorProto.DataType of floats, and of what decides sizes. */
const FLOATS = new Set([1, 10, 11, 16]);
const DECIDING = new Set([6, 7, 9]);

/** @returns { outcome: 'passed', 'failed' or 'skipped'; reason; ops; types; constants; asFed }:
 * which operands were constants, and why others were not enough */
export async function attempt(folder) {
  const bytes = readFileSync(join(folder, 'model.onnx'));
  const about = { ops: [], types: [], constants: 'none' };
  let read;
  try {
    read = readTest(folder, bytes);
  } catch (error) {
    if (!(error instanceof BitplaneError)) throw error;
    return { ...about, ops: [{ domain: '', op: '?' }], outcome: 'skipped', reason: error.message };
  }
  const { model, inputs, outputs } = read;
  about.ops = model.graph.nodes.map(({ domain, opType }) => ({ domain, op: opType }));
  about.types = [...model.graph.inputs, ...model.graph.outputs].map((info) => info.elementType);
  const tries = [
    [],
    inputs.filter(({ type }) => DECIDING.has(type)),
    inputs.filter((_, i) => i > 0),
    inputs,
  ];
  let [first, last] = [];
  for (const known of tries) {
    const done = await outcomeOf(bytes, inputs, outputs, known);
    const constants = known.length === 0 ? 'none' : known.length === inputs.length ? 'all' : 'some';
    if (done.outcome !== 'skipped') return { ...about, ...done, constants, asFed: first?.reason };
    first ??= done;
    last = done;
  }
  return { ...about, ...last };
}

function readTest(folder, bytes) {
  const model = readModel(bytes);
  const data = join(folder, 'test_data_set_0');
  const tensors = (kind, infos) =>
    infos.flatMap(({ name, elementType }, i) => {
      const path = join(data, `${kind}_${i}.pb`);
      return existsSync(path) ? [{ name, type: elementType, bytes: readFileSync(path) }] : [];
    });
  return {
    model,
    inputs: tensors('input', model.graph.inputs),
    outputs: tensors('output', model.graph.outputs),
  };
}

async function outcomeOf(bytes, inputs, outputs, known) {
  let session;
  try {
    const graph = importOnnx(withKnown(bytes, known), { rebatch: false });
    session = GraphSession.fromGraph(graph);
    const feeds = Object.fromEntries(
      graph.inputs.map((input) => [input.name, feedOf(input, inputs)]),
    );
    const results = await session.run(feeds);
    const wrong = outputs
      .map((output) => difference(output, results[output.name]))
      .find((sentence) => sentence !== undefined);
    return wrong === undefined ? { outcome: 'passed' } : { outcome: 'failed', reason: wrong };
  } catch (error) {
    if (error instanceof BitplaneError) return { outcome: 'skipped', reason: general(error) };
    return { outcome: 'failed', reason: String(error?.stack ?? error).slice(0, 300) };
  } finally {
    await session?.release();
  }
}

/** The sentence of an error without the name of the node. */
function general({ code, message }) {
  return `${code} ${message.replace(/"[^"]*": /, '')}`;
}

/** The model with these inputs as initializers. */
function withKnown(bytes, known) {
  if (known.length === 0) return bytes;
  const initializers = known.map((input) =>
    field(5, joined([input.bytes, field(8, new TextEncoder().encode(input.name))])),
  );
  return withField(bytes, 7, (graph) => joined([graph, ...initializers]));
}

function feedOf(input, inputs) {
  const { data, shape } = decoded(inputs.find(({ name }) => name === input.name));
  const { array, bits } = DTYPES[input.dtype];
  const values = array.from(data);
  if (input.dtype !== 'f32' && values.some((value, i) => value !== Number(data[i])))
    throw new BitplaneError('ERR_FEED', `expected integers of ${bits} bits`);
  return new Tensor(input.dtype, values, shape);
}

/** Numbers of any type that a test has. */
function decoded({ bytes }) {
  const holder = field(7, field(5, bytes));
  return decodeTensor(readModel(holder).graph.initializers[0]);
}

/** Why a result is not the expected one, or undefined. */
function difference(output, result) {
  const { data, shape } = decoded(output);
  if (result === undefined) return 'an output is missing';
  if (shape.join() !== result.shape.join())
    return `expected the shape [${shape}] but received [${result.shape}]`;
  const isFloat = FLOATS.has(output.type);
  if (isFloat !== (result.dtype === 'f32'))
    return `expected ${isFloat ? 'floats' : 'integers'} but received ${result.dtype}`;
  const at = Array.from(data).findIndex((value, i) => !agree(value, result.data[i], isFloat));
  return at < 0 ? undefined : `expected ${data[at]} but received ${result.data[at]}`;
}

function agree(expected, received, isFloat) {
  if (Object.is(expected, received) || expected === received) return true;
  if (!isFloat) return false;
  if (Number.isNaN(expected)) return Number.isNaN(received);
  return Math.abs(expected - received) <= ATOL + RTOL * Math.abs(expected);
}
