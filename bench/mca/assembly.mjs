// Loops of a kernel as the cross compiler makes them, and the cycles that llvm-mca predicts for
// them: shared by the predictions of this folder. Not here: which loops, what they are worth.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiler = process.env.AARCH64_CXX ?? 'aarch64-linux-gnu-g++';
const flags = [
  '-O3',
  '-std=c++17',
  '-ffp-contract=off',
  '-fno-exceptions',
  '-fvisibility=hidden',
  '-Inative',
  '-S',
  '-o',
  '-',
];
const iterations = 200;

function run(command, args, input) {
  const result = spawnSync(command, args, {
    cwd: root,
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (result.error) throw new Error(`${command}: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`${command} failed:\n${result.stderr}`);
  return result.stdout;
}

// The assembly of a kernel's source.
export const compile = (kernel, more = []) => run(compiler, [...flags, ...more, kernel]);

// The lines of the first function whose mangled name matches.
export function bodyOf(assembly, name, kernel) {
  const lines = assembly.split('\n');
  const start = lines.findIndex((line) => /^_Z\w+:/.test(line) && name.test(line));
  if (start < 0) throw new Error(`${kernel}: expected a function ${name} but found none`);
  const length = lines.slice(start).findIndex((line) => line.startsWith('\t.size'));
  return lines.slice(start, start + length);
}

// Every loop: the lines from a label to a branch back to it.
export function loopsOf(body) {
  const labels = new Map(
    body.flatMap((line, at) =>
      /^(\.L\d+):/.test(line) ? [[line.slice(0, line.indexOf(':')), at]] : [],
    ),
  );
  return body.flatMap((line, at) => {
    const target = /^\tb\S*\t(?:\w+, )?(\.L\d+)$/.exec(line)?.[1];
    const from = target === undefined ? undefined : labels.get(target);
    return from !== undefined && from < at ? [{ from, to: at + 1 }] : [];
  });
}

export const count = (lines, mnemonic) =>
  lines.filter((line) => line.startsWith(`\t${mnemonic}\t`)).length;
export const instructions = (lines) => lines.filter((line) => /^\t[a-z]/.test(line));

/**
 * An llvm-mca of a version that this one is at least: Debian names those of newer releases by their
 * number. Undefined where none is installed.
 */
export function mcaOf(least) {
  const names = ['llvm-mca', ...[22, 21, 20, 19].map((version) => `llvm-mca-${version}`)];
  return names.find((name) => {
    const { stdout = '' } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    return Number(/LLVM version (\d+)/.exec(stdout)?.[1] ?? 0) >= least;
  });
}

export function cyclesOf(lines, cpu, mca = 'llvm-mca') {
  const report = run(
    mca,
    [`-mcpu=${cpu}`, '-mtriple=aarch64', `-iterations=${iterations}`],
    `${lines.join('\n')}\n`,
  );
  return Number(/Total Cycles:\s+(\d+)/.exec(report)[1]) / iterations;
}
