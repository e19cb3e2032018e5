/**
 * The mutants of a C++ file: an operator, a boundary, a constant or the order of operands changed
 * in one place. Works on text, in the style that this repository is formatted in (binary operators
 * stand between spaces, pointers and templates do not). Only compiling tells which mutants do not
 * compile (./native.mjs).
 */

/** Binary operators as they stand between spaces, and what takes their place. */
const BINARY = {
  '+': ['-'],
  '-': ['+'],
  '*': ['+'],
  '/': ['*'],
  '%': ['*'],
  '<<': ['>>'],
  '>>': ['<<'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '&&': ['||'],
  '||': ['&&'],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '==': ['!='],
  '!=': ['=='],
  '+=': ['-=', '='],
  '-=': ['+='],
  '*=': ['/='],
  '|=': ['&=', '='],
  '&=': ['|='],
  '^=': ['|='],
  '<<=': ['>>='],
  '>>=': ['<<='],
};
const BINARY_OPERATOR = / (<<=|>>=|&&|\|\||<<|>>|<=|>=|==|!=|\+=|-=|\*=|\|=|&=|\^=|[-+*/%&|^<>]) /g;

/** A name, number, member or element: one operand of an operator. */
const BEFORE = /(?:[\w.]|->|::|\[[\w.+\- ]*\])+$/;
const AFTER = /^(?:[\w.]|->|::|\[[\w.+\- ]*\])+/;
/** Operators whose operands give another result if they are swapped. */
const ORDERED = new Set(['-', '/', '%', '<<', '>>']);

/** Every mutant of a file's text. */
export function nativeMutants(file, text) {
  const code = masked(text);
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const mutants = [];
  /**
   * `replacement` is text, or made from the file's text: comments and strings are blank in `code`.
   */
  const add = (kind, start, end, replacement) => {
    const line = lineStarts.findLastIndex((at) => at <= start);
    const original = text.slice(start, end);
    const mutated = typeof replacement === 'string' ? replacement : replacement(text);
    if (original === mutated) return;
    mutants.push({
      file,
      line: line + 1,
      column: start - lineStarts[line],
      start,
      end,
      original,
      mutated,
      kind,
    });
  };
  for (const { index, 1: operator } of overlapping(code, BINARY_OPERATOR)) {
    for (const other of BINARY[operator])
      add('operator', index + 1, index + 1 + operator.length, other);
    if (ORDERED.has(operator)) swapOperands(code, index, operator, add);
  }
  for (const { index, 0: operator } of code.matchAll(/\+\+|--/g))
    add('operator', index, index + 2, operator === '++' ? '--' : '++');
  for (const { index, 1: before, 2: sign } of code.matchAll(
    /([(,=?:] ?|return |[-+*/<>&|] )([!~-])(?=[\w(])/g,
  )) {
    const at = index + before.length;
    add('operator', at, at + sign.length, '');
  }
  constants(code, add);
  for (const { index, 0: name } of code.matchAll(/\b(?:min|max)(?=\()/g))
    add('operator', index, index + 3, name === 'min' ? 'max' : 'min');
  for (const { index } of code.matchAll(/\bif \(/g)) negate(code, index + 3, add);
  for (const { index } of code.matchAll(/\w\(/g)) swapArguments(code, index + 1, add);
  for (const { index } of code.matchAll(/ \? /g)) swapBranches(code, index + 3, add);
  return mutants.sort((a, b) => a.start - b.start);
}

/**
 * Comments, strings, preprocessor lines and declarations of templates become spaces; offsets stay.
 */
function masked(text) {
  const blank = (part) => part.replace(/[^\n]/g, ' ');
  return text
    .replace(/\/\/.*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'/g, blank)
    .replace(/^[ \t]*#(?:.*\\\n)*.*$/gm, blank)
    .replace(/^[ \t]*(?:template|using|namespace|static_assert|typedef)\b.*$/gm, blank);
}

/** Matches that may share their spaces, as in `a + b + c`. */
function* overlapping(code, pattern) {
  pattern.lastIndex = 0;
  for (let match = pattern.exec(code); match !== null; match = pattern.exec(code)) {
    yield match;
    pattern.lastIndex = match.index + match[0].length - 1;
  }
}

function constants(code, add) {
  const hexadecimal = '0[xX][\\da-fA-F]+';
  const decimal = '\\d+(?:\\.\\d*)?(?:[eE][-+]?\\d+)?';
  const ending = '(?:[fF]|[uU]?[lL]{0,2})?';
  const literal = new RegExp(`(?<![\\w.])(?:${hexadecimal}|${decimal})${ending}(?![\\w.])`, 'g');
  for (const { index, 0: number } of code.matchAll(literal)) {
    const end = index + number.length;
    if (/^0x/i.test(number) || !/[.eEfF]/.test(number)) {
      const suffix = /[uUlL]*$/.exec(number)[0];
      const value = BigInt(number.slice(0, number.length - suffix.length));
      const written = (n) => `${/^0x/i.test(number) ? `0x${n.toString(16)}` : n}${suffix}`;
      add('constant', index, end, written(value + 1n));
      if (value > 0n) add('constant', index, end, written(value - 1n));
    } else {
      add('constant', index, end, Number.parseFloat(number) === 0 ? '1.0f' : `(${number} * 1.5f)`);
    }
  }
  for (const { index, 0: word } of code.matchAll(/\b(?:true|false)\b/g))
    add('constant', index, index + word.length, word === 'true' ? 'false' : 'true');
}

function swapOperands(code, index, operator, add) {
  const left = BEFORE.exec(code.slice(Math.max(0, index - 80), index))?.[0];
  const right = AFTER.exec(code.slice(index + operator.length + 2, index + 80))?.[0];
  // What goes on after the right operand, a call say, is not its end.
  const rest = code[index + operator.length + 2 + (right?.length ?? 0)];
  if (!left || !right || rest === '(' || /^(?:return|const)$/.test(left)) return;
  add(
    'swap',
    index - left.length,
    index + operator.length + 2 + right.length,
    `${right} ${operator} ${left}`,
  );
}

/** The condition of an `if`, negated. */
function negate(code, open, add) {
  const close = closing(code, open);
  const condition = code.slice(open + 1, close);
  if (close < 0 || /[;{]/.test(condition) || /^\s*(?:const )?auto\b/.test(condition)) return;
  add('condition', open, close + 1, (text) => `(!(${text.slice(open + 1, close)}))`);
}

/**
 * The first two arguments of a call, in the other order. Not of a declaration, whose arguments have
 * types.
 */
function swapArguments(code, open, add) {
  const close = closing(code, open);
  if (close < 0 || close - open > 300) return;
  const [a, b] = split(code, open + 1, close);
  if (a === undefined || b === undefined) return;
  const [first, second] = [a, b].map(([from, to]) => code.slice(from, to).trim());
  const declares = /^(?:const\s|[\w:<>]+[*&]*\s+[*&]?\w+$|[\w:<>]+[*&]$)/;
  if (
    first === second ||
    first === '' ||
    second === '' ||
    declares.test(first) ||
    declares.test(second)
  )
    return;
  add('swap', a[0], b[1], (text) => `${text.slice(...b).trim()}, ${text.slice(...a).trim()}`);
}

/** The two branches of `condition ? a : b`, in the other order. Not of one within another. */
function swapBranches(code, from, add) {
  let depth = 0;
  let colon = -1;
  for (let i = from; i < code.length; i++) {
    if (depth === 0 && ')]};,'.includes(code[i])) {
      if (colon > 0)
        add('swap', from, i, (text) => `${text.slice(colon + 3, i)} : ${text.slice(from, colon)}`);
      return;
    }
    if ('([{'.includes(code[i])) depth++;
    else if (')]}'.includes(code[i])) depth--;
    else if (depth === 0 && code.startsWith(' ? ', i)) return;
    else if (depth === 0 && colon < 0 && code.startsWith(' : ', i)) colon = i;
  }
}

/** Where the bracket at `open` closes, or -1. */
function closing(code, open) {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if ('([{'.includes(code[i])) depth++;
    else if (')]}'.includes(code[i]) && --depth === 0) return i;
  }
  return -1;
}

/** The ranges between commas of one depth. */
function split(code, from, to) {
  const parts = [];
  let depth = 0;
  let begin = from;
  for (let i = from; i < to; i++) {
    if ('([{'.includes(code[i])) depth++;
    else if (')]}'.includes(code[i])) depth--;
    else if (code[i] === ',' && depth === 0) {
      parts.push([begin, i]);
      begin = i + 1;
    }
  }
  return [...parts, [begin, to]];
}
