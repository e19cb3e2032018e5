/** Commands that train: train, and the demo. */
import { Option } from 'commander';
import { gather, parseCount, parseSeed, parseThreads } from '../options.js';
import { datasetOption, examplesText, type Register } from './setup.js';

export const training: Register = ({ command, io, exit, program }) => {
  command('train <recipe>', 'a network trained by the recipe of a paper, packed and checked', [
    'bitplane train bi-real --dataset cifar10 --data DIR --out trained',
    'bitplane train bi-real --dataset cifar10 --data DIR --out trained --resume',
  ])
    .addOption(datasetOption().makeOptionMandatory())
    .option('--data <dir>', "the data set's folder or its parent (default: $BITPLANE_DATA)")
    .requiredOption('--out <dir>', 'where the trained network, its log and checkpoints go')
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
    .option('--resume', 'go on from the checkpoint in --out')
    .action(async (recipe, flags) => (await import('../train.js')).trainCommand(recipe, flags, io));

  program
    .command('demo')
    .description('a binary network, trained on drawn pictures and packed; or run on real ones')
    .option('--data <dir>', 'folder of data sets (default: $BITPLANE_DATA)')
    .addHelpText('after', examplesText(['bitplane demo', 'bitplane demo --data DIR']))
    .action(async (flags) => exit(await (await import('../demo.js')).demo(flags, io)));
};
