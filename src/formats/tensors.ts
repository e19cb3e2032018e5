/**
 * Files of named float tensors: the states of models, and the state dicts of others. A safetensors
 * file, or an ONNX file, whose initializers keep the exporter's names. Not here: what a name means
 * (src/zoo/pytorch.ts), files of whole models (./model.ts).
 */

import { namingFile, readingAsync } from '../core/border.js';
import { requirePlain } from '../core/checks.js';
import { carries } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { elementCount } from '../core/shape.js';
import { limitsOf } from '../runtime/limits.js';
import { isTensorLike, Tensor, type TensorLike } from '../tensor/tensor.js';
import { pathOf } from './path.js';
import { MAX_MODEL_FILE, readWholeFile } from './read-file.js';
import {
  looksLikeSafetensors,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from './safetensors/safetensors.js';
import { writeFileAtomic } from './write-file.js';

/** Float tensors by name. */
export type Tensors = Readonly<Record<string, Tensor<'f32'>>>;

/** Tensors by name, from this thread or another. */
export type TensorsLike = Readonly<Record<string, TensorLike<'f32'>>>;

/**
 * The float tensors of a file by name; integers, such as the counters that PyTorch keeps beside
 * batch norms, are left out.
 * @throws BitplaneError ERR_IO, ERR_FORMAT; ERR_UNSUPPORTED for half precision
 */
export async function readTensors(source: string | URL | Uint8Array): Promise<Tensors> {
  const path = pathOf(source);
  const bytes =
    path === undefined
      ? source
      : await readWholeFile(path, { limit: MAX_MODEL_FILE, op: 'tensors' });
  if (!carries('u8', bytes))
    throw expected('ERR_ARGUMENT', 'a path, a file: URL or bytes', source, { op: 'tensors' });
  const site = { op: 'tensors', node: path };
  return readingAsync(site, async () =>
    looksLikeSafetensors(bytes)
      ? namingFile(path === undefined ? undefined : String(path), () => fromSafetensors(bytes))
      : await fromOnnx(bytes),
  );
}

/** A safetensors file that any reader opens. @throws BitplaneError ERR_ARGUMENT, ERR_IO */
export async function writeTensors(tensors: TensorsLike, path: string | URL): Promise<void> {
  requirePlain(tensors, 'tensors by name, in a plain object,', { op: 'tensors' });
  const stored = Object.entries(tensors).map(([name, tensor]): [string, StoredTensor] => {
    if (!isTensorLike(tensor) || tensor.dtype !== 'f32')
      throw expected('ERR_ARGUMENT', 'a Tensor of f32', tensor, { node: name });
    const { data, shape } = Tensor.from(tensor);
    return [
      name,
      { dtype: 'F32', shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
    ];
  });
  await writeFileAtomic(path, writeSafetensors({ metadata: new Map(), tensors: new Map(stored) }));
}

function fromSafetensors(bytes: Uint8Array): Tensors {
  const found: [string, Tensor<'f32'>][] = [];
  for (const [name, { dtype, shape, data }] of readSafetensors(bytes).tensors) {
    if (/^[IU]\d+$|^BOOL$/.test(dtype)) continue;
    if (dtype !== 'F32')
      throw expected('ERR_UNSUPPORTED', 'tensors of F32', dtype, { op: 'safetensors', node: name });
    // A copy is aligned, and does not keep the whole file in memory.
    found.push([name, new Tensor('f32', new Float32Array(new Uint8Array(data).buffer), shape)]);
  }
  return Object.fromEntries(found);
}

/** The ONNX reader is loaded when first needed, as in ./model.ts. */
async function fromOnnx(bytes: Uint8Array): Promise<Tensors> {
  const [{ readModel }, { decodeTensor }] = await Promise.all([
    import('./onnx/proto.js'),
    import('./onnx/tensor.js'),
  ]);
  const found: [string, Tensor<'f32'>][] = [];
  const { graph } = readModel(bytes, limitsOf({}, 'tensors'));
  if (graph === undefined)
    throw new BitplaneError('ERR_FORMAT', 'this is neither a safetensors file nor an ONNX model', {
      op: 'tensors',
    });
  for (const initializer of graph.initializers) {
    const { kind, data, shape } = decodeTensor(initializer);
    if (kind === 'f32')
      found.push([
        initializer.name,
        new Tensor('f32', Float32Array.from(data as Float32Array), shape),
      ]);
  }
  return Object.fromEntries(found);
}

/** The tensor with its axes in the order `perm`, as numpy's transpose. */
export function permuted({ data, shape }: Tensor<'f32'>, perm: readonly number[]): Tensor<'f32'> {
  const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
  const target = perm.map((axis) => shape[axis]!);
  const steps = perm.map((axis) => strides[axis]!);
  const result = new Float32Array(data.length);
  const index = target.map(() => 0);
  for (let i = 0, from = 0; i < result.length; i++) {
    result[i] = data[from]!;
    for (let axis = target.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < target[axis]!) break;
      from -= steps[axis]! * target[axis]!;
      index[axis] = 0;
    }
  }
  return new Tensor('f32', result, target);
}
