/**
 * What must and must not compile when a session runs a graph that was built in code. Types only: nothing here runs.
 */
import { expectTypeOf, test } from 'vitest';
import { type Feeds, GraphBuilder, loadModel, type Metadata, Session, saveModel, Tensor } from '../../src/index.js';

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
  expectTypeOf(results.whatever).toEqualTypeOf<Tensor | undefined>();
  // @ts-expect-error: no tensor
  await session.run({ anything: 'text' });
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
