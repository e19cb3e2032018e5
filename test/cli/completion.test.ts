/** Completion scripts: each shell reads its own, and offers what the program has. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { completion, SHELLS } from '../../src/cli/completion.js';
import { buildProgram } from '../../src/cli/program.js';
import { temporaryFolder, write } from '../data/fixtures.js';
import { cli, fakeIo } from './cli.js';

const program = buildProgram(fakeIo(), fakeIo(), () => undefined);

test('the command prints another script, or takes any shell', async () => {
  for (const shell of SHELLS)
    expect(await cli('completion', shell)).toEqual({
      code: 0,
      stdout: completion(shell, program),
      stderr: '',
    });
  expect(await cli('completion', 'csh')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Allowed choices are bash, zsh, fish'),
  });
});

test('a script lacks a command, an option or a choice', () => {
  for (const shell of SHELLS) {
    const text = completion(shell, program);
    for (const command of program.commands) {
      expect(text).toContain(command.name());
      for (const { long, argChoices } of command.options) {
        expect(text).toContain(shell === 'fish' ? `-l ${long?.slice(2)}` : long);
        for (const choice of argChoices ?? []) expect(text).toContain(choice);
      }
    }
  }
});

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

describe.each(SHELLS)('%s', (shell) => {
  const installed = has(shell);
  if (!installed) console.warn(`SKIPPED, there is no ${shell}: its completion script`);

  test.skipIf(!installed)('does not read the script', () => {
    const file = write(`${temporaryFolder()}/script`, completion(shell, program));
    const { status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

test.skipIf(!has('bash'))('bash offers something else', () => {
  const offered = (...words: string[]) => {
    const script = `${completion('bash', program)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_bitplane; printf '%s ' "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim();
  };
  expect(offered('bitplane', 'in')).toBe('inspect');
  expect(offered('bitplane', 'run', 'm.onnx', '--thr')).toBe('--threads');
  expect(offered('bitplane', 'run', 'm.onnx', '--isa', 'avx')).toBe('avx2 avx512');
  expect(offered('bitplane', 'run', 'm.onnx', '--isa', '')).toBe('scalar avx2 avx512 neon');
  expect(offered('bitplane', 'completion', 'b')).toBe('bash');
  // Files are left to the shell.
  expect(offered('bitplane', 'run', 'mod')).toBe('');
});
