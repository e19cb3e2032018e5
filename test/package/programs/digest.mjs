/**
 * digest(bitplane): of the scores that model.safetensors gives, by this copy of the package, on a
 * graph and a tensor of `other`, if given.
 */
import { createHash } from 'node:crypto';

export async function digest({ Session }, runs = 1, other = undefined) {
  const session = other
    ? Session.fromGraph(await other.loadModel('model.safetensors'))
    : await Session.create('model.safetensors');
  const pixels = Float32Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => (i * 37) % 17);
  const x = other ? new other.Tensor('f32', pixels, [2, 16, 16, 3]) : pixels;
  const results = await Promise.all(Array.from({ length: runs }, () => session.run({ x })));
  await session.release();
  const digests = new Set(
    results.map(({ scores }) =>
      createHash('sha256').update(new Uint8Array(scores.data.buffer)).digest('hex'),
    ),
  );
  return [...digests].join(' and ');
}
