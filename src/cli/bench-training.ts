/**
 * `bitplane bench zoo:NAME --train`: time and memory of a training step, gradients, optimizer and
 * running statistics included, on seeded pictures. Not here: runs (bench.ts); what is learned
 * (train.ts).
 */
import { byteLength } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import { Session } from '../formats/session.js';
import { statesOf } from '../graph/value.js';
import { addon } from '../native/addon.js';
import { withoutFeatures } from '../native/features.js';
import { Tensor } from '../tensor/tensor.js';
import { crossEntropy } from '../train/losses.js';
import { sgd } from '../train/optimizer.js';
import { trainingStep } from '../train/step.js';
import { zooEntry } from '../zoo/registry.js';
import type { BenchFlags } from './bench.js';
import { microseconds, percent, three } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { type Elsewhere, notHere, refuseElsewhere } from './not-here.js';
import { toSessionOptions } from './options.js';
import { startProgress } from './progress.js';
import { seededRandom } from './random-feeds.js';
import { summarize, timeCalls } from './statistics.js';
import { facts } from './table.js';
import { isZooName } from './zoo-name.js';

/** Options of `bench MODEL` that mean nothing for a training step, and why. */
const ELSEWHERE: Elsewhere<BenchFlags> = [
  ['profile', '--profile', 'the layers of a training step are not profiled'],
  ['html', '--html', 'the page is about the runs of a model'],
  ['vs', '--vs', 'onnxruntime runs networks, and trains none here'],
  ['signZero', '--sign-zero', 'it is about the Sign of an ONNX model'],
  ['input', '--input', 'a step is timed on random pictures'],
  ['maxNodes', '--max-nodes', 'it is about a model file'],
  ['shape', '--shape', 'it is about the inputs of a model file'],
  [
    'multiThresholdAxis',
    '--multi-threshold-axis',
    'it is about the MultiThreshold of an ONNX model',
  ],
];

const REPEAT = 5;
const BATCH = 32;
/** Untimed steps: the first fills memory, and the plan has run once. */
const WARM_UP = 2;

/** @throws BitplaneError ERR_ARGUMENT for a file, or an option that means nothing here */
export async function benchTraining(model: string, flags: BenchFlags, io: Io): Promise<void> {
  refuseElsewhere(flags, ELSEWHERE);
  if (!isZooName(model))
    throw notHere('--train', `"${model}" is a finished graph; networks of the zoo can be trained`);
  const { batch = BATCH, repeat = REPEAT } = flags;
  const network = zooEntry(model.slice('zoo:'.length)).build();
  const residentBefore = process.memoryUsage.rss();
  const step = trainingStep(network as never, network.init(1), {
    batchSize: batch,
    optimizer: sgd({ rate: 0.01, momentum: 0.9 }),
    loss: ({ g, output, targets }) => crossEntropy(g, output, targets),
  });
  const session = Session.fromGraph(step.graph, toSessionOptions(flags));
  try {
    const feeds = {
      ...pictures(network.input.name, [batch, ...(network.input.shape.slice(1) as number[])]),
      ...oneHot(batch, network.outputShape[0] as number),
      ...step.numbers(1, 1),
    };
    const run = () => session.run(feeds as never);
    const quiet = flags.json === true && io.stderr.isTTY !== true;
    const progress = startProgress(io, 'bench', repeat, quiet);
    await timeCalls(run, WARM_UP);
    const { isa, threads } = session.info;
    // Before and after the steps: another load on the machine makes it smaller.
    const boundBefore = multiplyAdds(isa);
    const samples: number[] = [];
    for (let i = 0; i < repeat; i++) {
      const [us] = await timeCalls(run, 1);
      samples.push(us as number);
      progress.update(i + 1);
    }
    progress.finish();
    const timing = summarize(samples);
    const bound = Math.max(boundBefore, multiplyAdds(isa)) * threads;
    const layers = await session.profile(1, feeds as never);
    const floatMacs = layers.reduce((sum, { macs }) => sum + macs.float, 0);
    const fmaShare = floatMacs / (timing.minUs * 1e-6) / bound;
    const { arenaBytes, packedBytes } = session.info;
    const stateBytes = statesOf(step.graph).reduce(
      (sum, { dtype, shape }) => sum + byteLength(dtype, elementCount(shape)),
      0,
    );
    const peakBytes = arenaBytes + stateBytes + packedBytes;
    const residentGrowthBytes = Math.max(0, process.resourceUsage().maxRSS * 1024 - residentBefore);
    const imagesPerSecond = (batch / timing.medianUs) * 1e6;
    if (flags.json === true)
      printJson(io, {
        model,
        isa,
        threads,
        batch,
        repeat,
        ...timing,
        imagesPerSecond,
        floatMacs,
        fmaShare,
        peakBytes,
        arenaBytes,
        stateBytes,
        packedBytes,
        residentGrowthBytes,
      });
    else
      printLines(
        io,
        facts([
          ['model', `${model}, a training step of ${batch}`],
          ['session', `${isa}, ${threads} thread${threads === 1 ? '' : 's'}, ${repeat} steps`],
          ['step', `${microseconds(timing.medianUs)} (median), ${three(imagesPerSecond)} images/s`],
          [
            'arithmetic',
            `${three(floatMacs / 1e9)} G multiply-adds of floats, in the fastest step ` +
              `${percent(100 * fmaShare)} of the bound of ${threads} cores`,
          ],
          ['memory', `${megabytes(peakBytes)} MB, resident +${megabytes(residentGrowthBytes)} MB`],
        ]),
      );
  } finally {
    await session.release();
  }
}

/** Multiply-adds of floats a second that one core can do, on registers. */
const multiplyAdds = (isa: string) => addon().bound('fma', isa, withoutFeatures());

const megabytes = (bytes: number) => three(bytes / 1e6);

function pictures(name: string, shape: readonly number[]) {
  const random = seededRandom(1);
  const data = Float32Array.from({ length: elementCount(shape) }, () => 2 * random() - 1);
  return { [name]: new Tensor('f32', data, shape) };
}

/** Picture i is of class i, counted round. */
function oneHot(batch: number, classes: number) {
  const data = new Float32Array(batch * classes);
  for (let i = 0; i < batch; i++) data[i * classes + (i % classes)] = 1;
  return { targets: new Tensor('f32', data, [batch, classes]) };
}
