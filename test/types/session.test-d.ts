/**
 * Code that must and must not compile when a session runs a graph that was built in code. Types
 * only: nothing here runs.
 */
import { expectTypeOf, test } from 'vitest';
import {
  type AnyTensor,
  Batcher,
  type CreateOptions,
  encodeOnnx,
  type Feeds,
  GraphBuilder,
  loadModel,
  type Metadata,
  nn,
  quant,
  type RunOptions,
  readNpy,
  Session,
  StateStore,
  saveModel,
  saveOnnx,
  Tensor,
  type TensorLike,
  train,
} from '../../src/index.js';

const g = new GraphBuilder();
const x = g.input('x', 'f32', ['N', 4]);
const graph = g.graph([x], { y: g.relu(x), bits: g.sign(x) });
const floats = new Float32Array(4);

test('a session of a graph built in code knows its feeds and results', async () => {
  const session = Session.fromGraph(graph);
  const results = await session.run({ x: floats });
  expectTypeOf(results).toEqualTypeOf<{ readonly y: Tensor<'f32'>; readonly bits: Tensor<'b1'> }>();
  await session.run({ x: new Tensor('f32', floats, [1, 4]) });
  // @ts-expect-error: a misspelt feed
  await session.run({ X: floats });
  // @ts-expect-error: a feed of another dtype
  await session.run({ x: new Int32Array(4) });
  // @ts-expect-error: a tensor of another dtype
  await session.run({ x: new Tensor('i32', new Int32Array(4), [1, 4]) });
  // @ts-expect-error: an output that the graph does not have
  results.z;
  // @ts-expect-error: no such instruction set
  Session.fromGraph(graph, { isa: 'sse' });
});

test('a session of a file takes any name', async () => {
  const session = await Session.create('model.onnx');
  expectTypeOf(session.run).parameter(0).toEqualTypeOf<Feeds>();
  const results = await session.run({ anything: floats });
  expectTypeOf(results.whatever).toEqualTypeOf<AnyTensor | undefined>();
  // @ts-expect-error: no tensor
  await session.run({ anything: 'text' });
});

test('the outputs that are chosen, and no others, are among the results', async () => {
  const session = Session.fromGraph(graph);
  const both = await session.run({ x: floats }, { signal: new AbortController().signal });
  expectTypeOf(both).toEqualTypeOf<{ readonly y: Tensor<'f32'>; readonly bits: Tensor<'b1'> }>();
  const listed = await session.run({ x: floats }, ['bits']);
  expectTypeOf(listed).toEqualTypeOf<{ readonly bits: Tensor<'b1'> }>();
  const mapped = await session.run(
    { x: floats },
    { y: null },
    { signal: new AbortController().signal },
  );
  expectTypeOf(mapped).toEqualTypeOf<{ readonly y: Tensor<'f32'> }>();
  const filled = await session.run({ x: floats }, { y: floats, bits: null });
  expectTypeOf(filled).toEqualTypeOf<{ readonly y: Tensor<'f32'>; readonly bits: Tensor<'b1'> }>();
  // @ts-expect-error: no memory
  await session.run({ x: floats }, { outputs: { y: 'text' } });
  const named = await session.run({ x: floats }, { outputs: ['y'] });
  expectTypeOf(named).toEqualTypeOf<{ readonly y: Tensor<'f32'> }>();
  const options: RunOptions<'y' | 'bits'> = {};
  expectTypeOf(await session.run({ x: floats }, options)).toEqualTypeOf<{
    readonly y?: Tensor<'f32'>;
    readonly bits?: Tensor<'b1'>;
  }>();
  // @ts-expect-error: an output that the graph does not have
  await session.run({ x: floats }, ['z']);
  // @ts-expect-error: an option that does not exist
  await session.run({ x: floats }, { sgnal: undefined });
  const ofFile = await (await Session.create('model.onnx')).run({ anything: floats }, ['logits']);
  expectTypeOf(ofFile.logits).toEqualTypeOf<AnyTensor>();
});

test('a tensor that came from another thread is taken, and has no methods', async () => {
  const sent: TensorLike<'f32'> = { dtype: 'f32', data: floats, shape: [1, 4] };
  await Session.fromGraph(graph).run({ x: sent });
  expectTypeOf(Tensor.from(sent)).toEqualTypeOf<Tensor<'f32'>>();
  // @ts-expect-error: methods stay behind
  sent.size;
  const bytes = { dtype: 'u8', data: new Uint8Array(4), shape: [1, 4] } as const;
  // @ts-expect-error: of another dtype
  await Session.fromGraph(graph).run({ x: bytes });
});
test('metadata are strings by name, read only', async () => {
  const graph = await loadModel('model.onnx');
  expectTypeOf(graph.metadata).toEqualTypeOf<Metadata | undefined>();
  expectTypeOf<Metadata>().toEqualTypeOf<Readonly<Record<string, string>>>();
  const session = Session.fromGraph({ ...graph, metadata: { author: 'Ada' } });
  expectTypeOf(session.metadata).toEqualTypeOf<Metadata>();
  // @ts-expect-error: a number is no string
  await saveModel({ ...graph, metadata: { year: 2026 } }, 'model.safetensors');
});

test('ONNX is written in one of two dialects, from any graph', async () => {
  expectTypeOf(encodeOnnx(graph, { dialect: 'qonnx' })).toEqualTypeOf<Uint8Array>();
  expectTypeOf(saveOnnx(graph, 'model.onnx')).toEqualTypeOf<Promise<void>>();
  // @ts-expect-error: no dialect
  encodeOnnx(graph, { dialect: 'tflite' });
});

test('states are held by a store, by any name', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4]);
  const w = g.state(new Tensor('f32', floats, [4]), { name: 'w' });
  const step = g.graph([x], { y: g.mul(x, w) }, { updates: { w: g.add(w, 1) } });
  const states = new StateStore(step);
  expectTypeOf(states.get('w')).toEqualTypeOf<Tensor>();
  expectTypeOf(states.names).toEqualTypeOf<readonly string[]>();
  states.set('w', { dtype: 'f32', data: floats, shape: [4] });
  const { y } = await Session.fromGraph(step, { states }).run({ x: floats });
  expectTypeOf(y).toEqualTypeOf<Tensor<'f32'>>();
  await Session.create('model.safetensors', { states });
  // @ts-expect-error: an update is a value
  g.graph([x], {}, { updates: { w: 3 } });
  // @ts-expect-error: tensors are no store
  Session.fromGraph(step, { states: { w: floats } });
});

test('the dtype of a result that may have any tells the type of its data', async () => {
  const { logits } = await (await Session.create('model.onnx')).run({ x: floats }, ['logits']);
  if (logits.dtype === 'f32') expectTypeOf(logits.data).toEqualTypeOf<Float32Array>();
  else if (logits.dtype === 'i32') expectTypeOf(logits.data).toEqualTypeOf<Int32Array>();
  const read = readNpy(new Uint8Array());
  if (read.dtype === 'u8') expectTypeOf(read.data).toEqualTypeOf<Uint8Array>();
  const one: Tensor = logits;
  expectTypeOf(one.slice(0, 1)).toEqualTypeOf<Tensor>();
  expectTypeOf(logits.argMax()).toEqualTypeOf<number>();
  expectTypeOf(logits.argMax(1)).toEqualTypeOf<Tensor<'i32'>>();
});

test('outputs that a session expects are typed, and no others', async () => {
  const session = await Session.create('model.onnx', { expect: { logits: 'f32', mask: 'b1' } });
  const results = await session.run({ anything: floats });
  expectTypeOf(results).toEqualTypeOf<{
    readonly logits: Tensor<'f32'>;
    readonly mask: Tensor<'b1'>;
  }>();
  // @ts-expect-error: an output that was not expected
  results.other;
  // @ts-expect-error: no such dtype
  await Session.create('model.onnx', { expect: { logits: 'float32' } });
  const some: Session = await Session.create('model.onnx', {} as CreateOptions);
  await new Batcher(session).run({ anything: floats });
  await some.run({ anything: floats });
});

test('options may be undefined, as a caller who passes on his own has them', async () => {
  const threads: number | undefined = undefined;
  await Session.create('model.onnx', { threads, isa: undefined, warm: undefined, task: undefined });
  Session.fromGraph(graph, { threads, programBytes: undefined, signal: undefined });
  quant.quantizeGraph(graph, { weights: 8, activations: undefined, ends: undefined });
  nn.conv2d({ filters: 1, kernel: 3, pads: undefined, weights: undefined });
  train.adam({ rate: undefined, decay: undefined });
});
