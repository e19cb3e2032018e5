/**
 * The copy of the repository in which mutants are planted, in the cache folder, kept between runs
 * so that the addon is not compiled anew. Not here: what is planted (./native.mjs,
 * ./typescript.mjs).
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Where copies and results lie: one folder a clone. */
export const CACHE = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'bitplane',
  'mutate',
  createHash('sha256').update(root).digest('hex').slice(0, 8),
);

/** The environment of tests: without data sets, so that every machine counts the same. */
const ENVIRONMENT = {
  ...process.env,
  BITPLANE_DATA: undefined,
  BITPLANE_BINARY: undefined,
  BITPLANE_ISA: undefined,
};

/** The tracked and the new files of the working tree. */
const sourcesOf = (folder) =>
  execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: folder,
    encoding: 'utf8',
  })
    .split('\0')
    .filter(
      (file) =>
        file !== '' && existsSync(join(folder, file)) && statSync(join(folder, file)).isFile(),
    );

/**
 * Brings the copy up to date, writing only files that differ (their times tell make what to
 * compile), and builds it. A second run at the same time is refused. Returns { tree, files }: where
 * it lies, and its files.
 */
export function prepareTree() {
  const tree = join(CACHE, 'tree');
  lock();
  mkdirSync(tree, { recursive: true });
  const files = sourcesOf(root);
  const wanted = new Set(files);
  for (const file of [...filesUnder(tree)]) if (!wanted.has(file)) rmSync(join(tree, file));
  for (const file of files) {
    const bytes = readFileSync(join(root, file));
    const target = join(tree, file);
    if (existsSync(target) && readFileSync(target).equals(bytes)) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes, { mode: statSync(join(root, file)).mode });
  }
  if (!existsSync(join(tree, 'node_modules')))
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'), 'junction');
  for (const script of ['build-native.mjs', 'build-ts.mjs']) {
    const { status } = spawnSync(process.execPath, [join(tree, 'scripts', script)], {
      cwd: tree,
      stdio: ['ignore', 2, 2],
    });
    if (status !== 0) throw new Error(`the copy does not build: scripts/${script}`);
  }
  return { tree, files };
}

/**
 * The files of the copy that came from the repository: nothing that is built, installed or made
 * there.
 */
function* filesUnder(tree, folder = '') {
  for (const entry of readdirSync(join(tree, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    if (/^(?:node_modules|build|dist|prebuilds|\.stryker.*)$/.test(path)) continue;
    if (entry.isDirectory()) yield* filesUnder(tree, path);
    else yield path;
  }
}

function lock() {
  const file = join(CACHE, 'running');
  mkdirSync(CACHE, { recursive: true });
  const other = existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
  if (other !== undefined && other !== process.pid && alive(other))
    throw new Error(`process ${other} is trying mutants of this clone already`);
  writeFileSync(file, String(process.pid));
  process.on('exit', () => rmSync(file, { force: true }));
}

function alive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/**
 * Plants a mutant; returns a function that removes it and restores the file's time. The end of the
 * process removes it too.
 */
export function plant(tree, { file, start, end, mutated }) {
  const path = join(tree, file);
  const { atime, mtime } = statSync(path);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.slice(0, start) + mutated + text.slice(end));
  const takeOut = () => {
    process.off('exit', takeOut);
    writeFileSync(path, text);
    utimesSync(path, atime, mtime);
  };
  process.on('exit', takeOut);
  return takeOut;
}

/**
 * Runs a command of the copy's, in a process group of its own that is killed when the time is over.
 * @returns { ok, timedOut, ms, output }
 */
export function run(tree, command, args, { limitMs, env = {} } = {}) {
  const begin = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: tree,
      env: { ...ENVIRONMENT, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const kill = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {}
    };
    let output = '';
    let timedOut = false;
    const keep = (chunk) => {
      output = (output + chunk).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer =
      limitMs &&
      setTimeout(() => {
        timedOut = true;
        kill();
      }, limitMs);
    // Before what cleans up behind it.
    process.prependListener('exit', kill);
    child.on('error', (error) => keep(error.message));
    child.on('close', (code) => {
      clearTimeout(timer);
      process.off('exit', kill);
      resolve({ ok: code === 0, timedOut, ms: performance.now() - begin, output });
    });
  });
}
