/** digest(bitplane): of the scores that ./model.safetensors gives, by this copy of the package. */
import { createHash } from 'node:crypto';

export async function digest({ Session }, runs = 1) {
  const session = await Session.create('model.safetensors');
  const x = Float32Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => (i * 37) % 17);
  const results = await Promise.all(Array.from({ length: runs }, () => session.run({ x })));
  await session.release();
  const digests = new Set(results.map(({ scores }) => createHash('sha256').update(new Uint8Array(scores.data.buffer)).digest('hex')));
  return [...digests].join(' and ');
}
