/** Commands that make a model of others: convert, quantize, fuse. */
import { Option } from 'commander';
import { DIALECTS } from '../../formats/onnx/dialects.js';
import { offering, oneOf } from '../choices.js';
import {
  DITHERS,
  FUSE_METHODS,
  gatherModels,
  MANTISSA_ROUNDINGS,
  parseBits,
  parseGranularity,
  parseLoss,
} from '../fuse-options.js';
import { parseCount, parseSeed } from '../options.js';
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
} from '../quantize-options.js';
import {
  datasetOption,
  fromFile,
  MODELS,
  ofStore,
  onModel,
  optimized,
  type Register,
  running,
  taskAndDataset,
  taskOption,
} from './setup.js';

export const converting: Register = ({ command, io }) => {
  optimized(
    onModel(
      command(
        'convert <in> <out>',
        'ONNX or QONNX to bitplane safetensors, or any of them to ONNX or QONNX, with ' +
          'preprocessing and labels',
        [
          'bitplane convert model.onnx model.safetensors',
          'bitplane convert model.safetensors model.onnx --format onnx',
          'bitplane convert both.safetensors one.safetensors --export-task one',
        ],
      ),
    ),
  )
    .addOption(
      oneOf(new Option('--format <name>', 'what OUT is (default: safetensors)'), [
        'safetensors',
        ...DIALECTS,
      ]),
    )
    .option(
      '--preprocess <file.json>',
      'preprocessing and labels to carry (default: IN.json beside IN, else what IN carries)',
    )
    .addOption(
      taskOption('--export-task <name>', 'of a store of several networks: the one to write'),
    )
    .option(
      '--merge-affines',
      'batch norms, scales and shifts in a row become one: faster, and floats round once less',
    )
    .action(async (from, to, flags) =>
      (await import('../convert.js')).convert(from, to, flags, io),
    );

  running(
    fromFile(
      ofStore(
        onModel(
          command(
            'quantize <in> <out>',
            'few bits for a float network, by the ranges that pictures show',
            [
              'bitplane quantize net.onnx net8.safetensors --weights 8 --activations 8 ' +
                '--per-channel --dataset folder --data pictures',
              'bitplane quantize net.onnx net4.safetensors --weights 4 --method dfq',
              'bitplane quantize store.safetensors store8.safetensors --task cifar10 ' +
                '--weights shared --dataset cifar10 --data DIR',
            ],
          ),
        ),
      ),
    ),
  )
    .requiredOption(
      '--weights <spec>',
      "bits of weights, or a spec such as int4-channel, ternary, log4, bfp6-block16; 'float'; " +
        "'shared': those of a store stay, OUT is the store",
      parseChoice,
    )
    .option(
      '--activations <spec>',
      "bits of activations, or a spec such as int8; or 'float' (default: float; beside shared " +
        'weights 8)',
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
      oneOf(
        new Option(
          '--method <name>',
          'without data: --data is read for the accuracy only; all compares them, OUT is a folder',
        ),
        [...METHODS, 'all'],
      ),
    )
    .addOption(
      oneOf(
        new Option('--as <form>', 'a method as its paper or its release has it (default: paper)'),
        ['paper', 'release'],
      ),
    )
    .addOption(
      oneOf(
        new Option('--clipping <name>', 'where aciq clips activations (default: laplace)'),
        CLIPPINGS,
      ),
    )
    .addOption(
      oneOf(
        new Option(
          '--correct <how>',
          'how dfq corrects biases: by batch norms, or over distilled pictures (default: analytic)',
        ),
        CORRECTIONS,
      ),
    )
    .option(
      '--mixed <size>',
      'zeroq chooses 2, 4 or 8 bits for each layer: bits of a weight in the mean, or such as 130KB',
      parseSize,
    )
    .option('--epochs <n>', "of methods that train (default: the release's, hours)", parseCount)
    .option(
      '--steps <n>',
      'steps of distilling of zeroq (default: 500) and of dfq --correct empirical (100), or ' +
        'iterations an epoch of gdfq and zaq (200, 60)',
      parseCount,
    )
    .option('--seed <n>', 'of noise that pictures are made of (default: 0)', parseSeed)
    .option(
      '--resume',
      'go on from the checkpoint beside OUT, of methods that train; without one it begins anew',
    )
    .addOption(
      oneOf(new Option('--observer <name>', 'how ranges are chosen (default: minmax)'), OBSERVERS),
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
      (await import('../quantize.js')).quantize(from, to, flags, io),
    );

  const fusing = command('fuse <models...>', 'several networks of one architecture in one store', [
    'bitplane fuse a.safetensors b.safetensors -o both.safetensors --method bfp --bits 8,8',
    'bitplane fuse a.safetensors b.safetensors -o both.safetensors --method bfp --bits auto ' +
      '--task one=cifar10 --task two=cifar100 --data DIR',
  ]);
  offering(fusing.registeredArguments[0]!.argParser(gatherModels), MODELS);
  running(fromFile(fusing))
    .requiredOption('-o, --out <file>', 'the store, a safetensors file')
    .addOption(
      oneOf(
        new Option(
          '--method <name>',
          'block floats, fields of 32-bit floats, or floats that tasks take by masks',
        ),
        FUSE_METHODS,
      ).makeOptionMandatory(),
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
      oneOf(
        new Option('--rounding <rule>', 'of mantissas of bfp (default: nearest)'),
        MANTISSA_ROUNDINGS,
      ),
    )
    .addOption(
      oneOf(
        new Option(
          '--dither <rule>',
          "the bits below a task's own when it is read: none, the others', or random ones " +
            '(default: mask for bfp, noise for ieee754)',
        ),
        DITHERS,
      ),
    )
    .option(
      '--tolerance <percent>',
      'what --bits auto may lose of top-1, in points (default: 0.2)',
      parseLoss,
    )
    .addOption(
      taskAndDataset(
        '--task <name[=dataset]>',
        "a task's name, and the data set for its accuracy; one for each model, in their order",
      ),
    )
    .option('--data <dir>', "the data sets' folder or its parent (default: $BITPLANE_DATA)")
    .option('--limit <n>', 'only the first n pictures of each data set', parseCount)
    .option('--batch <n>', 'pictures a run (default: 32)', parseCount)
    .option('--html <file>', 'write a page with charts')
    .action(async (models, flags) => (await import('../fuse.js')).fuse(models, flags, io));
};
