/** What diagnostics_channel tells of sessions, and what they print of themselves. */
import { tracingChannel } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { Session } from '../../src/formats/session.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { temporaryFolder } from '../data/fixtures.js';

type Message = Readonly<Record<string, unknown>>;

/** Every message of a channel while a test runs, as `kind` and a copy of what it says then. */
function listen(name: string): (readonly [kind: string, message: Message])[] {
  const heard: (readonly [string, Message])[] = [];
  const kinds = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
  const subscribers = Object.fromEntries(
    kinds.map((kind) => [kind, (message: object) => heard.push([kind, { ...message }])]),
  );
  const channel = tracingChannel(name);
  channel.subscribe(subscribers as never);
  onTestFinished(() => void channel.unsubscribe(subscribers as never));
  return heard;
}

async function modelFile(): Promise<string> {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4]);
  const path = join(temporaryFolder(), 'relu.safetensors');
  await saveModel(g.graph([x], { y: g.relu(x) }), path);
  return path;
}

test('create, compile and run are told with their times and results', async () => {
  const [created, compiled, ran] = ['create', 'compile', 'run'].map((name) =>
    listen(`bitplane:${name}`),
  ) as [ReturnType<typeof listen>, ReturnType<typeof listen>, ReturnType<typeof listen>];
  const path = await modelFile();
  const session = await Session.create(path, { threads: 1 });
  expect(created.map(([kind]) => kind)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
  expect(created[0]?.[1]).toEqual({ model: path });
  expect(created[3]?.[1]).toMatchObject({ model: path, result: session, ms: expect.any(Number) });
  expect(compiled).toEqual([
    ['start', { model: path, sizes: { N: 1 }, threads: 1 }],
    ['end', { model: path, sizes: { N: 1 }, threads: 1, ms: expect.any(Number) }],
  ]);

  const feeds = { x: new Float32Array(8) };
  const results = await session.run(feeds);
  expect(ran.map(([kind]) => kind)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
  expect(ran[0]?.[1]).toEqual({ session, model: path, feeds });
  expect(ran[3]?.[1]).toEqual({
    session,
    model: path,
    feeds,
    result: results,
    ms: expect.any(Number),
  });
  expect(compiled.at(-1)?.[1]).toMatchObject({ sizes: { N: 2 } });
  await session.release();
});

test('failures are told, and reach the caller as ever', async () => {
  const ran = listen('bitplane:run');
  const created = listen('bitplane:create');
  await expect(Session.create('/nowhere/model.onnx')).rejects.toMatchObject({ code: 'ERR_IO' });
  expect(created.find(([kind]) => kind === 'error')?.[1]).toMatchObject({
    model: '/nowhere/model.onnx',
    error: expect.objectContaining({ code: 'ERR_IO' }),
  });
  const session = await Session.create(await modelFile());
  await expect(session.run({ z: new Float32Array(4) })).rejects.toMatchObject({ code: 'ERR_FEED' });
  expect(ran.map(([kind]) => kind)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
  expect(ran[2]?.[1]).toMatchObject({ error: { code: 'ERR_FEED' }, ms: expect.any(Number) });
  await session.release();
});

test('info and the console say what a session runs, and on what', async () => {
  const path = await modelFile();
  const session = await Session.create(path, { threads: 2, isa: 'scalar' });
  expect(session.info).toMatchObject({
    model: path,
    inputs: [{ name: 'x', dtype: 'f32', shape: ['N', 4] }],
    outputs: [{ name: 'y', dtype: 'f32', shape: ['N', 4] }],
    isa: 'scalar',
    threads: 2,
  });
  const text = inspect(session, { breakLength: Number.POSITIVE_INFINITY });
  const parts = [
    /^Session \{ model: '.*relu\.safetensors'/,
    /inputs: \[ 'x f32\[N, 4\]' \], outputs: \[ 'y f32\[N, 4\]' \]/,
    /isa: 'scalar', threads: 2, memory: '.* of packed weights, .* of 1 program' \}$/,
  ];
  for (const part of parts) expect(text).toMatch(part);
  expect(inspect({ a: { session } }, { depth: 0 })).toBe('{ a: [Object] }');
  expect(inspect({ session }, { depth: 0 })).toBe('{ session: [Session] }');
  expect(JSON.stringify(session)).toBe(JSON.stringify(session.info));
  await session.release();
  expect(inspect(session)).toContain('released: true');
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1]);
  const made = Session.fromGraph(g.graph([x], { y: g.relu(x) }));
  expect(made.info.model).toBe(undefined);
  expect(inspect(made)).toContain('model: undefined');
  await made.release();
});
