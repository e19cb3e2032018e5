/** Completion scripts: each shell reads its own, and offers what the program has. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { offerOf } from '../../src/cli/choices.js';
import { completion, SHELLS } from '../../src/cli/completion.js';
import { buildProgram } from '../../src/cli/program.js';
import { temporaryFolder, write } from '../data/fixtures.js';
import { cli, fakeIo } from './cli.js';

const program = buildProgram(fakeIo(), fakeIo(), () => undefined);

const scripts = {
  bash: await completion('bash', program),
  zsh: await completion('zsh', program),
  fish: await completion('fish', program),
};

test('the command prints another script, or takes any shell', async () => {
  for (const shell of SHELLS)
    expect(await cli('completion', shell)).toEqual({
      code: 0,
      stdout: scripts[shell],
      stderr: '',
    });
  expect(await cli('completion', 'csh')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Allowed choices are bash, zsh, fish'),
  });
});

test('a script lacks a command, an option or a value', async () => {
  for (const shell of SHELLS) {
    const text = scripts[shell];
    for (const command of program.commands) {
      expect(text).toContain(command.name());
      for (const option of command.options) {
        expect(text).toContain(shell === 'fish' ? `-l ${option.long?.slice(2)}` : option.long);
        for (const value of (await offerOf(option)?.values()) ?? []) expect(text).toContain(value);
      }
      for (const argument of command.registeredArguments)
        for (const value of (await offerOf(argument)?.values()) ?? [])
          expect(text).toContain(value);
    }
  }
});

test('an option says its choices in words of the help and offers none', () => {
  const silent = program.commands.flatMap((command) =>
    command.options
      .filter(
        (option) => offerOf(option) === undefined && /<(name|rule|kind|isa)>/.test(option.flags),
      )
      .map(({ flags }) => `${command.name()} ${flags}`),
  );
  // The name of a task that is to be made is anybody's.
  expect(silent).toEqual(['train --task <name>']);
});

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

describe.each(SHELLS)('%s', (shell) => {
  const installed = has(shell);
  if (!installed) console.warn(`SKIPPED, there is no ${shell}: its completion script`);

  test.skipIf(!installed)('does not read the script', () => {
    const file = write(`${temporaryFolder()}/script`, scripts[shell]);
    const { status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

/** Asks each shell what it offers for the last word of each line. */
const OFFERED: readonly (readonly [line: string, offered: string])[] = [
  ['bitplane in', 'inspect'],
  ['bitplane run m.onnx --thr', '--threads'],
  ['bitplane run m.onnx --isa avx', 'avx2 avx512'],
  ['bitplane run m.onnx --isa ', 'avx2 avx512 neon scalar'],
  ['bitplane completion b', 'bash'],
  ['bitplane quantize a b --method z', 'zaq zeroq'],
  ['bitplane quantize a b --observer m', 'minmax mse'],
  ['bitplane convert a b --format ', 'onnx qonnx safetensors'],
  ['bitplane eval m --dataset cifar', 'cifar10 cifar100'],
  ['bitplane train r', 'reactnet real-to-binary'],
  ['bitplane train p', 'packnet piggyback'],
  ['bitplane train bwn --without s', 'stages'],
  ['bitplane bench k', 'kernels'],
  ['bitplane inspect zoo:bwn-18', 'zoo:bwn-18 zoo:bwn-18-cifar'],
  ['bitplane bench m --vs onnxruntime,onnxruntime-', 'onnxruntime,onnxruntime-web'],
  ['bitplane fuse a b --task one=m', 'one=mnist'],
  // Of the options of `check`, which only compares files.
  ['bitplane check zoo:', ''],
];

test.skipIf(!has('bash'))('bash offers something else', () => {
  const ask = (line: string, breaks: string) => `COMP_WORDBREAKS=${breaks}
COMP_LINE='${line}'; COMP_POINT=${line.length}; COMPREPLY=(); _bitplane
printf '%s\n' "\${COMPREPLY[@]}" | sort | tr '\n' ' '; echo`;
  const lines = (breaks: string, asked: readonly string[]) =>
    spawnSync(
      'bash',
      ['-c', [scripts.bash, ...asked.map((line) => ask(line, breaks))].join('\n')],
      {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C' },
      },
    )
      .stdout.split('\n')
      .map((line) => line.trim())
      .slice(0, -1);
  const asked = OFFERED.map(([line]) => line);
  expect(lines("' '", asked)).toEqual(OFFERED.map(([, offered]) => offered));
  // Where bash splits words at = and :, it has all before that.
  expect(
    lines("$' =:'", [
      'bitplane inspect zoo:bwn-18-',
      'bitplane run m --isa=avx5',
      'bitplane fuse a b --task one=m',
      'bitplane inspect z',
      'bitplane train --trunk=zoo:bwn-18-',
    ]),
  ).toEqual([
    'bwn-18-cifar',
    'avx512',
    'mnist',
    expect.stringMatching(/^zoo:bi-real-18 .*zoo:xnor-20$/),
    'bwn-18-cifar',
  ]);
  // Files are left to the shell.
  expect(
    lines("' '", ['bitplane run ', 'bitplane run nothing-', 'bitplane run m --html p']),
  ).toEqual(['', '', '']);
});

test.skipIf(!has('fish'))('fish offers something else', () => {
  const file = write(`${temporaryFolder()}/bitplane.fish`, scripts.fish);
  const script = [
    `source ${file}`,
    ...OFFERED.map(([line]) => `complete -C '${line}' | string split -f1 \\t | sort; echo .`),
  ].join('\n');
  const { stdout } = spawnSync('fish', ['--no-config', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', HOME: temporaryFolder() },
    cwd: temporaryFolder(),
  });
  const blocks = stdout.split('.\n').map((text) => text.trim().replaceAll('\n', ' '));
  expect(blocks.slice(0, -1)).toEqual(OFFERED.map(([, offered]) => offered));
});
