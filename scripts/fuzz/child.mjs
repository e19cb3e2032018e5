/**
 * The process that tries inputs, one after another: child.mjs '{ seed, readers, state, folder,
 * keep, count }'. Prints JSON lines: counts now and then, and findings. Exit code 75 asks for a new
 * child, because its memory has grown. Bundled by ../fuzz.mjs, so that V8's counters see one
 * script. Not here: crashes, hangs and memory; the parent watches.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Coverage } from './coverage.mjs';
import { minimise } from './minimise.mjs';
import { Random } from './random.mjs';
import { READERS } from './readers.mjs';
import { seeds } from './seeds.mjs';
import { State } from './state.mjs';
import { attempt } from './try.mjs';

/** How often each kind of file is tried, in parts: models have the most code. */
const SHARES = {
  onnx: 5,
  safetensors: 5,
  npy: 4,
  idx: 4,
  cifar: 1,
  recipe: 3,
  picture: 1,
  program: 2,
};
/** Inputs between two looks at the counters: a look costs as much as some inputs. */
const BATCH = 64;
const MOST_BYTES = 64 << 10;
/** The largest share of the time for this; a missed input comes again. */
const LEARNING = 0.2;
const MOST_RSS = 1400 * 2 ** 20;
const RESTART = 75;
const FAULT = 70;

const job = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const { folder } = job;

if (job.probe !== undefined) await probe();
else {
  process.on('uncaughtException', (error) => {
    // Inputs are tried within a guard, so this error is a fault of the tool and no finding.
    console.error(error);
    process.exit(FAULT);
  });
  await fuzz();
}

/** Tries one file and returns the kind of its fault. */
async function probe() {
  const { problem, outcome } = await attempt(job.probe, readFileSync(job.file), {
    folder,
    seed: job.seed,
  });
  say({ kind: problem?.kind, sentence: problem?.sentence, outcome });
}

async function fuzz() {
  const corpus = await seeds();
  const wanted = job.readers
    .filter((reader) => corpus[reader].length > 0)
    .flatMap((reader) => Array(SHARES[reader]).fill(reader));
  const random = new Random(job.seed);
  const state = new State(job.state, 'w');
  const coverage = await Coverage.start(import.meta.url);
  const counts = {};
  const known = new Set();
  let batch = [];
  let learning = 0;
  // The code that valid files reach is known from the start.
  for (const reader of job.readers) {
    let most = 'refused';
    for (const bytes of corpus[reader]) {
      const { outcome } = await attempt(reader, bytes, { folder, seed: 1 });
      if (outcome === 'ran') most = outcome;
    }
    if (most !== 'ran' && corpus[reader].length > 0)
      throw new Error(`no valid file of ${reader} is read`);
  }
  await coverage.fresh(true);

  const began = performance.now();
  for (let count = 1; count <= job.count; count++) {
    const reader = random.pick(wanted);
    const pool = corpus[reader];
    const parent = random.once(2)
      ? pool[pool.length - 1 - random.below(Math.min(pool.length, 32))]
      : random.pick(pool);
    const bytes = READERS[reader].mutate(random, parent, random.pick(pool));
    const seed = random.next() >>> 1;
    state.begin(count, reader, seed, bytes);
    const result = await attempt(reader, bytes, { folder, seed });
    counts[reader] ??= { files: 0, loaded: 0, ran: 0, large: 0 };
    const row = counts[reader];
    row.files++;
    if (result.outcome !== 'refused') row.loaded++;
    if (result.outcome === 'ran') row.ran++;
    if (result.outcome === 'large') row.large++;
    if (result.problem !== undefined)
      await report(reader, bytes, seed, result.problem, known, state, count);
    if (bytes.length <= MOST_BYTES) batch.push({ reader, bytes, seed });
    if (batch.length < BATCH) continue;
    const now = performance.now();
    if (learning <= LEARNING * (now - began)) await learn(batch, corpus, coverage);
    learning += performance.now() - now;
    batch = [];
    if (count % (BATCH * 8) === 0) {
      say({
        counts: counts,
        reached: coverage.reached,
        corpus: Object.values(corpus).reduce((sum, list) => sum + list.length, 0),
      });
      for (const name of Object.keys(counts)) delete counts[name];
      if (process.memoryUsage.rss() > MOST_RSS) process.exit(RESTART);
    }
  }
  say({ counts, reached: coverage.reached });
}

/**
 * Inputs that reached code which none before had reached join the corpus. The counters know of the
 * whole batch; halves of it are tried again until an input is alone.
 */
async function learn(batch, corpus, coverage) {
  if ((await coverage.fresh(batch.length === 1)) === 0) return;
  if (batch.length === 1) return corpus[batch[0].reader].push(batch[0].bytes);
  const middle = batch.length >> 1;
  for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
    for (const { reader, bytes, seed } of half) await attempt(reader, bytes, { folder, seed });
    await learn(half, corpus, coverage);
  }
}

/** Makes the first finding of a kind small; counts all later ones. */
async function report(reader, bytes, seed, problem, known, state, count) {
  const kind = `${reader}: ${problem.kind}`;
  if (known.has(kind)) return say({ again: kind });
  known.add(kind);
  const isSame = async (variant) => {
    state.begin(count, reader, seed, variant);
    return (await attempt(reader, variant, { folder, seed })).problem?.kind === problem.kind;
  };
  const small =
    problem.kind === 'slow' ? bytes : await minimise(bytes, READERS[reader].smaller, isSame);
  const hash = createHash('sha256').update(small).digest('hex').slice(0, 8);
  say({
    finding: {
      reader,
      kind,
      seed,
      sentence: problem.sentence,
      hash,
      bytes: Buffer.from(small).toString('base64'),
    },
  });
}
