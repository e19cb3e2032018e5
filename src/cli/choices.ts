/**
 * The values that options and arguments have to offer: a fixed set, which is checked and in which a
 * misspelt value is told the one that was probably meant; or values beside which any text goes, the
 * name of a model beside a file. Completion scripts are written from what is declared here
 * (./completion.ts). Not here: which option has which values (./commands).
 */
import { type Argument, InvalidArgumentError, type Option } from 'commander';
import { nearest } from '../core/nearest.js';

/** What an option or an argument offers. */
export interface Offer {
  /** Asked for when a script is written; what is slow to load is loaded then. */
  readonly values: () => readonly string[] | Promise<readonly string[]>;
  /**
   * `file`: a file is as good. `list`: several with commas between them. `named`: behind NAME=.
   * `tasks`: those of the store that the command line names; `values` gives none.
   */
  readonly form?: 'file' | 'list' | 'named' | 'tasks';
}

const offers = new WeakMap<Option | Argument, Offer>();

/** One of a fixed set of values. */
export function oneOf<T extends Option | Argument>(target: T, values: readonly string[]): T {
  target.choices(values);
  target.argParser((text: string) => requireChoice(text, values));
  return target;
}

/** An option that is given several times, each time with one of a fixed set of values. */
export function severalOf(target: Option, values: readonly string[]): Option {
  target.choices(values);
  return target.argParser((text: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    requireChoice(text, values),
  ]);
}

/** An option that takes any text, and for which these values are offered. */
export function offering<T extends Option | Argument>(target: T, offer: Offer): T {
  offers.set(target, offer);
  return target;
}

/** What is offered for an option or an argument; undefined where there is nothing to say. */
export function offerOf(target: Option | Argument | undefined): Offer | undefined {
  if (target === undefined) return undefined;
  const { argChoices } = target;
  return argChoices === undefined ? offers.get(target) : { values: () => argChoices };
}

/** A value of a fixed set. @throws InvalidArgumentError naming the set, and the value meant */
export function requireChoice<T extends string>(text: string, values: readonly T[]): T {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  const meant = nearest(text, values);
  const hint = meant === undefined ? '' : `\n(Did you mean ${meant}?)`;
  throw new InvalidArgumentError(`Allowed choices are ${values.join(', ')}.${hint}`);
}
