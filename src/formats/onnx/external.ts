/**
 * Data of an ONNX model that lies in files beside it: finds the files, checks what the model says
 * of them, and reads each tensor's part. Not here: what the bytes mean (./tensor.ts).
 *
 * A model may come from a stranger. Its data may lie in its own folder and in folders of that one,
 * links followed; no other file is opened, and only as many bytes are read as the shape needs.
 */
import { realpath } from 'node:fs/promises';
import { dirname, join, posix, sep, win32 } from 'node:path';
import { BitplaneError, type ErrorSite, expected } from '../../core/errors.js';
import { Budget, type Limits } from '../../core/limits.js';
import { openFile, type ReadOptions, readPart, reasonOf } from '../read-file.js';
import { bitsOf, dataTypeName } from './data-type.js';
import type { OnnxGraph, OnnxTensor } from './proto.js';
import { elementsOf } from './tensor.js';

export interface ExternalOptions {
  /** The path of the model. */
  readonly path: string;
  /** How each of the files may be read. */
  readonly reading: ReadOptions;
  readonly limits: Limits;
}

/** Bytes of a file of data, and the tensors that they belong to. */
interface Part {
  readonly offset: number;
  readonly length: number;
  readonly tensors: OnnxTensor[];
  readonly site: ErrorSite;
}

/**
 * Puts the data of every tensor whose data lies in another file into the tensor.
 * @throws BitplaneError ERR_UNSUPPORTED for files outside of the model's folder, ERR_FORMAT where
 * file, shape and type disagree, ERR_LIMIT, ERR_IO, what `reading.proceed` throws
 */
export async function readExternalData(graph: OnnxGraph, options: ExternalOptions): Promise<void> {
  const files = partsByFile(graph, options.limits);
  if (files.size === 0) return;
  const folder = await realpath(dirname(options.path));
  for (const [location, parts] of files) {
    const site = (parts[0] as Part).site;
    const file = await openFile(await within(folder, location, site), options.reading);
    try {
      for (const { offset, length, tensors, site } of parts) {
        options.reading.proceed?.();
        const end = offset + length;
        if (end > file.size)
          throw expected(
            'ERR_FORMAT',
            `"${location}" to hold ${end} bytes or more`,
            `${file.size}`,
            site,
          );
        const bytes = await readPart(file, offset, length);
        if (bytes.length !== length)
          throw expected('ERR_IO', `${length} bytes of "${location}"`, bytes.length, site);
        for (const tensor of tensors) {
          tensor.raw = bytes;
          tensor.external = false;
        }
      }
    } finally {
      await file.handle.close().catch(() => undefined);
    }
  }
}

/** What is to be read, by location, each part once however many tensors share it. */
function partsByFile(graph: OnnxGraph, limits: Limits): Map<string, Part[]> {
  const budget = new Budget(limits.maxBytes, 'data in files beside the model');
  const files = new Map<string, Map<string, Part>>();
  for (const tensor of externalTensors(graph)) {
    const site = { op: 'initializer', node: tensor.name };
    const { location, offset, length } = placeOf(tensor, site);
    const parts = files.get(location) ?? new Map<string, Part>();
    files.set(location, parts);
    const key = `${offset} ${length}`;
    const known = parts.get(key);
    if (known !== undefined) known.tensors.push(tensor);
    else {
      budget.take(length, site);
      parts.set(key, { offset, length, tensors: [tensor], site });
    }
  }
  return new Map([...files].map(([location, parts]) => [location, [...parts.values()]]));
}

function externalTensors(graph: OnnxGraph): OnnxTensor[] {
  const attributes = graph.nodes.flatMap((node) => [...node.attributes.values()]);
  const tensors = attributes.flatMap(({ tensor }) => (tensor === undefined ? [] : [tensor]));
  return [...graph.initializers, ...tensors].filter(({ external }) => external);
}

/** The entries of a tensor. Without a length its shape says how long it is. */
function placeOf(
  tensor: OnnxTensor,
  site: ErrorSite,
): { location: string; offset: number; length: number } {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  if (location === '') throw expected('ERR_FORMAT', 'the location of its data', 'none', site);
  const bits = bitsOf(tensor.dataType);
  if (bits === undefined)
    throw expected(
      'ERR_UNSUPPORTED',
      'data of a float or an integer type',
      dataTypeName(tensor.dataType),
      site,
    );
  const needed = Math.ceil((elementsOf(tensor, site) * bits) / 8);
  const offset = count('offset', 0);
  const length = count('length', needed);
  if (length !== needed)
    throw expected(
      'ERR_FORMAT',
      `${needed} bytes of data for shape [${tensor.dims.join(', ')}]`,
      length,
      site,
    );
  return { location, offset, length };

  function count(key: string, otherwise: number): number {
    const text = entries.get(key);
    if (text === undefined) return otherwise;
    const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(number))
      throw expected('ERR_FORMAT', `${key} to be a number of bytes`, text, site);
    return number;
  }
}

/** The file that a location of the model means. Both kinds of separators count on every system. */
async function within(folder: string, location: string, site: ErrorSite): Promise<string> {
  const outside = expected(
    'ERR_UNSUPPORTED',
    "data in the model's own folder",
    JSON.stringify(location),
    site,
  );
  const segments = location.split(/[/\\]/);
  if (posix.isAbsolute(location) || win32.isAbsolute(location) || /^[a-z]:/i.test(location))
    throw outside;
  if (segments.includes('..') || location.includes('\0')) throw outside;
  const path = join(folder, location);
  let target: string;
  try {
    target = await realpath(path);
  } catch (cause) {
    const sentence = `its data, "${location}" beside the model, could not be read`;
    throw new BitplaneError('ERR_IO', `${sentence} (${reasonOf(cause)})`, { ...site, cause });
  }
  const root = folder.endsWith(sep) ? folder : folder + sep;
  if (!target.startsWith(root)) throw outside;
  return target;
}
