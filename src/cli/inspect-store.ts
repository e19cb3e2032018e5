/**
 * `bitplane inspect` of a store: its tasks, what it takes with everything counted, what it saves,
 * and what is resident when it runs. Not here: the layers of a task (./inspect.ts).
 */
import { basename } from 'node:path';
import { showShape } from '../core/shape.js';
import { openStore } from '../formats/model.js';
import { Session } from '../formats/session.js';
import type { Store } from '../formats/store/store.js';
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
  /** Bytes of weights in the form that kernels read, once its first program is built. */
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
  const tasks: Task[] = [];
  for (const number of store.tasks.keys()) tasks.push(await describe(store, number, flags));
  const packed = tasks.reduce((sum, { packedBytes }) => sum + packedBytes, 0);
  const resident = { store: sizes.total, packed, total: sizes.total + packed };
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
        `${bytes(resident.total)} with a program of each task: the store ${bytes(sizes.total)}, ` +
          `packed weights ${bytes(packed)} (${three(packed / sizes.total)} times the store)`,
      ],
    ]),
    '',
    '--task NAME shows the layers of a task.',
  );
}

async function describe(store: Store, number: number, flags: InspectFlags): Promise<Task> {
  const { name } = store.tasks[number] as Store['tasks'][0];
  const graph = taskGraph(store, name);
  const session = Session.fromGraph(graph, { ...toSessionOptions(flags), threads: 1 });
  try {
    session.kernels();
    const widths = store.weights.map(({ weights }) =>
      weights.method === 'bits'
        ? 1
        : weights.method === 'masks'
          ? 32
          : (weights.fields[number] as number),
    );
    return {
      name,
      bits: [...new Set(widths)].sort((a, b) => a - b),
      outputs: outputsOf(graph)
        .map(([output, { dtype, shape }]) => `${output} ${dtype} ${showShape(shape)}`)
        .join(', '),
      packedBytes: session.info.packedBytes,
    };
  } finally {
    await session.release();
  }
}
