/**
 * Einsum of one or two operands, as transpositions, one product of matrices and sums. Letters of
 * both operands and of the result are matrices side by side; of both alone, the depth of the
 * product. Not here: a letter twice in one operand, three operands (ERR_UNSUPPORTED).
 */
import { type Dim, isSize } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { partsOf } from '../formula.js';
import { product } from './matmul.js';

export const einsumImporters: Readonly<Record<string, Importer>> = {
  Einsum(context) {
    const { terms, result } = equationOf(context);
    if (terms.length > 2)
      throw context.expected('ERR_UNSUPPORTED', 'one or two operands', terms.length);
    const operands = terms.map((letters, i) => {
      const rest = terms.filter((_, other) => other !== i).join('');
      return summedTo(context, { value: context.value(i), letters }, result + rest);
    });
    const [a, b] = operands as [Operand, Operand | undefined];
    const joined = b === undefined ? a : multiplied(context, a, b, result);
    return arranged(context, joined, result, '');
  },
};

/** All axes of an operand that have no letter. */
const ELLIPSIS = '.'.repeat(3);

/** A value with a letter an axis. */
interface Operand {
  readonly value: Value;
  readonly letters: string;
}

/** The axes of an ellipsis become the last of the letters S to Z, in this order. */
function equationOf(context: NodeContext): { terms: string[]; result: string } {
  const equation = context.text('equation', '').replace(/\s/g, '');
  const [left = '', right, more] = equation.split('->');
  if (more !== undefined) throw context.expected('ERR_FORMAT', 'at most one arrow', equation);
  const terms = left.split(',').map((term, i) => {
    const rank = context.value(i).shape.length;
    const named = term.replace(ELLIPSIS, '').length;
    return term.replace(ELLIPSIS, 'STUVWXYZ'.slice(8 - Math.max(0, rank - named)));
  });
  if (terms.length !== context.inputCount)
    throw context.expected(
      'ERR_FORMAT',
      `a term for each of ${context.inputCount} inputs`,
      equation,
    );
  for (const [i, term] of terms.entries()) {
    if (!/^[A-Za-z]*$/.test(term) || term.length !== context.value(i).shape.length)
      throw context.expected('ERR_FORMAT', `a letter for each axis of input ${i}`, equation);
    if (new Set(term).size !== term.length)
      throw context.expected('ERR_UNSUPPORTED', 'each letter once in a term', equation);
  }
  const all = [...new Set(terms.join(''))];
  const isSpread = (letter: string) => letter >= 'S' && letter <= 'Z';
  const named = equation.includes(ELLIPSIS) && [...equation].some(isSpread);
  if (named)
    throw context.expected('ERR_UNSUPPORTED', 'no letter S to Z beside an ellipsis', equation);
  const spread = equation.includes(ELLIPSIS) ? all.filter(isSpread).sort().join('') : '';
  const once = all
    .filter((letter) => !spread.includes(letter))
    .filter((letter) => terms.filter((term) => term.includes(letter)).length === 1)
    .sort()
    .join('');
  const result = right === undefined ? spread + once : right.replace(ELLIPSIS, spread);
  if ([...result].some((letter) => !all.includes(letter)) || new Set(result).size !== result.length)
    throw context.expected(
      'ERR_FORMAT',
      'a result of letters of the operands, each once',
      equation,
    );
  return { terms, result };
}

/** Sums over the letters that are not kept. */
function summedTo(context: NodeContext, { value, letters }: Operand, kept: string): Operand {
  const axes = [...letters].flatMap((letter, axis) => (kept.includes(letter) ? [] : [axis]));
  if (axes.length === 0) return { value, letters };
  const sum = context.make('reduce', [value], { kind: 'sum', axes, keepDims: false }, '/sum');
  return { value: sum, letters: [...letters].filter((one) => kept.includes(one)).join('') };
}

function multiplied(context: NodeContext, a: Operand, b: Operand, result: string): Operand {
  const part = partsOf(context);
  const both = [...a.letters].filter((letter) => b.letters.includes(letter));
  const batch = both.filter((letter) => result.includes(letter));
  const depth = both.filter((letter) => !result.includes(letter));
  const rows = [...a.letters].filter((letter) => !both.includes(letter));
  const columns = [...b.letters].filter((letter) => !both.includes(letter));
  const sizes = new Map<string, Dim>();
  for (const { value, letters } of [a, b])
    [...letters].forEach((letter, axis) => {
      const [size, known] = [value.shape[axis] as Dim, sizes.get(letter)];
      if (known !== undefined && known !== size)
        throw context.expected('ERR_UNSUPPORTED', `one size of ${letter}, ${known}`, size);
      sizes.set(letter, size);
    });
  const dims = (letters: readonly string[]) => letters.map((letter) => sizes.get(letter) as Dim);
  const count = (letters: readonly string[]) => counted(context, dims(letters));
  const left = arranged(context, a, [...batch, ...rows, ...depth].join(''), '/left');
  const right = arranged(context, b, [...batch, ...depth, ...columns].join(''), '/right');
  const x = part('reshape', [left], { shape: [...dims(batch), count(rows), count(depth)] });
  const y = part('reshape', [right], { shape: [...dims(batch), count(depth), count(columns)] });
  const z = product(context, x, y, '/product');
  const shape = [...dims(batch), ...dims(rows), ...dims(columns)];
  return {
    value: part('reshape', [z], { shape }),
    letters: [...batch, ...rows, ...columns].join(''),
  };
}

function arranged(context: NodeContext, { value, letters }: Operand, to: string, suffix: string) {
  return context.transpose(
    value,
    [...to].map((letter) => letters.indexOf(letter)),
    suffix,
  );
}

/** The product of sizes, or the symbol that is the only one but 1. */
function counted(context: NodeContext, dims: readonly Dim[]): Dim {
  const others = dims.filter((dim) => dim !== 1);
  if (others.length === 1) return others[0] as Dim;
  if (others.every(isSize)) return (others as number[]).reduce((a, b) => a * b, 1);
  throw context.expected('ERR_UNSUPPORTED', 'at most one unknown size on a side', dims);
}
