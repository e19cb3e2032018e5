/**
 * `bitplane check`: an ONNX model here and in onnxruntime, on the same input, and how far apart
 * their results are. Not here: onnxruntime (./onnxruntime.ts), the arithmetic (compare-numbers.ts).
 */
import { basename } from 'node:path';
import type { DType } from '../core/dtype.js';
import { BitplaneError } from '../core/errors.js';
import { sameShape, showShape } from '../core/shape.js';
import type { Session } from '../formats/session.js';
import type { Tensors } from '../runtime/run-rows.js';
import { compareNumbers, type Difference, NO_DIFFERENCE, type Worst } from './compare-numbers.js';
import { feedsOfFiles } from './feeds-of-files.js';
import { type Io, printJson, printLines, verbatim } from './io.js';
import { numbersOf, Onnxruntime } from './onnxruntime.js';
import { withSession } from './open-session.js';
import type { SessionFlags } from './options.js';
import { startProgress } from './progress.js';
import { randomFeeds, seededRandom } from './random-feeds.js';
import { type Block, facts, table } from './table.js';
import { isQuiet } from './waiting.js';

export interface CheckFlags extends SessionFlags {
  readonly input?: readonly string[];
  readonly seed?: number;
  readonly runs?: number;
  readonly tolerance?: number;
  readonly json?: boolean;
}

const SEED = 1;
const RUNS = 1;
const TOLERANCE = 1e-4;

/** An output of the model, here and there. */
interface Row {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Its shape in onnxruntime, where that is another; nothing is compared then. */
  readonly otherShape: readonly number[] | undefined;
  readonly difference: Difference;
}

/** @returns the exit code: 1 where any element differs by more than the tolerance */
export async function check(model: string, flags: CheckFlags, io: Io): Promise<number> {
  const { seed = SEED, runs = RUNS, tolerance = TOLERANCE } = flags;
  return withSession(model, flags, io, async (session) => {
    const read = await feedsOfFiles(flags.input ?? [], session.inputMetadata, io);
    const other = await Onnxruntime.open(model, {
      op: 'check',
      need: 'check',
      threads: 1,
      optimize: false,
    });
    const progress = startProgress(io, 'check', runs, isQuiet(flags, io));
    try {
      const rows = new Map<string, Row>();
      const random = seededRandom(seed);
      let feeds: Tensors = {};
      for (let run = 1; run <= runs; run++) {
        const given = session.inputMetadata.filter(({ name }) => !Object.hasOwn(read.feeds, name));
        const drawn = randomFeeds(given, 1, { random, op: 'check' });
        feeds = other.suited({ ...drawn, ...read.feeds });
        await compareRun({ session, other, feeds, tolerance, run, rows });
        progress.update(run);
      }
      progress.finish();
      const outputs = [...rows.values()];
      const agrees = outputs.every(
        (row) => row.difference.beyond === 0 && row.otherShape === undefined,
      );
      const { isa, threads } = session.info;
      const notes = [...read.notes, ...(other.has('float16') ? [HALVES] : [])];
      if (flags.json === true)
        printJson(io, {
          model,
          engine: other.name,
          isa,
          threads,
          seed,
          runs,
          tolerance,
          inputs: Object.entries(feeds).map(([name, { dtype, shape }]) => {
            return { name, dtype, shape, file: read.files.get(name) ?? null };
          }),
          outputs: verbatim(
            outputs.map(({ difference, otherShape = null, ...output }) => {
              return { ...output, otherShape, ...difference };
            }),
          ),
          agrees,
          notes,
        });
      else
        printLines(
          io,
          facts([
            ['model', basename(model)],
            ['beside', `${other.name}, every node as it is written`],
            [
              'input',
              `${Object.entries(feeds)
                .map(([name, { dtype, shape }]) => `${name} ${dtype} ${showShape(shape)}`)
                .join(', ')}; ${runs} run${runs === 1 ? '' : 's'}, seed ${seed}`,
            ],
            ['session', `${isa}, ${threads} thread${threads === 1 ? '' : 's'}`],
          ]),
          notes,
          '',
          outputTable(outputs),
          '',
          outputs.flatMap(worstOf),
          agrees
            ? `agrees: every |a - b| is at most ${tolerance} * max(1, |b|)`
            : `differs: not every |a - b| is at most ${tolerance} * max(1, |b|)`,
        );
      return agrees ? 0 : 1;
    } finally {
      progress.finish();
      await other.release();
    }
  });
}

const HALVES =
  'the model has float16, in which onnxruntime rounds and bitplane, which computes in float32, ' +
  'does not: differences of 1e-3 are to be expected';

interface Run {
  readonly session: Session;
  readonly other: Onnxruntime;
  readonly feeds: Tensors;
  readonly tolerance: number;
  readonly run: number;
  /** What was found so far, by output. */
  readonly rows: Map<string, Row>;
}

/** @throws BitplaneError ERR_UNSUPPORTED for a result that is no tensor of numbers */
async function compareRun({ session, other, feeds, tolerance, run, rows }: Run): Promise<void> {
  const ours = (await session.run(feeds)) as Tensors;
  const theirs = await other.run(other.prepare(feeds));
  for (const name of session.outputNames) {
    const tensor = ours[name] as Tensors[string];
    const result = theirs[name];
    if (result === undefined || !('data' in result) || Array.isArray(result.data))
      throw new BitplaneError('ERR_UNSUPPORTED', 'onnxruntime gives no numbers for this output', {
        op: 'check',
        node: name,
      });
    const { shape, data } = numbersOf(result);
    const { dtype } = tensor;
    const before = rows.get(name)?.difference ?? NO_DIFFERENCE;
    const fits = sameShape(shape, tensor.shape);
    const found = fits ? compareNumbers(tensor.data, data, tolerance, before, run) : before;
    const otherShape = fits ? rows.get(name)?.otherShape : shape;
    rows.set(name, { name, dtype, shape: tensor.shape, otherShape, difference: found });
  }
}

function outputTable(rows: readonly Row[]): Block {
  return table<Row>(
    [
      { title: 'output', cell: (row) => row.name },
      { title: 'dtype', cell: (row) => row.dtype },
      { title: 'shape', cell: (row) => showShape(row.shape) },
      { title: '|a - b|', cell: (row) => small(row.difference.maxAbs), align: 'right' },
      { title: 'relative', cell: (row) => small(row.difference.maxRel), align: 'right' },
      {
        title: 'beyond',
        cell: (row) => `${row.difference.beyond} of ${row.difference.elements}`,
        align: 'right',
      },
      { title: 'unequal', cell: (row) => String(row.difference.unequal), align: 'right' },
      { title: 'signs', cell: (row) => String(row.difference.signs), align: 'right' },
    ],
    rows,
  );
}

/** `0`, `2.4e-7`, `Infinity`. */
function small(value: number): string {
  return value === 0 || !Number.isFinite(value) ? String(value) : value.toExponential(1);
}

/** What the worst element is, where it is beyond the tolerance. */
function worstOf({ name, shape, otherShape, difference: { beyond, worst } }: Row): string[] {
  if (otherShape !== undefined)
    return [`${name}: shape ${showShape(shape)} here, ${showShape(otherShape)} in onnxruntime`];
  if (beyond === 0 || worst === undefined) return [];
  const { ours, theirs } = worst;
  const place = `element ${showShape(indicesOf(worst, shape))} of run ${worst.run}`;
  return [`${name}: the worst is ${place}: ${ours} here, ${theirs} in onnxruntime`];
}

/** The indices of an element, outermost first. */
function indicesOf({ element }: Worst, shape: readonly number[]): number[] {
  let rest = element;
  return [...shape]
    .reverse()
    .map((size) => {
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    })
    .reverse();
}
