/**
 * The process in which calls fail: node child.mjs KIND CONTROL FOLDER FIRST LASTING ERROR. It
 * repeats the same actions, each time with a later call failing, until no call is left to fail, and
 * prints each outcome as a line of JSON. An error must be a BitplaneError of the right code, a
 * result must be the same bits as without failures, and a failed action must work the next time.
 * Not here: making calls fail (inject.c), noticing a crash (./sweep.mjs).
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Control } from './control.mjs';
import { everyKernel, sameResults } from './model.mjs';

const [kind, controlPath, folder, first, lasting, error] = process.argv.slice(2);
const control = new Control(controlPath);
const mode = { lasting: lasting === '1', error: Number(error) };
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const SWEEPS = {
  memory: sweepMemory,
  load: once,
  thread: once,
  lock: once,
  files: sweepFiles,
  write: writeOnce,
};
await SWEEPS[kind]();

/** Runs of two batch sizes, two of them at once, and a profile. */
async function use(session, feeds) {
  const one = await session.run(feeds(1));
  const [two, again] = await Promise.all([session.run(feeds(2)), session.run(feeds(2))]);
  await session.profile(1);
  return { one, two, again };
}

function sameUse(a, b) {
  return ['one', 'two', 'again'].every((name) => sameResults(a[name], b[name]));
}

/** Why a caller cannot handle this error; undefined if it can. */
function objection(error, codes, words) {
  if (error?.name !== 'BitplaneError') return `a foreign error: ${error?.stack ?? error}`;
  if (!codes.includes(error.code) || !words.test(error.message))
    return `${error.code}: ${error.message}`;
  return undefined;
}

/** create, run, profile, release, and again with a later allocation failing. */
async function sweepMemory() {
  const bitplane = await import('../../dist/index.js');
  const { graph, feeds } = everyKernel(bitplane);
  const create = () => bitplane.Session.fromGraph(graph, { threads: 2 });
  const calm = create();
  const want = await use(calm, feeds);
  for (let number = Number(first); ; number++) {
    let [session, problem, outcome] = [undefined, undefined, 'right'];
    control.arm('memory', number, mode);
    try {
      session = create();
      const got = await use(session, feeds);
      await session.release();
      session = undefined;
      if (!sameUse(got, want)) problem = 'wrong results';
    } catch (error) {
      outcome = 'refused';
      problem = objection(error, ['ERR_NATIVE'], /memory/);
    }
    control.disarm();
    const failed = control.get('failed');
    if (failed === 0 && problem === undefined) break;
    // The same session, and one that was open all the time, must work once there is memory again.
    for (const survivor of session === undefined ? [calm] : [calm, session])
      if (!sameUse(await use(survivor, feeds), want)) problem ??= 'wrong results afterwards';
    await session?.release();
    say({ number, outcome, problem });
  }
  say({ end: true });
}

/**
 * Loads the addon and runs the first session, with one call failing that the parent chose. For
 * `load` it only loads.
 */
async function once() {
  const bitplane = await import('../../dist/index.js');
  const { graph, feeds } = everyKernel(bitplane);
  let [problem, outcome, got] = [undefined, 'right', undefined];
  const attempt = async () => {
    const session = bitplane.Session.fromGraph(graph, { threads: 3 });
    if (kind === 'load') control.disarm();
    const results = await use(session, feeds);
    await session.release();
    return results;
  };
  try {
    got = await attempt();
  } catch (error) {
    outcome = 'refused';
    problem = objection(
      error,
      ['ERR_NATIVE'],
      kind === 'load' ? /memory/ : /thread|lock|condition/,
    );
  }
  control.disarm();
  if (control.get('failed') === 0 && problem === undefined) return say({ end: true });
  if (outcome === 'right' || kind === 'thread') {
    const later = await attempt();
    if (got !== undefined && !sameUse(got, later)) problem ??= 'wrong results';
  }
  say({ number: Number(first), outcome, problem });
}

/**
 * Saving over an older model, opening, running; reading and writing tensors. A file is the old one
 * or the new one, never between.
 */
async function sweepFiles() {
  const bitplane = await import('../../dist/index.js');
  const { graph, feeds } = everyKernel(bitplane);
  const [target, packed, states] = [
    'model.safetensors',
    'model.safetensors.gz',
    'state.safetensors',
  ].map((name) => join(folder, name));
  const tensors = { w: new bitplane.Tensor('f32', Float32Array.of(1, 2, 3), [3]) };
  await bitplane.saveModel(graph, target);
  await bitplane.writeTensors(tensors, states);
  const [after, state] = [readFileSync(target), readFileSync(states)];
  const before = Buffer.from('an older file');
  writeFileSync(packed, gzipSync(after));
  const known = new Set(readdirSync(folder));
  const calm = bitplane.Session.fromGraph(graph, { threads: 1 });
  const want = await use(calm, feeds);
  await calm.release();
  const life = async () => {
    await bitplane.saveModel(graph, target);
    if (!control.aside(() => readFileSync(target)).equals(after))
      return 'a save that ended well left another file';
    const session = await bitplane.Session.create(target, { threads: 1 });
    const got = await use(session, feeds).finally(() => session.release());
    if (!sameUse(got, want)) return 'wrong results';
    await bitplane.loadModel(packed);
    await bitplane.writeTensors(tensors, states);
    const read = await bitplane.readTensors(states);
    return Buffer.from(read.w.data.buffer).equals(Buffer.from(tensors.w.data.buffer))
      ? undefined
      : 'wrong tensors';
  };
  control.follow(folder);
  for (let number = Number(first); ; number++) {
    writeFileSync(target, before);
    let [problem, outcome] = [undefined, 'right'];
    control.arm('files', number, mode);
    try {
      problem = await life();
    } catch (error) {
      outcome = 'refused';
      // Node's own readFile takes a short read for the end of the file and returns a cut file.
      problem = objection(error, mode.error === 0 ? ['ERR_IO', 'ERR_FORMAT'] : ['ERR_IO'], /./);
    }
    control.disarm();
    if (control.get('failed') === 0 && problem === undefined) break;
    const now = readFileSync(target);
    if (!now.equals(before) && !now.equals(after)) problem ??= 'a torn model file';
    if (!readFileSync(states).equals(state)) problem ??= 'a torn file of tensors';
    const left = readdirSync(folder).filter((name) => !known.has(name));
    for (const name of left) rmSync(join(folder, name));
    say({ number, outcome, problem, left: left.length });
  }
  say({ end: true });
}

/** One save into a folder that has no room or takes no files; FIRST is how many floats. */
async function writeOnce() {
  const bitplane = await import('../../dist/index.js');
  const g = new bitplane.GraphBuilder();
  const x = g.input('x', 'f32', [Number(first)]);
  const graph = g.graph([x], {
    y: g.add(
      x,
      g.constant(new bitplane.Tensor('f32', new Float32Array(Number(first)), [Number(first)])),
    ),
  });
  const target = join(folder, 'model.safetensors');
  const before = readFileSync(target);
  let problem = 'the save said that it ended well';
  try {
    await bitplane.saveModel(graph, target);
  } catch (error) {
    problem = objection(error, ['ERR_IO'], /./);
  }
  if (!readFileSync(target).equals(before)) problem ??= 'the older file is gone';
  say({ number: 1, outcome: 'refused', problem, left: readdirSync(folder).length - 1 });
  say({ end: true });
}
