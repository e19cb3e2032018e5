/** Commands that run a model: run, check, eval, bench. */
import { Argument, Option } from 'commander';
import { offering, oneOf } from '../choices.js';
import { ENGINES } from '../engines.js';
import { modelFile } from '../model-file.js';
import { gather, parseCount, parseEngines, parseTolerance } from '../options.js';
import { datasetOption, MODELS, ofStore, onModel, type Register, session } from './setup.js';

export const runningCommands: Register = ({ command, io, exit }) => {
  session(
    ofStore(
      onModel(
        command('run <model>', 'run once on pictures or .npy files', [
          'bitplane run model.onnx --image cat.jpg dog.png',
          'bitplane run model.onnx --image pictures --html sheet.html',
          'bitplane run both.safetensors --task one --image cat.jpg',
          'bitplane run model.onnx --input image=x.npy --output logits=y.npy',
        ]),
      ),
    ),
  )
    .option('--image <files...>', 'picture files, or folders of them: their five best labels')
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
    .action(async (model, flags) => exit(await (await import('../run.js')).run(model, flags, io)));

  session(
    onModel(
      command('check <model>', 'an ONNX model, its results beside onnxruntime', [
        'bitplane check model.onnx',
        'bitplane check model.onnx --input image=x.npy --tolerance 1e-5',
      ]),
      false,
    ),
  )
    .option('--input <[name=]file.npy>', 'feed of an input (default: random); repeatable', gather)
    .option('--seed <n>', 'of random inputs (default: 1)', parseCount)
    .option('--runs <n>', 'runs, each on other random inputs (default: 1)', parseCount)
    .option(
      '--tolerance <t>',
      'how far results may be apart: |a - b| <= t * max(1, |b|) (default: 1e-4)',
      parseTolerance,
    )
    .action(async (model, flags) =>
      exit(await (await import('../check.js')).check(model, flags, io)),
    );

  session(
    ofStore(
      onModel(
        command('eval <model>', 'accuracy on a data set', [
          'bitplane eval model.onnx --dataset cifar10 --data DIR',
          'bitplane eval model.onnx --dataset folder --data pictures --preprocess recipe.json',
        ]),
      ),
    ),
  )
    .addOption(datasetOption().makeOptionMandatory())
    .option('--data <dir>', "the data set's folder or its parent (default: $BITPLANE_DATA)")
    .addOption(
      oneOf(
        new Option('--split <split>', 'which part of mnist, cifar10 or cifar100 (default: test)'),
        ['test', 'train'],
      ),
    )
    .option('--limit <n>', 'only the first n pictures', parseCount)
    .option('--batch <n>', 'pictures a run (default: 32)', parseCount)
    .option(
      '--preprocess <file.json>',
      'preprocessing (default: MODEL.json beside the model, else what the model carries)',
    )
    .option('--strict', 'a picture that cannot be read is an error, and not skipped')
    .action(async (model, flags) => (await import('../eval.js')).evalCommand(model, flags, io));

  session(
    ofStore(
      command('bench', 'latency of a model, or `bench kernels`: every kernel against its bound', [
        'bitplane bench model.onnx --threads 1 --vs onnxruntime',
        'bitplane bench zoo:bi-real-18 --profile --html times.html',
        'bitplane bench kernels --isa avx2',
      ]),
    ),
  )
    .addArgument(
      offering(new Argument('<model>', 'a model file, or the word kernels').argParser(modelFile), {
        values: async () => ['kernels', ...(await MODELS.values())],
        form: 'file',
      }),
    )
    .option(
      '--repeat <n>',
      'timed runs (default: 100; training steps: 5; of each kernel: as many as fit into 60 ms)',
      parseCount,
    )
    .option('--batch <n>', 'size of a symbolic batch (default: 1)', parseCount)
    .option('--input <[name=]file.npy>', 'feed of an input (default: random); repeatable', gather)
    .option('--profile', 'time of every layer')
    .option('--train', 'a training step of a zoo network, of 32 pictures unless --batch says')
    .addOption(
      offering(
        new Option(
          '--vs <engines>',
          'time other engines on the same model: onnxruntime, onnxruntime-web, with commas between',
        ).argParser(parseEngines),
        { values: () => Object.keys(ENGINES), form: 'list' },
      ),
    )
    .option('--html <file>', 'write a page with charts of times, memory and sizes')
    .action(async (model, flags) => {
      if (model === 'kernels') await (await import('../bench-kernels.js')).benchKernels(flags, io);
      else if (flags.train === true)
        await (await import('../bench-training.js')).benchTraining(model, flags, io);
      else await (await import('../bench.js')).bench(model, flags, io);
    });
};
