/** Runs model.safetensors and prints the scores' digest and the instruction set, as JSON. */
import { createHash } from 'node:crypto';
import { Session } from 'bitplane';

async function main() {
  const session = await Session.create('model.safetensors');
  const x = Float32Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => (i * 37) % 17);
  const { scores } = await session.run({ x });
  const digest = createHash('sha256').update(new Uint8Array(scores.data.buffer)).digest('hex');
  console.log(JSON.stringify({ digest, shape: scores.shape, isa: session.info.isa }));
}

void main();
