/**
 * Runs a model whose batch is fixed on a batch of another size: b rows at a time, joined along the
 * first axis. Not here: symbolic batches, which a session takes as they are.
 */
import { expected } from '../core/errors.js';
import { Tensor } from '../tensor/tensor.js';
import type { RunOptions, TensorMetadata } from './session-types.js';

/** The part of a session that this file uses. */
export interface Runner {
  /** As of a session. */
  readonly inputMetadata: readonly TensorMetadata[];
  /** As of a session. */
  readonly outputMetadata: readonly TensorMetadata[];
  /** Feeds by name to results by name. */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    options?: RunOptions,
  ): Promise<Readonly<Record<string, Tensor>>>;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** As `runner.run(feeds)`, but a feed may hold a multiple of the rows that its input declares. */
export async function runRows(
  runner: Runner,
  feeds: Tensors,
  options: RunOptions = {},
): Promise<Tensors> {
  const parts = partCount(runner, feeds);
  if (parts === 1) return runner.run(feeds, options);
  const declared = new Map(runner.inputMetadata.map((input) => [input.name, input.shape[0]]));
  const results = await Promise.all(
    Array.from({ length: parts }, (_, part) => {
      const rows = Object.entries(feeds).map(([name, feed]) => {
        const whole = feed.shape[0] === declared.get(name);
        return [
          name,
          whole ? feed : sliceRows(feed, part, feed.shape[0] as number, parts, name),
        ] as const;
      });
      return runner.run(Object.fromEntries(rows), options);
    }),
  );
  const names = runner.outputMetadata.map((output) => output.name);
  return Object.fromEntries(
    names.map((name) => [
      name,
      joinRows(
        results.map((result) => result[name] as Tensor),
        name,
      ),
    ]),
  );
}

/**
 * How many runs a batch takes: more than 1 if a feed has a multiple of its input's fixed rows and
 * the same shape otherwise.
 */
function partCount(runner: Runner, feeds: Tensors): number {
  const factors = new Set<number>();
  for (const { name, shape } of runner.inputMetadata) {
    const feed = feeds[name];
    const fixed = shape[0];
    const rows = feed?.shape[0];
    if (feed === undefined || typeof fixed !== 'number' || fixed === 0 || rows === undefined)
      continue;
    if (feed.shape.length === shape.length && rows > fixed && rows % fixed === 0)
      factors.add(rows / fixed);
  }
  if (factors.size > 1)
    throw expected('ERR_FEED', 'feeds of one batch size', [...factors].join(' and '), {
      op: 'run',
    });
  return [...factors][0] ?? 1;
}

function sliceRows(
  tensor: Tensor,
  part: number,
  rows: number,
  parts: number,
  name: string,
): Tensor {
  const per = tensor.data.length / parts;
  if (!Number.isInteger(per))
    throw expected('ERR_FEED', 'rows of whole bytes', tensor.dtype, { op: 'run', node: name });
  // A b1 tensor has eight elements a byte, so it can only be cut into whole bytes.
  if (tensor.dtype === 'b1' && tensor.size % (8 * parts) !== 0)
    throw expected('ERR_FEED', 'rows of whole bytes', 'b1', { op: 'run', node: name });
  return new Tensor(tensor.dtype, tensor.data.subarray(part * per, (part + 1) * per) as never, [
    rows / parts,
    ...tensor.shape.slice(1),
  ]);
}

function joinRows(parts: readonly Tensor[], name: string): Tensor {
  const [first] = parts as readonly [Tensor];
  if (first.shape.length === 0)
    throw expected('ERR_SHAPE', 'an output with a batch dimension to join', 'a scalar', {
      op: 'run',
      node: name,
    });
  if (first.dtype === 'b1' && first.size % 8 !== 0)
    throw expected('ERR_SHAPE', 'rows of whole bytes', 'b1', { op: 'run', node: name });
  const per = first.data.length;
  const data = new (first.data.constructor as new (length: number) => Tensor['data'])(
    per * parts.length,
  );
  for (const [i, part] of parts.entries()) data.set(part.data, i * per);
  return new Tensor(first.dtype, data as never, [
    (first.shape[0] as number) * parts.length,
    ...first.shape.slice(1),
  ]);
}
