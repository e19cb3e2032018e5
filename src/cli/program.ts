/**
 * The command line: how one is run, and what its errors look like. Each command is a file of its
 * own, loaded when it is called. Not here: which commands and options there are (./commands), the
 * process (main.ts).
 *
 * Exit codes: 0 done, 1 the command failed, 2 it was called wrongly. Errors are one line on
 * standard error. Under --json every error is the document { "error": { "code", "message", "node" }
 * } on standard output, and the exit code is 1.
 *
 * Defaults are not set here, because a command must be able to tell whether the user gave an
 * option.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { BitplaneError } from '../core/errors.js';
import { converting } from './commands/converting.js';
import { inspecting } from './commands/inspecting.js';
import { runningCommands } from './commands/running.js';
import { examplesText, type Setup } from './commands/setup.js';
import { training } from './commands/training.js';
import { type Io, printJson } from './io.js';
import { hasColours, lookOf } from './look.js';

/**
 * Runs one command line, without the program's name; resolves to the exit code and never rejects.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const json = wantsJson(argv);
  let exitCode = 0;
  // Under --json the error document replaces commander's own message; requested help is still
  // printed.
  const quiet = json ? { ...io, stderr: { write: () => true } } : io;
  const program = buildProgram(io, quiet, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (json) {
      printJson(io, { error: describeError(error) });
      return 1;
    }
    // Commander has written its own message by now.
    if (error instanceof CommanderError) return 2;
    io.stderr.write(`${lookOf(io.stderr, io.env).red('bitplane:')} ${explain(error)}\n`);
    return 1;
  }
}

/**
 * Searches the arguments for --json, because a command line that cannot be parsed reports its error
 * as JSON too.
 */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json');
}

function explain(error: unknown): string {
  if (error instanceof BitplaneError) return error.message;
  // Any other error is a defect of bitplane: print the stack for the report.
  return error instanceof Error ? `internal error: ${error.stack ?? error.message}` : String(error);
}

/**
 * An error as `--json` prints it. `node` is the name of the layer, file or option it belongs to, or
 * null.
 */
function describeError(error: unknown) {
  if (error instanceof CommanderError) {
    const help = error.code === 'commander.help';
    const message = help ? 'expected a command' : error.message.replace(/^error: /, '');
    return { code: 'ERR_ARGUMENT', message, node: /'(-[^\s']+)/.exec(message)?.[1] ?? null };
  }
  if (!(error instanceof BitplaneError))
    return { code: 'ERR_INTERNAL', message: explain(error), node: null };
  const option = error.op?.startsWith('--') ? error.op : null;
  return { code: error.code, message: error.message, node: error.node ?? option };
}

/** The commands and their options. @param messages where commander writes its own errors */
export function buildProgram(io: Io, messages: Io, exit: (code: number) => void): Command {
  const [out, err] = [lookOf(io.stdout, io.env), lookOf(io.stderr, io.env)];
  const program = new Command('bitplane')
    .description(
      'Runs binary and low-bit neural networks. MODEL is an ONNX, QONNX or bitplane ' +
        'safetensors file, the folder of a training, models/NAME (a trained network of the ' +
        'package) or zoo:NAME.',
    )
    .version(version())
    .exitOverride()
    .configureHelp({ styleTitle: out.bold })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => messages.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, `${err.red('bitplane:')} `)),
      getOutHelpWidth: () => out.width,
      getErrHelpWidth: () => err.width,
      getOutHasColors: () => hasColours(io.stdout, io.env),
      getErrHasColors: () => hasColours(io.stderr, io.env),
    })
    .addHelpText('after', examplesText(EXAMPLES));
  // Only subcommands made by program.command() inherit exitOverride and the output.
  const setup: Setup = {
    io,
    exit,
    version: version(),
    program,
    command: (usage, about, examples) =>
      program
        .command(usage)
        .description(about)
        .option('--json', 'print one JSON document')
        .addHelpText('after', examplesText(examples)),
  };
  for (const register of [inspecting, runningCommands, converting, training]) register(setup);
  return program;
}

const EXAMPLES = [
  'bitplane demo',
  'bitplane inspect model.onnx',
  'bitplane bench model.onnx --vs onnxruntime',
  'bitplane COMMAND --help',
];

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
