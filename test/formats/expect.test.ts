/** What a caller expects of a model's outputs is checked when it is opened. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { Session } from '../../src/formats/session.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { temporaryFolder } from '../data/fixtures.js';

async function modelFile(): Promise<string> {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4]);
  const path = join(temporaryFolder(), 'm.safetensors');
  await saveModel(g.graph([x], { logits: g.relu(x), bits: g.sign(x) }), path);
  return path;
}

test('outputs that are as expected, some of them or all', async () => {
  const path = await modelFile();
  for (const expected of [{ logits: 'f32' }, { bits: 'b1', logits: 'f32' }, {}] as const) {
    const session = await Session.create(path, { expect: expected });
    expect(session.outputNames).toEqual(['logits', 'bits']);
    await session.release();
  }
});

test('another dtype, an unknown name and no dtype are refused by name', async () => {
  const path = await modelFile();
  const create = (outputs: unknown) => Session.create(path, { expect: outputs as never });
  await expect(create({ bits: 'f32' })).rejects.toMatchObject({
    code: 'ERR_DTYPE',
    node: 'bits',
    message: 'expect "bits": expected an output of f32 but received "b1"',
  });
  await expect(create({ logit: 'f32' })).rejects.toMatchObject({
    code: 'ERR_ARGUMENT',
    message: expect.stringMatching(/outputs of logits, bits but .* did you mean "logits"/),
  });
  await expect(create({ logits: 'float32' })).rejects.toThrow(/expect "logits": .* a dtype of f32/);
  await expect(create(['f32'])).rejects.toThrow(/dtypes of outputs by name/);
});
