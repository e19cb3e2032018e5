/**
 * What the files of this folder build commands with: the surroundings of a command line, and groups
 * of options that commands share. Not here: a command, the values of options (../options.ts).
 */
import { type Command, Option } from 'commander';
import { MULTI_THRESHOLD_AXES } from '../../formats/onnx/choices.js';
import { LOW_BITS } from '../../runtime/session-types.js';
import type { Io } from '../io.js';
import { modelFile } from '../model-file.js';
import {
  DATASET_NAMES,
  gatherShapes,
  ISAS,
  parseCount,
  parseThreads,
  SIGN_ZEROS,
} from '../options.js';

/** What a command is registered with. */
export interface Setup {
  readonly io: Io;
  /** Sets the exit code of a command that has ended. */
  readonly exit: (code: number) => void;
  readonly version: string;
  /** The whole program, which a command may describe. */
  readonly program: Command;
  /** A command that also prints JSON, with examples below its help. */
  command(usage: string, about: string, examples: readonly string[]): Command;
}

/** Adds some commands to the program. */
export type Register = (setup: Setup) => void;

/** The end of a command's help: command lines as one would type them. */
export const examplesText = (examples: readonly string[]) =>
  ['', 'Examples:', ...examples.map((line) => `  $ ${line}`)].join('\n');

export const datasetOption = () =>
  new Option('--dataset <name>', 'mnist, cifar10, cifar100, or a folder of pictures').choices(
    DATASET_NAMES,
  );

/** A command whose first argument is a model. */
export function onModel(target: Command): Command {
  target.registeredArguments[0]!.argParser(modelFile);
  return target;
}

export const fromFile = (target: Command) =>
  target
    .option(
      '--shape <name=sizes>',
      'shape of an input that the model leaves open, such as x=1,3,48,192; repeatable',
      gatherShapes,
    )
    .option(
      '--max-nodes <n>',
      'values of a graph that the file may make (default: 20000)',
      parseCount,
    )
    .addOption(
      new Option(
        '--multi-threshold-axis <rule>',
        'channels of MultiThreshold at rank 3: layout follows data_layout, last is for ' +
          "QONNX's files of 2023-12 to 2025-07",
      ).choices(MULTI_THRESHOLD_AXES),
    );

export const ofStore = (target: Command) =>
  target.option('--task <name>', 'of a store of several networks: which one');

export const optimized = (target: Command) =>
  fromFile(
    target.addOption(
      new Option(
        '--sign-zero <rule>',
        'ONNX Sign: exact keeps sign(0) = 0, plus takes it as +1 so that every Sign is one bit',
      ).choices(SIGN_ZEROS),
    ),
  );

export const kernels = (target: Command) =>
  target
    .addOption(
      new Option('--isa <isa>', 'instruction set (default: the best of this machine)').choices(
        ISAS,
      ),
    )
    .addOption(
      new Option(
        '--low-bit <method>',
        'sums of 1- and 2-bit weights: by bit planes, by products of 8 bits, or what is ' +
          'cheaper (default: auto)',
      ).choices(LOW_BITS),
    );

export const running = (target: Command) =>
  kernels(target.option('--threads <n>', 'threads of one run (default: all cores)', parseThreads));

export const session = (target: Command) => running(optimized(target));
