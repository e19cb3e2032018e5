/**
 * How text is printed where it goes: the width of a line, and whether there are colours. Not here:
 * what is printed (./table.ts lays tables out).
 */
import type { Io, Sink } from './io.js';

export interface Look {
  /** Characters that fit into a line. */
  readonly width: number;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
}

/** Where nothing says how wide a line may be. */
export const WIDTH = 100;
/** Narrower than this no table can be read. */
const LEAST_WIDTH = 40;

const same = (text: string) => text;

/** Without colours, and as wide as it comes. */
export const PLAIN: Look = { width: Infinity, bold: same, dim: same, red: same, green: same };

/** The look of what is written to `sink`. */
export function lookOf(sink: Sink, env: Io['env']): Look {
  const style = (on: number, off: number) => (text: string) =>
    text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`;
  const width = widthOf(sink, env);
  if (!hasColours(sink, env)) return { ...PLAIN, width };
  return {
    width,
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    green: style(32, 39),
  };
}

/** COLUMNS, else the terminal's own width, else 100. */
export function widthOf(sink: Sink, env: Io['env']): number {
  const said = Number(env.COLUMNS);
  const width = Number.isInteger(said) && said > 0 ? said : sink.columns || WIDTH;
  return Math.max(LEAST_WIDTH, width);
}

/**
 * FORCE_COLOR decides, then NO_COLOR, then whether the sink is a terminal. An empty variable counts
 * as none; FORCE_COLOR of 0 or false means no colours.
 */
export function hasColours(sink: Sink, env: Io['env']): boolean {
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  if (env.NO_COLOR) return false;
  return sink.isTTY === true && env.TERM !== 'dumb';
}
