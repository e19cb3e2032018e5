/**
 * What the files of this folder build commands with: the surroundings of a command line, and groups
 * of options that commands share. Not here: a command, the values of options (../options.ts).
 */
import { type Command, Option } from 'commander';
import { MULTI_THRESHOLD_AXES } from '../../formats/onnx/choices.js';
import { LOW_BITS } from '../../runtime/session-types.js';
import { type Offer, offering, oneOf } from '../choices.js';
import { gatherTasks } from '../fuse-options.js';
import type { Io } from '../io.js';
import { modelFile, ownModels } from '../model-file.js';
import {
  DATASET_NAMES,
  gatherShapes,
  ISAS,
  parseCount,
  parseThreads,
  SIGN_ZEROS,
} from '../options.js';
import { ZOO_PREFIX } from '../zoo-name.js';

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
  oneOf(
    new Option('--dataset <name>', 'mnist, cifar10, cifar100, or a folder of pictures'),
    DATASET_NAMES,
  );

/** What MODEL may be beside a file: a network of the zoo, or a trained one of the package. */
export const MODELS: Offer = {
  values: async () => {
    const { zooNames } = await import('../later.js');
    return [
      ...zooNames().map((name) => `${ZOO_PREFIX}${name}`),
      ...ownModels().map((name) => `models/${name}`),
    ];
  },
  form: 'file',
};

/** A command whose first argument is a model. @param offer false: names are no use to it */
export function onModel(target: Command, offer = true): Command {
  const model = target.registeredArguments[0]!.argParser(modelFile);
  if (offer) offering(model, MODELS);
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
      oneOf(
        new Option(
          '--multi-threshold-axis <rule>',
          'channels of MultiThreshold at rank 3: layout follows data_layout, last is for ' +
            "QONNX's files of 2023-12 to 2025-07",
        ),
        MULTI_THRESHOLD_AXES,
      ),
    );

/** An option that names a task of the store on the command line. */
export const taskOption = (flags: string, about: string) =>
  offering(new Option(flags, about), { values: () => [], form: 'tasks' });

/** An option of a task's name, behind which a data set may stand. */
export const taskAndDataset = (flags: string, about: string) =>
  offering(new Option(flags, about).argParser(gatherTasks), {
    values: () => DATASET_NAMES,
    form: 'named',
  });

export const ofStore = (target: Command) =>
  target.addOption(taskOption('--task <name>', 'of a store of several networks: which one'));

export const optimized = (target: Command) =>
  fromFile(
    target.addOption(
      oneOf(
        new Option(
          '--sign-zero <rule>',
          'ONNX Sign: exact keeps sign(0) = 0, plus takes it as +1 so that every Sign is one bit',
        ),
        SIGN_ZEROS,
      ),
    ),
  );

export const kernels = (target: Command) =>
  target
    .addOption(
      oneOf(new Option('--isa <isa>', 'instruction set (default: the best of this machine)'), ISAS),
    )
    .addOption(
      oneOf(
        new Option(
          '--low-bit <method>',
          'sums of 1- and 2-bit weights: by bit planes, by products of 8 bits, or what is ' +
            'cheaper (default: auto)',
        ),
        LOW_BITS,
      ),
    );

export const running = (target: Command) =>
  kernels(target.option('--threads <n>', 'threads of one run (default: all cores)', parseThreads));

export const session = (target: Command) => running(optimized(target));
