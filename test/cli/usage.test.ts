/**
 * The behaviour that every command shares: exit codes, the two streams, help, files that are no
 * models.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { printJson, verbatim } from '../../src/cli/io.js';
import { buildProgram, main } from '../../src/cli/program.js';
import { temporaryFolder, write } from '../data/fixtures.js';
import { cli, fakeIo, writeDenseModel } from './cli.js';

let dir: string;
let model: string;
beforeEach(async () => {
  dir = temporaryFolder();
  model = await writeDenseModel(dir, 'N');
});

const FUSE = ['fuse', 'm', 'n', '-o', 'o', '--method', 'bfp', '--bits', '4,4'];

describe('usage', () => {
  test.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['run'], /missing required argument 'model'/],
    [['run', 'm', '--threads', '0'], /--threads .* Expected a whole number above 0/],
    [['run', 'm', '--threads', '65'], /Expected at most 64/],
    [['run', 'm', '--isa', 'sse'], /Allowed choices are scalar, avx2, avx512, neon/],
    [['eval', 'm'], /--dataset .* not specified/],
    [
      ['eval', 'm', '--dataset', 'imagenet'],
      /Allowed choices are mnist, cifar10, cifar100, folder/,
    ],
    [['quantize', 'm', 'n', '--weights', '8', '--method', 'dfp'], /\n\(Did you mean dfq\?\)\n$/],
    [['run', 'm', '--isa', 'avx521'], /\n\(Did you mean avx512\?\)\n$/],
    [['completion', 'bsh'], /\n\(Did you mean bash\?\)\n$/],
    [['bench', 'm', '--vs', 'onnxrutime'], /\n\(Did you mean onnxruntime\?\)\n$/],
    [[...FUSE, '--task', 'a=minst'], /\n\(Did you mean mnist\?\)\n$/],
    [
      ['train', 'bi-real', '--dataset', 'mnist', '--out', 'o', '--without', 'stage'],
      /\n\(Did you mean stages\?\)\n$/,
    ],
    [['bench', 'm', '--repeat', '1.5'], /Expected a whole number above 0/],
    [['bench', 'm', '--vs', 'onnxruntime,caffe'], /choices are onnxruntime, onnxruntime-web/],
    [['run', 'm', '--shape', '1,3,8,8'], /Expected NAME=SIZES, such as x=1,3,48,192/],
    [['run', 'm', '--shape', 'x=1,0'], /Expected a whole number above 0/],
    [['run', 'm', '--shape', 'x=1', '--shape', 'x=2'], /Expected one shape for x/],
    [['check', 'm', '--tolerance', '-1'], /Expected a number of 0 or more/],
    [['inspect', 'm', 'n'], /too many arguments/],
    [['quantize', 'm', 'n.safetensors'], /--weights .* not specified/],
    [['quantize', 'm', 'n', '--weights', '8', '--layer', 'a=W'], /Expected NAME=W4A8/],
    [['quantize', 'm', 'n', '--weights', '8', '--seed', '-1'], /Expected a whole number of 0 or/],
    [['quantize', 'm', 'n', '--weights', '8', '--ends', 'two'], /Expected a number of bits/],
    [['fuse', 'm', 'n', '--method', 'bfp', '--bits', '4,4'], /--out .* not specified/],
    [['fuse', 'm', 'n', '-o', 'o', '--bits', '4,4'], /--method .* not specified/],
    [['fuse', 'm', 'n', '-o', 'o', '--method', 'bfp', '--bits', '4'], /Expected auto, or a number/],
    [[...FUSE, '--tolerance', '-1'], /--tolerance .* Expected percent from 0 to 100/],
    [[...FUSE, '--task', 'a=imagenet'], /Allowed choices are mnist, cifar10, cifar100/],
    [[...FUSE, '--granularity', 'block0'], /Expected tensor, channel, or block and a number/],
    [['quantize', 'm', 'n', '--weights', '8', '--observer', 'max'], /choices are minmax, perc/],
  ])('%j exits with 2 and says why', async (argv, why) => {
    const { code, stdout, stderr } = await cli(...argv);
    expect(stderr).toMatch(/^bitplane: /);
    expect(stderr).toMatch(why);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('an option has a fixed set of values and does not say which was meant', async () => {
    const program = buildProgram(fakeIo(), fakeIo(), () => undefined);
    const targets = program.commands.flatMap(({ options, registeredArguments }) => [
      ...options,
      ...registeredArguments,
    ]);
    const silent = targets.filter(({ argChoices = [], parseArg }) =>
      argChoices.some((value) => {
        try {
          // One letter more than a value.
          (parseArg as (text: string, before: unknown) => unknown)(`${value}x`, undefined);
          return true;
        } catch (error) {
          return !/\n\(Did you mean [\w-]+\?\)$/.test((error as Error).message);
        }
      }),
    );
    expect(silent).toEqual([]);
    expect(targets.filter(({ argChoices }) => argChoices !== undefined).length).toBeGreaterThan(20);
  });

  test('help names every command', async () => {
    const { code, stdout } = await cli('--help');
    expect(code).toBe(0);
    for (const name of [
      'inspect',
      'run',
      'eval',
      'bench',
      'check',
      'convert',
      'quantize',
      'fuse',
      'train',
      'zoo',
      'doctor',
      'demo',
      'completion',
    ])
      expect(stdout).toContain(`  ${name} `);
    expect(await cli('--version')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  const failing = (): string[][] => {
    const missing = join(dir, 'none.onnx');
    return [
      ['inspect', missing],
      ['run', missing],
      ['bench', missing],
      ['eval', missing, '--dataset', 'mnist', '--data', dir],
      ['convert', missing, join(dir, 'o.safetensors')],
      ['quantize', missing, join(dir, 'o.safetensors'), '--weights', '8'],
    ];
  };

  test('a failing command exits with 1, one line on stderr, nothing on stdout', async () => {
    for (const argv of failing()) {
      const outcome = await cli(...argv);
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr).toMatch(/^bitplane: [^\n]*none\.onnx[^\n]*\n$/);
      expect(outcome.stderr).not.toContain('internal error');
    }
  });

  test('under --json a failing command prints its error as the one document', async () => {
    for (const argv of failing()) {
      const { code, stdout, stderr } = await cli(...argv, '--json');
      expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
      const node = join(dir, 'none.onnx');
      expect(JSON.parse(stdout)).toEqual({
        error: { code: 'ERR_IO', message: expect.stringContaining('could not be read'), node },
      });
    }
  });

  test.each([
    [['nonsense', '--json'], /^unknown command 'nonsense'/, null],
    [['--json'], /unknown option|expected a command/, '--json'],
    [['run', '--json'], /^missing required argument 'model'$/, null],
    [
      ['run', 'm', '--threads', '0', '--json'],
      /^option '--threads <n>' argument '0' is invalid/,
      '--threads',
    ],
    [
      ['run', 'm', '--tread', '1', '--json'],
      /^unknown option '--tread'\n\(Did you mean --threads\?\)$/,
      '--tread',
    ],
    [['bench', 'kernels', '--vs', 'onnxruntime', '--json'], /^--vs: is not taken here/, '--vs'],
    [['eval', 'm', '--json'], /'--dataset <name>' not specified/, '--dataset'],
  ])('under --json %j is an error in JSON, and exits with 1', async (argv, message, node) => {
    const { code, stdout, stderr } = await cli(...argv);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      error: { code: 'ERR_ARGUMENT', message: expect.stringMatching(message), node },
    });
  });

  test('a failure that is no BitplaneError is an error in JSON too', async () => {
    const io = fakeIo();
    // Writing to the terminal fails while the table is printed.
    let calls = 0;
    const stdout = { write: (text: string) => (calls++ === 0 ? fail() : io.stdout.write(text)) };
    const fail = () => {
      throw new TypeError('broken terminal');
    };
    expect(await main(['doctor', '--json'], { ...io, stdout })).toBe(1);
    expect(JSON.parse(io.out())).toEqual({
      error: {
        code: 'ERR_INTERNAL',
        message: expect.stringMatching(/^internal error: TypeError: broken terminal/),
        node: null,
      },
    });
  });

  test('measured numbers have six digits in JSON, and exact ones keep all digits', () => {
    const io = fakeIo();
    printJson(io, {
      us: 15097.69399999999,
      n: 123456789,
      list: [{ top1: 200 / 3 }],
      recipe: verbatim({ scale: 1 / 255 }),
      no: undefined,
    });
    expect(JSON.parse(io.out())).toEqual({
      us: 15097.7,
      n: 123456789,
      list: [{ top1: 66.6667 }],
      recipe: { scale: 1 / 255 },
    });
  });

  test('a file that is no model is an error of one sentence', async () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('plain text'),
      readFileSync(model).subarray(0, 300),
    ]) {
      const outcome = await cli('inspect', write(join(dir, 'bad.onnx'), bytes));
      expect(outcome).toMatchObject({ code: 1, stdout: '' });
      expect(outcome.stderr).not.toContain('internal error');
    }
  });
});
