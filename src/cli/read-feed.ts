/**
 * Which input or output of a model each file of a command line is for, and what an array of a file
 * becomes as a feed. Not here: opening the files (feeds-of-files.ts), their format
 * (src/formats/npy.ts).
 */
import { type DType, isSubByte } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { inFile, type StoredArray } from '../formats/npy.js';
import { Tensor } from '../tensor/tensor.js';

/**
 * The file of each name: `NAME=FILE` by name, then files without a name in the order of the
 * remaining names.
 * @param all the names that the model has, where `names` are only those that want a file
 */
export function assign(
  texts: readonly string[],
  names: readonly string[],
  kind: string,
  all: readonly string[] = names,
): Map<string, string> {
  const files = new Map<string, string>();
  const bare: string[] = [];
  for (const text of texts) {
    // A name may hold '=' itself, so the text is compared with each name of the model.
    const name = names.find((candidate) => text.startsWith(`${candidate}=`));
    // A word before '=' that is neither a folder nor a name of the model is a misspelt name; a path
    // that contains '=' can begin with ./
    const word = /^([^/\\=]+)=/.exec(text)?.[1];
    if (name === undefined && word !== undefined && all.includes(word))
      throw expected('ERR_ARGUMENT', `one file for ${kind} ${word}`, 'two', { op: `--${kind}` });
    if (name === undefined && word !== undefined)
      throw expected('ERR_ARGUMENT', `the name of an ${kind}, ${names.join(', ')}`, word, {
        op: `--${kind}`,
      });
    if (name === undefined) bare.push(text);
    else if (files.has(name))
      throw expected('ERR_ARGUMENT', `one file for ${kind} ${name}`, 'two', { op: `--${kind}` });
    else files.set(name, text.slice(name.length + 1));
  }
  for (const file of bare) {
    const name = names.find((candidate) => !files.has(candidate));
    if (name === undefined)
      throw expected(
        'ERR_ARGUMENT',
        `[NAME=]FILE.npy for ${kind}s ${names.join(', ')}, each once`,
        file,
        { op: `--${kind}` },
      );
    files.set(name, file);
  }
  return files;
}

/** The array of a file for an input, and a remark if values were rounded or converted. */
export function asFeed(
  { tensor, stored, rounded }: StoredArray,
  input: string,
  dtype: DType,
  file: string,
): { tensor: Tensor; note?: string } {
  if (dtype === 'b1')
    throw new BitplaneError(
      'ERR_FEED',
      `input ${input} takes bits (b1), which no .npy file holds`,
      { op: 'run', node: file },
    );
  const wanted = inFile(dtype).name;
  if (stored === wanted && isSubByte(dtype))
    return { tensor: new Tensor(dtype, tensor.data as never, tensor.shape) };
  if (tensor.dtype !== dtype) {
    const what = `an array of ${wanted} for input ${input}`;
    throw expected(
      'ERR_FEED',
      what,
      `${stored} values; numpy's astype("${wanted}") converts them`,
      { op: 'run', node: file },
    );
  }
  if (stored === 'bool') return { tensor, note: `${file}: bool is read as uint8, 0 and 1` };
  if (rounded === 0) return { tensor };
  return {
    tensor,
    note: `${file}: ${stored} is read as float32, which rounds ${rounded} of ${tensor.size} values`,
  };
}
