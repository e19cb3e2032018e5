/**
 * `bitplane inspect` of a store: its tasks, what it takes with everything counted, what it saves,
 * and what is resident when it runs. Not here: the layers of a task (./inspect.ts).
 */
import { basename } from 'node:path';
import { showShape } from '../core/shape.js';
import { openStore } from '../formats/model.js';
import { Session } from '../formats/session.js';
import type { Store } from '../formats/store/store.js';
import { isTrunk } from '../formats/store/trunk-weights.js';
import { taskGraph } from '../fusion/store-file.js';
import { storeSizes } from '../fusion/store-sizes.js';
import { outputsOf } from '../graph/value.js';
import { bytes, three } from './format.js';
import { sizeFacts, sizeTable } from './fuse-report.js';
import type { InspectFlags } from './inspect.js';
import { type Io, printJson, printLines } from './io.js';
import { toSessionOptions } from './options.js';
import { type Column, facts, table } from './table.js';

interface Task {
  readonly name: string;
  /** Of its mantissas, in words; one number where all layers have the same. */
  readonly bits: readonly number[];
  readonly outputs: string;
  /** Bytes of weights in the form that kernels read, beyond those of the tasks before. */
  readonly packedBytes: number;
}

const COLUMNS: readonly Column<Task>[] = [
  { title: 'task', cell: ({ name }) => name },
  { title: 'bits', cell: ({ bits }) => bits.join(', '), align: 'right' },
  { title: 'outputs', cell: ({ outputs }) => outputs },
  { title: 'packed weights', cell: (task) => bytes(task.packedBytes), align: 'right' },
];

export async function inspectStore(model: string, flags: InspectFlags, io: Io): Promise<void> {
  const store = await openStore(model);
  const sizes = storeSizes(store);
  const { tasks, packed, total } = await describeTasks(model, store, flags);
  const resident = { held: total - packed, packed, total };
  const [first] = store.weights;
  const method = store.weights.find(({ weights }) => weights.method !== 'bits') ?? first;
  const { dither, seed } = store;
  if (flags.json === true) {
    printJson(io, {
      model,
      store: { method: method?.weights.method ?? null, dither, seed },
      tasks,
      sizes,
      resident,
      weights: store.weights.map(({ name, weights }) => ({
        name,
        method: weights.method,
        shape: weights.shape,
        ...('fields' in weights && { fields: weights.fields }),
      })),
    });
    return;
  }
  printLines(
    io,
    `${basename(model)}, a store: ${method?.weights.method}, low bits read as ${dither}`,
    '',
    table(COLUMNS, tasks),
    '',
    sizeTable(sizes),
    '',
    facts([
      ...sizeFacts(sizes, tasks.length),
      [
        'resident',
        `${bytes(total)} of weights with all tasks in use, ${three(total / sizes.total)} times ` +
          `the file: ${bytes(packed)} packed, ${bytes(resident.held)} as they lie in the file`,
      ],
    ]),
    '',
    '--task NAME shows the layers of a task.',
  );
}

/** Every task, and what they take in memory together once each has a program. */
async function describeTasks(model: string, store: Store, flags: InspectFlags) {
  const [{ name: first }] = store.tasks as readonly [Store['tasks'][0]];
  const options = { ...toSessionOptions(flags), threads: 1, warm: false } as const;
  const session = await Session.create(model, { ...options, task: first });
  try {
    const tasks: Task[] = [];
    for (const [number, { name }] of store.tasks.entries()) {
      const before = session.info.packedBytes;
      session.kernels({ task: name });
      const packedBytes = session.info.packedBytes - before;
      tasks.push({ ...describe(store, number), packedBytes });
    }
    const { packedBytes: packed, residentBytes: total } = session.info;
    return { tasks, packed, total };
  } finally {
    await session.release();
  }
}

function describe(store: Store, number: number): Omit<Task, 'packedBytes'> {
  const { name } = store.tasks[number] as Store['tasks'][0];
  const graph = taskGraph(store, name);
  const widths = store.weights.map(({ weights }) =>
    weights.method === 'bits' ? 1 : isTrunk(weights) ? 32 : (weights.fields[number] as number),
  );
  return {
    name,
    bits: [...new Set(widths)].sort((a, b) => a - b),
    outputs: outputsOf(graph)
      .map(([output, { dtype, shape }]) => `${output} ${dtype} ${showShape(shape)}`)
      .join(', '),
  };
}
