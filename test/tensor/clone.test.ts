/**
 * Tensors between threads: structured clone keeps no class, and every function takes the plain form
 * that arrives.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  GraphBuilder,
  nn,
  readNpy,
  readTensors,
  Session,
  saveModel,
  Tensor,
  type TensorLike,
  writeNpy,
  writeTensors,
  zoo,
} from '../../src/index.js';
import { failureOf } from '../runtime/failure.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clones-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The value that arrives at the other end of a channel. */
function sent<T>(value: T, transfer: ArrayBuffer[] = []): TensorLike {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(value, transfer);
  const message = receiveMessageOnPort(port2)?.message;
  port1.close();
  return message;
}

const TENSORS: Tensor[] = [
  new Tensor('f32', Float32Array.of(1, -2, 3, 4, -5, 6), [2, 3]),
  new Tensor('i32', Int32Array.of(1, -2), [2]),
  new Tensor('i8', Int8Array.of(-1), []),
  new Tensor('u8', new Uint8Array(0), [0, 4]),
  new Tensor('b1', Uint8Array.of(0b101), [3]),
];

describe.each(TENSORS.map((tensor) => [tensor.dtype, tensor] as const))(
  'a tensor of %s',
  (_, tensor) => {
    test('arrives as a copy in its plain form', () => {
      const found = sent(tensor);
      expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
      expect(found).toEqual({ dtype: tensor.dtype, data: tensor.data, shape: tensor.shape });
      expect(found).not.toBeInstanceOf(Tensor);
      const again = Tensor.from(found);
      expect(again).toBeInstanceOf(Tensor);
      expect(again).toEqual(tensor);
      expect(again.size).toBe(tensor.size);
      expect(again.data).toBe(found.data);
    });

    test('arrives by transfer of its buffer, which is then detached here', () => {
      const copy = new Tensor(tensor.dtype, tensor.data.slice() as never, tensor.shape);
      const found = sent(copy, [copy.data.buffer as ArrayBuffer]);
      expect(copy.data.length).toBe(0);
      expect(Tensor.from(found)).toEqual(tensor);
      // And back.
      const back = sent(found, [found.data.buffer as ArrayBuffer]);
      expect(found.data.length).toBe(0);
      expect(Tensor.from(back)).toEqual(tensor);
    });
  },
);

test('Tensor.from returns a Tensor as it is, and refuses any other value', () => {
  const [tensor] = TENSORS as [Tensor];
  expect(Tensor.from(tensor)).toBe(tensor);
  for (const [value, code] of [
    [null, 'ERR_ARGUMENT'],
    [1, 'ERR_ARGUMENT'],
    [{}, 'ERR_DTYPE'],
    [{ dtype: 'f64', data: new Float64Array(1), shape: [1] }, 'ERR_DTYPE'],
    [{ dtype: 'f32', data: [1], shape: [1] }, 'ERR_DTYPE'],
    [{ dtype: 'f32', data: new Float32Array(1), shape: [2] }, 'ERR_SHAPE'],
    [{ dtype: 'f32', data: new Float32Array(1), shape: '1' }, 'ERR_SHAPE'],
  ] as const)
    expect(() => Tensor.from(value as never)).toThrow(expect.objectContaining({ code: code }));
});

describe('the plain form is a tensor to', () => {
  const data = Float32Array.of(1, -2, 3);
  const plain = () => sent(new Tensor('f32', data.slice(), [1, 3])) as TensorLike<'f32'>;

  test('run, bits included', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 3]);
    const bits = g.input('bits', 'b1', ['N', 3]);
    const session = Session.fromGraph(
      g.graph([x, bits], { y: g.mul(x, g.cast(bits, 'f32')), bits }),
    );
    const feeds = {
      x: plain(),
      bits: sent(new Tensor('b1', Uint8Array.of(0b101), [1, 3])) as TensorLike<'b1'>,
    };
    const results = await session.run(feeds);
    expect(results.y).toBeInstanceOf(Tensor);
    expect([...results.y.data]).toEqual([-1, -2, -3]);
    expect(results.bits).toEqual(new Tensor('b1', Uint8Array.of(0b101), [1, 3]));
    // A result travels by transfer, and is a feed at the other end.
    const there = sent(results.y, [results.y.data.buffer as ArrayBuffer]) as TensorLike<'f32'>;
    expect([...(await session.run({ ...feeds, x: there })).y.data]).toEqual([1, -2, 3]);

    const detached = plain();
    sent(detached, [detached.data.buffer as ArrayBuffer]);
    for (const x of [
      detached,
      { ...plain(), shape: [2, 3] },
      { ...plain(), shape: [1.5, 2] },
      { ...plain(), dtype: 'i32' },
      { ...plain(), data: new Float64Array(3) },
      { ...plain(), shape: [3] },
    ])
      expect(await failureOf(session.run({ ...feeds, x } as never))).toMatchObject({
        code: 'ERR_FEED',
        node: 'x',
      });
    await session.release();
  });

  test('constants and states of graphs', async () => {
    const g = new GraphBuilder();
    const constant = g.constant(plain());
    expect(constant.data).toBeInstanceOf(Tensor);
    expect(g.state(plain()).data).toBeInstanceOf(Tensor);
    const x = g.input('x', 'f32', [1, 3]);
    await saveModel(g.graph([x], { y: g.add(x, constant) }), join(folder, 'model'));
    const session = await Session.create(join(folder, 'model'));
    expect([...((await session.run({ x: data })).y?.data ?? [])]).toEqual([2, -4, 6]);
    await session.release();
    expect(() => g.constant({ ...plain(), shape: [4] })).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE' }),
    );
  });

  test('states of models, and importState', () => {
    const net = nn.model({ input: { name: 'x', shape: ['N', 3] } }, nn.dense({ units: 2 }));
    const state = net.init(1);
    const there = Object.fromEntries(
      Object.entries(state).map(([name, tensor]) => [name, sent(tensor) as TensorLike<'f32'>]),
    );
    expect(net.graph(there)).toEqual(net.graph(state));
    const imported = zoo.importState(
      net,
      Object.fromEntries(Object.entries(there).map(([name, t]) => [name.replace('/', '.'), t])),
      [],
    );
    expect(imported).toEqual(state);
    expect(Object.values(imported).every((tensor) => tensor instanceof Tensor)).toBe(true);
  });

  test('files', async () => {
    expect(readNpy(writeNpy(plain()))).toEqual(new Tensor('f32', data, [1, 3]));
    await writeTensors({ a: plain() }, join(folder, 'tensors'));
    expect(await readTensors(join(folder, 'tensors'))).toEqual({
      a: new Tensor('f32', data, [1, 3]),
    });
    expect(() => writeNpy({ ...plain(), shape: [4] })).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE' }),
    );
  });
});

test('a tensor that a worker got, changed and sent back by transfer is a feed', async () => {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     parentPort.on('message', ({ x }) => {
       for (let i = 0; i < x.data.length; i++) x.data[i] *= 2;
       parentPort.postMessage(x, [x.data.buffer]);
       parentPort.close();
     });`,
    { eval: true },
  );
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, 3]);
  const session = Session.fromGraph(g.graph([x], { y: g.add(x, 1) }));
  const { y } = await session.run({ x: Float32Array.of(1, 2, 3) });
  const answered = new Promise<TensorLike<'f32'>>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  worker.postMessage({ x: y }, [y.data.buffer as ArrayBuffer]);
  expect(y.data.length).toBe(0);
  const answer = await answered;
  expect([...(await session.run({ x: answer })).y.data]).toEqual([5, 7, 9]);
  await session.release();
  await worker.terminate();
});
