/**
 * Accuracies that `bitplane fuse` measures: kept in a file beside the store, so that a second call
 * goes on where the first was stopped, and the choice of widths by them. Not here: fusing.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { BitplaneError, expected } from '../core/errors.js';
import { measureAccuracy } from '../data/accuracy.js';
import type { Dataset } from '../data/dataset.js';
import { everyOther } from '../data/every-other.js';
import { readBytes } from '../data/files.js';
import type { Recipe } from '../data/recipe.js';
import { encodeModel } from '../formats/safetensors/model.js';
import { Session } from '../formats/session.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { fewestBits } from '../fusion/fewest-bits.js';
import { roundedNetwork } from '../fusion/rounded-network.js';
import type { Graph } from '../graph/value.js';
import { MOST_MANTISSA_BITS } from '../quant/formats/block-float.js';
import { STORED_MANTISSA } from '../quant/formats/float-fields.js';
import { MOST_WORD_BITS } from '../quant/formats/fused.js';
import type { FuseFlags, WordFlags } from './fuse-options.js';
import type { Io } from './io.js';
import { toSessionOptions } from './options.js';
import { startProgress } from './progress.js';

/** A task whose accuracy can be measured. */
export interface MeasuredTask {
  readonly name: string;
  readonly graph: Graph;
  readonly data: Dataset;
  readonly recipe: Recipe;
}

export interface Accuracy {
  /** Percent. */
  readonly top1: number;
  readonly n: number;
}

/** What was measured of a task while its width was chosen. */
export interface Choice {
  readonly bits: number;
  readonly float: Accuracy;
  /** In the order of the bits. */
  readonly tried: readonly (Accuracy & { readonly bits: number })[];
}

/** Which pictures: all, or those that widths are chosen or confirmed on. */
export type Part = 'all' | 'choosing' | 'confirming';

const FORMAT = 1;
const MAX_BYTES = 2 ** 24;

export class Measurements {
  /** What measured last. */
  info: { readonly isa: string; readonly threads: number } | undefined;

  private constructor(
    private readonly flags: FuseFlags,
    private readonly io: Io,
    private readonly path: string,
    private readonly known: Map<string, Accuracy>,
  ) {}

  /** @throws BitplaneError ERR_FORMAT where the file beside the store is no such file */
  static async open(flags: FuseFlags, io: Io): Promise<Measurements> {
    const path = `${flags.out}.auto.json`;
    return new Measurements(flags, io, path, existsSync(path) ? await read(path) : new Map());
  }

  /** The accuracy of a network that is kept by its numbers. */
  async of(task: MeasuredTask, graph: Graph, label: string, part: Part): Promise<Accuracy> {
    const { isa, lowBit, limit } = this.flags;
    const { preprocess } = task.recipe;
    const what = [task.data.name, task.data.size, limit, part, isa, lowBit, preprocess];
    const key = createHash('sha256')
      .update(encodeModel(graph))
      .update(JSON.stringify(what))
      .digest('hex');
    const found = this.known.get(key);
    if (found !== undefined) return found;
    const accuracy = await this.measure(task, graph, label, part);
    this.known.set(key, accuracy);
    const text = JSON.stringify({ format: FORMAT, accuracies: Object.fromEntries(this.known) });
    await writeFileAtomic(this.path, new TextEncoder().encode(text));
    return accuracy;
  }

  /** The accuracy of a network, measured anew. */
  async measure(task: MeasuredTask, graph: Graph, label: string, part: Part): Promise<Accuracy> {
    const { json, batch, limit, threads, isa, lowBit } = this.flags;
    const size = Math.min(task.data.size, limit ?? task.data.size);
    const data =
      part === 'all' ? task.data : everyOther(task.data, part === 'choosing' ? 0 : 1, size);
    const total = Math.min(data.size, size);
    if (total === 0)
      throw expected('ERR_ARGUMENT', 'two pictures or more', size, { op: '--limit' });
    const silent = json === true && this.io.stderr.isTTY !== true;
    const progress = startProgress(this.io, `${task.name}, ${label}`, total, silent);
    const options = { ...(threads && { threads }), ...(isa && { isa }), ...(lowBit && { lowBit }) };
    const session = Session.fromGraph(graph, toSessionOptions(options));
    this.info = session.info;
    try {
      const { top1, n } = await measureAccuracy(session, data, task.recipe.preprocess, {
        limit: total,
        batch,
        onProgress: (done) => progress.update(done),
      });
      return { top1, n };
    } finally {
      progress.finish();
      await session.release();
    }
  }
}

async function read(path: string): Promise<Map<string, Accuracy>> {
  const wrong = (received: unknown) =>
    expected('ERR_FORMAT', 'accuracies that an earlier call measured', received, { node: path });
  const text = (await readBytes(path, MAX_BYTES)).toString('utf8');
  let json: { format?: unknown; accuracies?: unknown };
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong('no JSON');
  }
  const { accuracies } = json ?? {};
  if (json?.format !== FORMAT || accuracies === null || typeof accuracies !== 'object')
    throw wrong('another file');
  const known = new Map<string, Accuracy>();
  for (const [key, value] of Object.entries(accuracies as object)) {
    const { top1, n } = (value ?? {}) as Partial<Accuracy>;
    if (typeof top1 !== 'number' || typeof n !== 'number') throw wrong('another file');
    known.set(key, { top1, n });
  }
  return known;
}

/**
 * The fewest bits of each task whose accuracy on the choosing half stays within the tolerance of
 * that of the float network: its mantissa's, of `ieee754` those of 23 that are kept.
 */
export async function chooseBits(
  tasks: readonly MeasuredTask[],
  measurements: Measurements,
  { method, granularity, rounding, tolerance = DEFAULT_TOLERANCE }: WordFlags,
): Promise<readonly Choice[]> {
  const choices: Choice[] = [];
  for (const [number, task] of tasks.entries()) {
    const float = await measurements.of(task, task.graph, 'float', 'choosing');
    const tried = new Map<number, Accuracy>();
    const isFirstField = method === 'ieee754' && number === 0;
    // The first field gives up one bit or more; others keep one or more.
    const least = isFirstField ? 0 : 1;
    const most =
      method === 'bfp' ? MOST_MANTISSA_BITS : isFirstField ? STORED_MANTISSA - 1 : STORED_MANTISSA;
    const bits = await fewestBits(least, most, async (width) => {
      const options = { method, bits: width, granularity, rounding };
      const label = `${width} bit${width === 1 ? '' : 's'}`;
      const rounded = roundedNetwork(task.graph, options);
      const accuracy = await measurements.of(task, rounded, label, 'choosing');
      tried.set(width, accuracy);
      return isWithin(float, accuracy, tolerance);
    });
    const inOrder = [...tried].sort(([a], [b]) => a - b);
    choices.push({
      bits,
      float,
      tried: inOrder.map(([width, accuracy]) => ({ bits: width, ...accuracy })),
    });
  }
  return choices;
}

export const DEFAULT_TOLERANCE = 0.2;
/** Shares of pictures are fractions, which floats round. */
const ROUNDING = 1e-9;

/** Whether an accuracy is at most the tolerance below that of the float network. */
export function isWithin(float: Accuracy, other: Accuracy, tolerance: number): boolean {
  return other.top1 >= float.top1 - tolerance - ROUNDING;
}

/**
 * The bits that `fuse` takes, of chosen ones.
 * @throws BitplaneError ERR_ARGUMENT where no word has room for them
 */
export function widthsOf(choices: readonly Choice[], { method }: WordFlags): number[] {
  const bits = choices.map((choice) => choice.bits);
  const most = method === 'bfp' ? MOST_WORD_BITS : STORED_MANTISSA;
  const sum = bits.reduce((a, b) => a + b, 0);
  if (sum > most)
    throw new BitplaneError(
      'ERR_ARGUMENT',
      `expected widths that fit into ${most} bits together but the fewest that stay within the ` +
        `tolerance are ${bits.join(' + ')} = ${sum}: a larger --tolerance takes fewer`,
      { op: '--bits' },
    );
  if (method === 'bfp') return bits;
  const [first = 0, ...others] = bits;
  return [STORED_MANTISSA - first, ...others];
}
