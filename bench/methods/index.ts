/**
 * The steps of methods without data against PyTorch's on the same threads, taking turns; of its two
 * layouts the faster. Needs BITPLANE_DATA with models/resnet20-cifar10.onnx, and PyTorch. Not here:
 * accuracies (docs/methods).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Graph, loadModel, methods, Session, StateStore, Tensor } from 'bitplane';
import { random } from '../random.js';
import { type Row, Skip, type Workload } from '../report.js';
import { startTorch, type Torch } from './torch.js';

const THREADS = 2;
const ROUNDS = 6;
/** Steps a turn. */
const STEPS = { distill: 10, student: 2 };
const DISTILLED = { count: 32, steps: 500 };
const BATCH = 200;

export const dataFree: Workload = {
  name: 'methods',
  async rows() {
    const path = join(process.env['BITPLANE_DATA'] ?? '', 'models', 'resnet20-cifar10.onnx');
    if (!existsSync(path)) throw new Skip('needs BITPLANE_DATA with models/resnet20-cifar10.onnx');
    const graph = await loadModel(path);
    const rivals: Torch[] = [];
    try {
      for (const layout of ['first', 'last'] as const)
        rivals.push(await startTorch(THREADS, BATCH, layout));
      return [...(await distilling(graph, rivals)), ...(await student(graph, rivals))];
    } finally {
      for (const rival of rivals) rival.end();
    }
  },
};

async function distilling(graph: Graph, rivals: readonly Torch[]): Promise<Row[]> {
  const { count, steps } = DISTILLED;
  let start: Awaited<ReturnType<typeof methods.distill>>['pictures'] | undefined;
  const { own, other } = await turns('distill', rivals, async () => {
    const at: number[] = [];
    const done = await methods.distill(graph, {
      ...{ count, steps: STEPS.distill + 1 },
      session: { threads: THREADS },
      ...(start !== undefined && { start }),
      onStep: () => at.push(performance.now()),
    });
    start = done.pictures;
    // From the first step on: what comes before compiles the step.
    return (at.at(-1)! - at[0]!) / 1000 / STEPS.distill;
  });
  const what = `distilling ${count} pictures, ResNet-20, ${THREADS} threads`;
  return [
    { what: `${what}: ${steps} steps`, value: own * steps, unit: 's', goal: { max: 20 } },
    ratio(`${what}: PyTorch / bitplane`, own, other, 1.3),
  ];
}

async function student(graph: Graph, rivals: readonly Torch[]): Promise<Row[]> {
  const step = methods.gdfqStudentStep(graph, {
    ...{ weights: 4, activations: 4, batchSize: BATCH },
  });
  const states = new StateStore(step);
  const session = Session.fromGraph(step, { threads: THREADS, states });
  const next = random(1);
  const feeds = Object.fromEntries(
    step.inputs.map(({ name, shape }) => {
      const size = (shape as readonly number[]).reduce((a, b) => a * b, 1);
      // Single numbers: the rate, and what moving means are corrected by.
      const data = Float32Array.from({ length: size }, () => (size === 1 ? 1e-4 : next()));
      if (name === 'correction') data[0] = 1;
      return [name, new Tensor('f32', data, shape as readonly number[])];
    }),
  );
  const { own, other } = await turns('student', rivals, async () => {
    const began = performance.now();
    for (let i = 0; i < STEPS.student; i++) await session.run(feeds as never);
    return (performance.now() - began) / 1000 / STEPS.student;
  });
  await session.release();
  states.release();
  const what = `GDFQ's student step, W4A4, batch ${BATCH}, ${THREADS} threads`;
  return [ratio(`${what}: PyTorch / bitplane`, own, other, 1.2)];
}

/** The best seconds a step of both, after a turn each that warms up; of PyTorch's the faster. */
async function turns(
  what: keyof typeof STEPS,
  rivals: readonly Torch[],
  own: () => Promise<number>,
): Promise<{ readonly own: number; readonly other: number }> {
  let best = { own: Number.POSITIVE_INFINITY, other: Number.POSITIVE_INFINITY };
  for (let round = 0; round <= ROUNDS; round++) {
    const seconds = await own();
    const others: number[] = [];
    for (const rival of rivals) others.push((await rival.steps(what, STEPS[what])) / STEPS[what]);
    if (round === 0) continue;
    best = {
      own: Math.min(best.own, seconds),
      other: others.reduce((a, b) => Math.min(a, b), best.other),
    };
  }
  return best;
}

function ratio(what: string, own: number, other: number, goal: number): Row {
  const note = `${(1000 * own).toFixed(1)} ms a step; PyTorch ${(1000 * other).toFixed(1)}`;
  return { what, value: other / own, unit: 'x', goal: { min: goal }, note };
}
