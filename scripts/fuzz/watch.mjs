/**
 * Starts a child and watches it: an input on which it spends more than so much processor time or
 * memory, or a crash, ends it and is a finding. Not here: what the child does (./child.mjs).
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { State } from './state.mjs';

/**
 * For one input: processor time, because other programs slow wall time; and wall time, for an input
 * that sleeps for ever.
 */
const CPU_S = 8;
const WALL_S = 90;
/**
 * For the process. Inputs ask for some tens of megabytes at most; V8 may keep a heap of some
 * hundreds.
 */
const RSS = 2.5 * 2 ** 30;
const LOOK_MS = 250;
/** A learning child takes this many inputs, then another begins with the next seed. */
const MOST_INPUTS = 40_000;
const RESTART = 75;
/** A fault of the tool. */
const FAULT = 70;

/** Only Linux tells processor time and memory; elsewhere only wall time counts. */
function usage(pid) {
  try {
    const [, rest] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const fields = rest.split(' ');
    return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, rss: Number(fields[21]) * 4096 };
  } catch {
    return { cpu: 0, rss: 0 };
  }
}

/**
 * @param end when to stop, by performance.now() @returns { problem, reader, seed, bytes, said };
 * problem undefined where the child ended well or was stopped
 */
export function watch(child, job, end, onLine) {
  const args = [
    '--max-old-space-size=1024',
    '--enable-source-maps',
    child,
    JSON.stringify({ count: MOST_INPUTS, ...job }),
  ];
  // A core file of every crash would fill the disk.
  const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [problem, stopped, said, state] = [undefined, false, '', undefined];
  let at = { count: -1, cpu: 0, wall: performance.now() };
  createInterface(running.stdout).on('line', (line) => onLine(JSON.parse(line)));
  running.stderr.on('data', (chunk) => {
    said = (said + chunk).slice(-1500);
  });
  const stop = (why) => {
    problem ??= why;
    running.kill('SIGKILL');
  };
  const timer = setInterval(() => {
    if (performance.now() > end) {
      stopped = true;
      return stop(undefined);
    }
    const { cpu, rss } = usage(running.pid);
    state ??= opened(job.state);
    const count = state?.count() ?? 0;
    if (count !== at.count) at = { count, cpu, wall: performance.now() };
    if (rss > RSS) stop('memory');
    else if (count > 0 && cpu - at.cpu > CPU_S) stop('hang');
    else if (performance.now() - at.wall > WALL_S * 1000) stop('hang');
  }, LOOK_MS);
  return new Promise((resolve, reject) => {
    running.on('close', (code, signal) => {
      clearInterval(timer);
      if (code === FAULT) return reject(new Error(said));
      if (!stopped && code !== 0 && code !== RESTART) problem ??= `crash (${signal ?? code})`;
      const last = problem === undefined ? {} : (state ?? opened(job.state))?.last();
      resolve({ problem, said, ...last });
    });
  });
}

function opened(path) {
  try {
    return new State(path, 'r');
  } catch {
    return undefined;
  }
}
