/**
 * The command line: which commands there are, their options, and what their errors look like. Each
 * command is a file of its own, loaded when it is called. Not here: the process (main.ts).
 *
 * Exit codes: 0 done, 1 the command failed, 2 it was called wrongly. Errors are one line on
 * standard error. Under --json every error is the document { "error": { "code", "message", "node" }
 * } on standard output, and the exit code is 1.
 *
 * Defaults are not set here, because a command must be able to tell whether the user gave an
 * option.
 */
import { readFileSync } from 'node:fs';
import { Argument, Command, CommanderError, Option } from 'commander';
import { BitplaneError } from '../core/errors.js';
import { MULTI_THRESHOLD_AXES } from '../formats/onnx/choices.js';
import { DIALECTS } from '../formats/onnx/dialects.js';
import { LOW_BITS } from '../runtime/session-types.js';
import {
  DITHERS,
  EXPONENT_RULES,
  FUSE_METHODS,
  gatherModels,
  gatherTasks,
  MANTISSA_ROUNDINGS,
  MASK_KINDS,
  parseBits,
  parseGranularity,
  parseLoss,
  parseShare,
} from './fuse-options.js';
import { type Io, printJson } from './io.js';
import { modelFile } from './model-file.js';
import {
  DATASET_NAMES,
  gather,
  gatherShapes,
  ISAS,
  parseCount,
  parseEngines,
  parseSeed,
  parseThreads,
  parseTolerance,
  SIGN_ZEROS,
} from './options.js';
import {
  CLIPPINGS,
  CORRECTIONS,
  gatherLayers,
  METHODS,
  OBSERVERS,
  parseChoice,
  parseEnds,
  parsePercent,
  parseSize,
} from './quantize-options.js';

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
    io.stderr.write(`bitplane: ${explain(error)}\n`);
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
  const program = new Command('bitplane')
    .description(
      'Runs binary and low-bit neural networks. MODEL is an ONNX, QONNX or bitplane ' +
        'safetensors file, the folder of a training, models/NAME (a trained network of the ' +
        'package) or zoo:NAME.',
    )
    .version(version())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => messages.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'bitplane: ')),
    });
  // Only subcommands made by program.command() inherit exitOverride and the output.
  const datasetOption = () =>
    new Option('--dataset <name>', 'mnist, cifar10, cifar100, or a folder of pictures').choices(
      DATASET_NAMES,
    );
  const command = (text: string, about: string) =>
    program.command(text).description(about).option('--json', 'print one JSON document');
  /** A command whose first argument is a model. */
  const onModel = (target: Command) => {
    target.registeredArguments[0]!.argParser(modelFile);
    return target;
  };
  const fromFile = (target: Command) =>
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
  const ofStore = (target: Command) =>
    target.option('--task <name>', 'of a store of several networks: which one');
  const optimized = (target: Command) =>
    fromFile(
      target.addOption(
        new Option(
          '--sign-zero <rule>',
          'ONNX Sign: exact keeps sign(0) = 0, plus takes it as +1 so that every Sign is one bit',
        ).choices(SIGN_ZEROS),
      ),
    );
  const kernels = (target: Command) =>
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
  const running = (target: Command) =>
    kernels(
      target.option('--threads <n>', 'threads of one run (default: all cores)', parseThreads),
    );
  const session = (target: Command) => running(optimized(target));

  kernels(
    optimized(
      ofStore(
        onModel(
          command(
            'inspect <model>',
            'inputs, outputs, layers, kernels and weight sizes; of a store, what it saves',
          ),
        ),
      ),
    ),
  )
    .option('--raw', 'the graph as the file has it, before any optimization')
    .action(async (model, flags) => (await import('./inspect.js')).inspect(model, flags, io));

  session(ofStore(onModel(command('run <model>', 'run once on pictures or .npy files'))))
    .option('--image <files...>', 'JPEG and PNG files, or folders of them: their five best labels')
    .option('--html <file>', 'write a page with the pictures of --image and their labels')
    .option(
      '--preprocess <file.json>',
      'of --image (default: MODEL.json beside the model, else what the model carries)',
    )
    .option('--max-pixels <n>', 'of a picture of --image (default: 64000000)', parseCount)
    .option(
      '--input <[name=]file.npy>',
      'feed of an input, - for standard input; or a .npz file of several; repeatable',
      gather,
    )
    .option(
      '--output <[name=]file.npy>',
      'where an output is written, - for standard output; or a .npz file of all; repeatable',
      gather,
    )
    .action(async (model, flags) => exit(await (await import('./run.js')).run(model, flags, io)));

  session(onModel(command('check <model>', 'an ONNX model, its results beside onnxruntime')))
    .option('--input <[name=]file.npy>', 'feed of an input (default: random); repeatable', gather)
    .option('--seed <n>', 'of random inputs (default: 1)', parseCount)
    .option('--runs <n>', 'runs, each on other random inputs (default: 1)', parseCount)
    .option(
      '--tolerance <t>',
      'how far results may be apart: |a - b| <= t * max(1, |b|) (default: 1e-4)',
      parseTolerance,
    )
    .action(async (model, flags) =>
      exit(await (await import('./check.js')).check(model, flags, io)),
    );

  session(ofStore(onModel(command('eval <model>', 'accuracy on a data set'))))
    .addOption(datasetOption().makeOptionMandatory())
    .option('--data <dir>', "the data set's folder or its parent (default: $BITPLANE_DATA)")
    .addOption(
      new Option(
        '--split <split>',
        'which part of mnist, cifar10 or cifar100 (default: test)',
      ).choices(['test', 'train']),
    )
    .option('--limit <n>', 'only the first n pictures', parseCount)
    .option('--batch <n>', 'pictures a run (default: 32)', parseCount)
    .option(
      '--preprocess <file.json>',
      'preprocessing (default: MODEL.json beside the model, else what the model carries)',
    )
    .option('--strict', 'a picture that cannot be read is an error, and not skipped')
    .action(async (model, flags) => (await import('./eval.js')).evalCommand(model, flags, io));

  session(
    ofStore(
      command('bench', 'latency of a model, or `bench kernels`: every kernel against its bound'),
    ),
  )
    .addArgument(new Argument('<model>', 'a model file, or the word kernels').argParser(modelFile))
    .option(
      '--repeat <n>',
      'timed runs (default: 100; training steps: 5; of each kernel: as many as fit into 60 ms)',
      parseCount,
    )
    .option('--batch <n>', 'size of a symbolic batch (default: 1)', parseCount)
    .option('--input <[name=]file.npy>', 'feed of an input (default: random); repeatable', gather)
    .option('--profile', 'time of every layer')
    .option('--train', 'a training step of a zoo network, of 32 pictures unless --batch says')
    .option(
      '--vs <engines>',
      'time other engines on the same model: onnxruntime, onnxruntime-web, with commas between',
      parseEngines,
    )
    .option('--html <file>', 'write a page with charts of times, memory and sizes')
    .action(async (model, flags) => {
      if (model === 'kernels') await (await import('./bench-kernels.js')).benchKernels(flags, io);
      else if (flags.train === true)
        await (await import('./bench-training.js')).benchTraining(model, flags, io);
      else await (await import('./bench.js')).bench(model, flags, io);
    });

  optimized(
    onModel(
      command(
        'convert <in> <out>',
        'ONNX or QONNX to bitplane safetensors, or any of them to ONNX or QONNX, with ' +
          'preprocessing and labels',
      ),
    ),
  )
    .addOption(
      new Option('--format <name>', 'what OUT is (default: safetensors)').choices([
        'safetensors',
        ...DIALECTS,
      ]),
    )
    .option(
      '--preprocess <file.json>',
      'preprocessing and labels to carry (default: IN.json beside IN, else what IN carries)',
    )
    .option('--export-task <name>', 'of a store of several networks: the one to write')
    .option(
      '--merge-affines',
      'batch norms, scales and shifts in a row become one: faster, and floats round once less',
    )
    .action(async (from, to, flags) => (await import('./convert.js')).convert(from, to, flags, io));

  running(
    fromFile(
      ofStore(
        onModel(
          command(
            'quantize <in> <out>',
            'few bits for a float network, by the ranges that pictures show',
          ),
        ),
      ),
    ),
  )
    .requiredOption(
      '--weights <spec>',
      "bits of weights, or a spec such as int4-channel, ternary, log4, bfp6-block16; or 'float'",
      parseChoice,
    )
    .option(
      '--activations <spec>',
      "bits of activations, or a spec such as int8; or 'float' (default: float)",
      parseChoice,
    )
    .option(
      '--per-channel',
      'a scale for each output channel, where a spec of weights says no granularity',
    )
    .option(
      '--ends <n>',
      "bits of the first and the last layer, or 'same' as the others (default: 8)",
      parseEnds,
    )
    .option(
      '--layer <name=choice>',
      'another choice for a layer, or a pattern with *: W4A8, W4, A8 or float; repeatable',
      gatherLayers,
    )
    .addOption(datasetOption())
    .option('--data <dir>', "the data set's folder or its parent (default: $BITPLANE_DATA)")
    .option('--test <dir>', 'labelled pictures for the accuracy, where --dataset is folder')
    .option(
      '--calibrate <n>',
      'pictures of the training split to calibrate with (default: 512)',
      parseCount,
    )
    .addOption(
      new Option(
        '--method <name>',
        'without data: --data is read for the accuracy only; all compares them, OUT is a folder',
      ).choices([...METHODS, 'all']),
    )
    .addOption(
      new Option(
        '--as <form>',
        'a method as its paper or its release has it (default: paper)',
      ).choices(['paper', 'release']),
    )
    .addOption(
      new Option('--clipping <name>', 'where aciq clips activations (default: laplace)').choices(
        CLIPPINGS,
      ),
    )
    .addOption(
      new Option(
        '--correct <how>',
        'how dfq corrects biases: by batch norms, or over distilled pictures (default: analytic)',
      ).choices(CORRECTIONS),
    )
    .option(
      '--mixed <size>',
      'zeroq chooses 2, 4 or 8 bits for each layer: bits of a weight in the mean, or such as 130KB',
      parseSize,
    )
    .option('--epochs <n>', "of methods that train (default: the release's, hours)", parseCount)
    .option(
      '--steps <n>',
      'steps of distilling of zeroq (default: 500), or iterations an epoch of gdfq and zaq ' +
        '(default: 200, 60)',
      parseCount,
    )
    .option('--seed <n>', 'of noise that pictures are made of (default: 0)', parseSeed)
    .option(
      '--resume',
      'go on from the checkpoint beside OUT, of methods that train; without one it begins anew',
    )
    .addOption(
      new Option('--observer <name>', 'how ranges are chosen (default: minmax)').choices(OBSERVERS),
    )
    .option('--percentile <p>', 'percent of numbers to keep (default: 99.99)', parsePercent)
    .option('--limit <n>', 'measure the accuracy on the first n pictures only', parseCount)
    .option('--batch <n>', 'pictures a run (default: 32)', parseCount)
    .option(
      '--preprocess <file.json>',
      'preprocessing and labels (default: IN.json beside IN, else what IN carries)',
    )
    .option('--html <file>', 'write a page with charts of every layer')
    .action(async (from, to, flags) =>
      (await import('./quantize.js')).quantize(from, to, flags, io),
    );

  const fusing = command('fuse <models...>', 'several networks of one architecture in one store');
  fusing.registeredArguments[0]!.argParser(gatherModels);
  running(fromFile(fusing))
    .requiredOption('-o, --out <file>', 'the store, a safetensors file')
    .addOption(
      new Option(
        '--method <name>',
        'block floats, fields of 32-bit floats, or floats that tasks take by masks',
      )
        .choices(FUSE_METHODS)
        .makeOptionMandatory(),
    )
    .option(
      '--bits <n,m|auto>',
      'bfp: bits of the mantissa of each task; ieee754: the bits that the first task gives up, ' +
        'then those that the others keep; auto: the fewest within --tolerance',
      parseBits,
    )
    .option(
      '--granularity <what>',
      'what shares an exponent of bfp: tensor, channel, or blocks, as block32 (default: tensor)',
      parseGranularity,
    )
    .addOption(
      new Option('--rounding <rule>', 'of mantissas of bfp (default: nearest)').choices(
        MANTISSA_ROUNDINGS,
      ),
    )
    .addOption(
      new Option(
        '--dither <rule>',
        "the bits below a task's own when it is read: none, the others', or random ones " +
          '(default: mask for bfp, noise for ieee754)',
      ).choices(DITHERS),
    )
    .option(
      '--tolerance <percent>',
      'what --bits auto may lose of top-1, in points (default: 0.2)',
      parseLoss,
    )
    .option(
      '--task <name[=dataset]>',
      "a task's name, and the data set for its accuracy; one for each model, in their order",
      gatherTasks,
    )
    .option('--data <dir>', "the data sets' folder or its parent (default: $BITPLANE_DATA)")
    .option('--limit <n>', 'only the first n pictures of each data set', parseCount)
    .option('--batch <n>', 'pictures a run (default: 32)', parseCount)
    .option('--html <file>', 'write a page with charts')
    .action(async (models, flags) => (await import('./fuse.js')).fuse(models, flags, io));

  command(
    'train <recipe>',
    'a network trained by the recipe of a paper, packed and checked; or `train classifier`, ' +
      '`packnet` or `piggyback`: a task added to --trunk; or `train grid`: --trunk tuned for few ' +
      'bits',
  )
    .addOption(datasetOption().makeOptionMandatory())
    .option('--data <dir>', "the data set's folder or its parent (default: $BITPLANE_DATA)")
    .requiredOption(
      '--out <path>',
      'folder of the trained network, its log and checkpoints; of a task the store, of grid the ' +
        'model: a safetensors file',
    )
    .addOption(
      new Option('--model <name>', 'the network (default: resnet-20)').choices([
        'resnet-20',
        'resnet-18',
        'vgg-small',
        'lfc',
      ]),
    )
    .option('--epochs <n>', "of all phases together (default: the recipe's)", parseCount)
    .option('--width <n>', "channels of the first stage (default: the network's)", parseCount)
    .option('--batch <n>', 'pictures a step (default: 256)', parseCount)
    .option('--seed <n>', 'of parameters, order and augmentation (default: 0)', parseSeed)
    .option('--size <n>', 'height and width of pictures of a folder', parseCount)
    .option('--teacher <path>', 'a float training, or a model file, for recipes with a teacher')
    .option(
      '--without <part>',
      'a part of the recipe to leave out: stages, double-shortcut, gate, attention; repeatable',
      gather,
    )
    .option(
      '--calibrate <n>',
      'batches to count the statistics of batch norms anew with, when training has ended',
      parseCount,
    )
    .option('--threads <n>', 'threads of a step (default: all cores)', parseThreads)
    .option(
      '--resume',
      'go on from the checkpoint in --out, of tasks beside it; without one training begins anew',
    )
    .option('--trunk <model>', 'what a task is added to: a model, or a store of tasks', modelFile)
    .option(
      '--trunk-task <name[=dataset]>',
      "the name of a model's own task; packnet trains it again on its data set",
      gatherTasks,
    )
    .option('--task <name>', "the new task's name (default: that of the data set)")
    .option(
      '--prune <share>',
      'packnet: the share of weights that each task gives up (default: 0.5)',
      parseShare,
    )
    .addOption(
      new Option(
        '--masks <kind>',
        'piggyback: masks of 0 and 1, or of -1, 0 and 1 (default: binary)',
      ).choices(MASK_KINDS),
    )
    .option('--norms', "classifier: train the task's batch norms with its head, in whole epochs")
    .option('--distill', 'packnet, grid: learn from the network before pruning or rounding too')
    .option('--bits <n>', 'grid: bits of the mantissa of each weight', parseCount)
    .option(
      '--granularity <what>',
      'grid: what shares an exponent, tensor or channel',
      parseGranularity,
    )
    .addOption(
      new Option(
        '--exponents <rule>',
        'grid: exponents stay, or are trained with the weights (default: frozen)',
      ).choices(EXPONENT_RULES),
    )
    .option('--limit <n>', 'tasks: only the first n pictures of each data set', parseCount)
    .option('--html <file>', 'tasks: write a page with curves')
    .action(async (recipe, flags) => (await import('./train.js')).trainCommand(recipe, flags, io));

  command('doctor', 'what this machine offers, and why the addon does not load').action(
    async (flags) => exit((await import('./doctor.js')).doctor(version(), flags, io)),
  );

  program
    .command('demo', { hidden: true })
    .description('a binary network, trained on drawn pictures and packed; or run on real ones')
    .option('--data <dir>', 'folder of data sets (default: $BITPLANE_DATA)')
    .action(async (flags) => exit(await (await import('./demo.js')).demo(flags, io)));
  return program;
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
