/**
 * A checkpoint: every state of a training step, and how far training is, in one safetensors file
 * that is replaced only by a complete one. Any reader of safetensors opens it; the parameters have
 * the model's names. Not here: when checkpoints are written (./fit.ts).
 */
import { crypto } from '../core/builtins.js';
import { BitplaneError, expected } from '../core/errors.js';
import { sameShape, showShape } from '../core/shape.js';
import { readWholeFile } from '../formats/read-file.js';
import {
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from '../formats/safetensors/safetensors.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { Tensor } from '../tensor/tensor.js';

/** What a checkpoint's metadata holds the rest under. */
const KEY = 'bitplane.training';
/** The SHA-256 of that text and of the tensors' bytes, in the order of their names. */
const DIGEST = 'bitplane.digest';
/** The most bytes of a checkpoint. */
const MAX_BYTES = 4 * 2 ** 30;

export interface Checkpoint {
  readonly states: ReadonlyMap<string, Tensor<'f32'>>;
  /** Epochs that are done. */
  readonly epoch: number;
  /** Steps that are done. */
  readonly step: number;
  /** What the result depends on, by name: resuming under other settings is refused. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The record of each epoch. */
  readonly history: readonly unknown[];
}

/** @throws BitplaneError ERR_IO; the old file, if any, is then unchanged */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { states, ...rest } = checkpoint;
  const tensors = [...states].map(([name, { shape, data }]): [string, StoredTensor] => [
    name,
    { dtype: 'F32', shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
  ]);
  const text = JSON.stringify(rest);
  const metadata = new Map([
    [KEY, text],
    [DIGEST, digestOf(text, tensors)],
  ]);
  await writeFileAtomic(path, writeSafetensors({ metadata, tensors: new Map(tensors) }));
}

/** @throws BitplaneError ERR_IO, ERR_FORMAT naming the file */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const bytes = await readWholeFile(path, { limit: MAX_BYTES, op: 'checkpoint' });
  const site = { op: 'checkpoint', node: path };
  let rest: Partial<Omit<Checkpoint, 'states'>>;
  const states = new Map<string, Tensor<'f32'>>();
  try {
    const { metadata, tensors } = readSafetensors(bytes);
    const text = metadata.get(KEY) ?? 'null';
    const digest = metadata.get(DIGEST);
    // Checkpoints of versions before digests have none.
    if (digest !== undefined && digest !== digestOf(text, [...tensors]))
      throw new BitplaneError('ERR_FORMAT', 'it does not have its SHA-256', site);
    rest = JSON.parse(text) ?? {};
    for (const [name, { dtype, shape, data }] of tensors) {
      if (dtype !== 'F32') throw expected('ERR_FORMAT', 'tensors of F32', dtype, { node: name });
      const copy = new Float32Array(new Uint8Array(data).buffer);
      states.set(name, new Tensor('f32', copy, shape));
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BitplaneError('ERR_FORMAT', `the checkpoint is damaged (${reason})`, {
      ...site,
      cause,
    });
  }
  const { epoch, step, settings, history } = rest;
  if (
    !Number.isSafeInteger(epoch) ||
    !Number.isSafeInteger(step) ||
    settings === null ||
    typeof settings !== 'object' ||
    !Array.isArray(history)
  )
    throw expected('ERR_FORMAT', 'a checkpoint of a training', 'another safetensors file', site);
  return { states, epoch: epoch as number, step: step as number, settings, history };
}

function digestOf(text: string, tensors: readonly (readonly [string, StoredTensor])[]): string {
  const hash = crypto().createHash('sha256').update(text);
  const byName = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, { data }] of byName) hash.update(`\n${name}\n`).update(data);
  return hash.digest('hex');
}

/** @throws BitplaneError ERR_ARGUMENT naming what differs between a checkpoint and a training */
export function requireSameTraining(
  path: string,
  { states, settings }: Checkpoint,
  shapes: ReadonlyMap<string, readonly number[]>,
  wanted: Checkpoint['settings'],
): void {
  const site = { op: 'checkpoint', node: path };
  for (const name of new Set([...Object.keys(wanted), ...Object.keys(settings)])) {
    const [now, then] = [wanted[name], settings[name]].map((value) => JSON.stringify(value));
    if (now !== then)
      throw new BitplaneError(
        'ERR_ARGUMENT',
        `expected the settings that the checkpoint was trained with, ${name} ${then}, ` +
          `but received ${name} ${now}`,
        site,
      );
  }
  for (const [name, shape] of shapes) {
    const found = states.get(name)?.shape;
    if (found === undefined || !sameShape(found, shape))
      throw expected(
        'ERR_ARGUMENT',
        `a state "${name}" of shape ${showShape(shape)}`,
        found === undefined ? 'none' : showShape(found),
        site,
      );
  }
}
