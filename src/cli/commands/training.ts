/** Commands that train: train, and the demo. */
import { Option } from 'commander';
import { RECIPE_MODELS, RECIPE_PARTS } from '../../zoo/recipe.js';
import { offering, oneOf, severalOf } from '../choices.js';
import { EXPONENT_RULES, MASK_KINDS, parseGranularity, parseShare } from '../fuse-options.js';
import { modelFile } from '../model-file.js';
import { parseCount, parseSeed, parseThreads } from '../options.js';
import { TASK_TRAININGS } from '../train-task-names.js';
import { datasetOption, examplesText, MODELS, type Register, taskAndDataset } from './setup.js';

export const training: Register = ({ command, io, exit, program }) => {
  const train = command(
    'train <recipe>',
    'a network trained by the recipe of a paper, packed and checked; or `train classifier`, ' +
      '`packnet` or `piggyback`: a task added to --trunk; or `train grid`: --trunk tuned for few ' +
      'bits',
    [
      'bitplane train bi-real --dataset cifar10 --data DIR --out trained',
      'bitplane train bi-real --dataset cifar10 --data DIR --out trained --resume',
      'bitplane train piggyback --trunk net.onnx --trunk-task things --dataset cifar10 ' +
        '--data DIR --out both.safetensors',
    ],
  );
  offering(train.registeredArguments[0]!, {
    values: async () => {
      const { recipeNames } = await import('../later.js');
      return [...recipeNames(), ...TASK_TRAININGS];
    },
  });
  train
    .addOption(datasetOption().makeOptionMandatory())
    .option('--data <dir>', "the data set's folder or its parent (default: $BITPLANE_DATA)")
    .requiredOption(
      '--out <path>',
      'folder of the trained network, its log and checkpoints; of a task the store, of grid the ' +
        'model: a safetensors file',
    )
    .addOption(
      oneOf(new Option('--model <name>', 'the network (default: resnet-20)'), RECIPE_MODELS),
    )
    .option('--epochs <n>', "of all phases together (default: the recipe's)", parseCount)
    .option('--width <n>', "channels of the first stage (default: the network's)", parseCount)
    .option('--batch <n>', 'pictures a step (default: 256; of tasks and grid: 128)', parseCount)
    .option('--seed <n>', 'of parameters, order and augmentation (default: 0)', parseSeed)
    .option('--size <n>', 'height and width of pictures of a folder', parseCount)
    .option('--teacher <path>', 'a float training, or a model file, for recipes with a teacher')
    .addOption(
      severalOf(
        new Option('--without <part>', 'a part of the recipe to leave out; repeatable'),
        RECIPE_PARTS,
      ),
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
    .addOption(
      offering(
        new Option(
          '--trunk <model>',
          'what a task is added to: a model, or a store of tasks',
        ).argParser(modelFile),
        MODELS,
      ),
    )
    .addOption(
      taskAndDataset(
        '--trunk-task <name[=dataset]>',
        "the name of a model's own task; packnet trains it again on its data set",
      ),
    )
    .option('--task <name>', "the new task's name (default: that of the data set)")
    .option(
      '--prune <share>',
      'packnet: the share of weights that each task gives up (default: 0.5)',
      parseShare,
    )
    .addOption(
      oneOf(
        new Option(
          '--masks <kind>',
          'piggyback: masks of 0 and 1, or of -1, 0 and 1 (default: binary)',
        ),
        MASK_KINDS,
      ),
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
      oneOf(
        new Option(
          '--exponents <rule>',
          'grid: exponents stay, or are trained with the weights (default: frozen)',
        ),
        EXPONENT_RULES,
      ),
    )
    .option('--limit <n>', 'tasks: only the first n pictures of each data set', parseCount)
    .option('--html <file>', 'tasks: write a page with curves')
    .action(async (recipe, flags) => (await import('../train.js')).trainCommand(recipe, flags, io));

  program
    .command('demo')
    .description('a binary network, trained on drawn pictures and packed; or run on real ones')
    .option('--data <dir>', 'folder of data sets (default: $BITPLANE_DATA)')
    .addHelpText('after', examplesText(['bitplane demo', 'bitplane demo --data DIR']))
    .action(async (flags) => exit(await (await import('../demo.js')).demo(flags, io)));
};
