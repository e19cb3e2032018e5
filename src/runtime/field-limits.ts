/**
 * What numbers the fields of an instruction can hold, and how an error calls them. Not here: which
 * instructions there are (native/kernels/<op>/opcode.inc), the addon's own check of what it is
 * given (native/program/check.cc), which a program that passed here passes too.
 */
import { type ErrorSite, expected } from '../core/errors.js';

type Fields = Readonly<Record<string, number>>;

/** Fields by the words that a user knows: the letters of native/program/opcodes.h. */
const WORDS: Readonly<Record<string, string>> = {
  n: 'the first axis, the batch,',
  h: 'the height of x',
  w: 'the width of x',
  c: 'the number of channels',
  oh: 'the height of the result',
  ow: 'the width of the result',
  o: 'the number of outputs',
  kh: 'the height of the kernel',
  kw: 'the width of the kernel',
  sh: 'strides[0]',
  sw: 'strides[1]',
  dh: 'dilations[0]',
  dw: 'dilations[1]',
  pt: 'pads[0]',
  pl: 'pads[1]',
  g: 'groups',
};

/** Kernels count in int32, and windows in sums of two coordinates. */
const INT32 = 2 ** 31;
const FARTHEST = 2 ** 30;

/** Size, outputs, taps, stride, dilation and padding of a window along each axis. */
const AXES = [
  { names: ['h', 'oh', 'kh', 'sh', 'dh', 'pt'], lines: 'rows' },
  { names: ['w', 'ow', 'kw', 'sw', 'dw', 'pl'], lines: 'columns' },
] as const;

/** @throws BitplaneError ERR_UNSUPPORTED for a number that no kernel can count to */
export function requireFields(opcode: string, fields: Fields, site: ErrorSite): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value !== (value | 0)) {
      const words = WORDS[name] ?? `every size, step and offset (${name} of ${opcode})`;
      throw expected('ERR_UNSUPPORTED', `${words} to be below 2^31`, value, site);
    }
  }
  if ('kh' in fields) requireWindow(fields, site);
}

function requireWindow(fields: Fields, site: ErrorSite): void {
  const of = (name: string) => fields[name] ?? 1;
  const depth = 'g' in fields ? Math.floor(of('c') / of('g')) : 1;
  const terms = of('kh') * of('kw') * depth;
  if (terms >= INT32)
    throw expected('ERR_UNSUPPORTED', 'a window of fewer than 2^31 elements', terms, site);
  for (const { names, lines } of AXES) {
    for (const name of names)
      if (Math.abs(of(name)) >= FARTHEST)
        throw expected('ERR_UNSUPPORTED', `${WORDS[name]} to be below 2^30`, of(name), site);
    const [, outputs, taps, stride, dilation] = names.map(of) as [number, ...number[]];
    const span = (outputs! - 1) * stride! + (taps! - 1) * dilation! + 1;
    if (span >= FARTHEST)
      throw expected(
        'ERR_UNSUPPORTED',
        `strides and dilations with which windows reach over fewer than 2^30 ${lines}`,
        span,
        site,
      );
  }
  const rows = of('n') * of('oh');
  if (rows >= INT32)
    throw expected('ERR_UNSUPPORTED', 'a result of fewer than 2^31 rows', rows, site);
}
