/**
 * `node open.mjs FILE [OPTIONS]`: opens a model and runs it once on zeros, where an input of zeros
 * is small enough to be made. Prints the outcome, the processor time and the rise of the process's
 * memory, as JSON. Runs the built package.
 */
import { Session, Tensor } from 'bitplane';

const [, , file, options = '{}'] = process.argv;
/** Larger inputs are the caller's choice. */
const MOST_ELEMENTS = 2 ** 22;

function feeds(session) {
  const entries = session.inputMetadata.map(({ name, dtype, shape }) => {
    const sizes = shape.map((dim) => (typeof dim === 'number' ? dim : 1));
    const count = sizes.reduce((product, size) => product * size, 1);
    return dtype === 'f32' && count <= MOST_ELEMENTS
      ? [name, new Tensor('f32', new Float32Array(count), sizes)]
      : undefined;
  });
  return entries.includes(undefined) ? undefined : Object.fromEntries(entries);
}

async function open() {
  const session = await Session.create(file, { threads: 1, ...JSON.parse(options) });
  const given = feeds(session);
  if (given === undefined) return { end: 'created' };
  await session.run(given);
  return { end: 'ran' };
}

// The addon and the modules of all readers count to the start.
const start = process.memoryUsage().rss;
const before = process.cpuUsage();
const outcome = await open().catch((error) => ({
  end: error.name,
  code: error.code,
  message: error.message,
}));
const { user, system } = process.cpuUsage(before);
const peak = process.resourceUsage().maxRSS * 1024 - start;
console.log(JSON.stringify({ ...outcome, ms: (user + system) / 1000, megabytes: peak / 2 ** 20 }));
process.exit(0);
