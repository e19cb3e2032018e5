/**
 * How a pass changes a graph: `rewrite` rebuilds it bottom-up with a rule applied to every value;
 * `fixpoint` repeats that until the rule finds nothing. A value is never mutated: what is not
 * changed is shared with the graph before. Not here: any rule.
 */
import { BitplaneError } from '../core/errors.js';
import { MAX_NAME } from '../core/limits.js';
import { sameShape, showShape } from '../core/shape.js';
import { atOnce, type Pausing } from '../core/turns.js';
import { type Attrs, type Graph, mapGraph, topological, uses, type Value } from '../graph/value.js';
import { constant, make, remade } from '../ops/make.js';
import { Folding } from './folding.js';

/** Characters that the number of a name may take. */
const NUMBER_LENGTH = 12;

/** Values that a rule leaves as they are between two pauses. */
const LEFT_BETWEEN = 8;

/**
 * How often a sweep asks again about what a rule has made, and how deep it looks into that for
 * further new values. What is beyond is left to the next sweep, so that no chain of any length can
 * hold a sweep up or fill the stack.
 */
const AGAIN = { times: 16, deep: 4 };

/** What a rule may ask about the graph as it was before this rewrite. */
export interface Site {
  /** The value before its inputs were rebuilt. */
  readonly original: Value;
  /** How often a value of the graph before is read. */
  uses(original: Value): number;
  /** What has become of a value of the graph before; it must be an ancestor of `original`. */
  rebuilt(original: Value): Value;
  /** What may still be computed from constants. */
  readonly folding: Folding;
}

/**
 * Gives the value to compute in place of `value` (same dtype, same shape), or undefined to keep it.
 */
export type Rule = (value: Value, site: Site) => Value | undefined;

/** Applies the rule to every value, inputs first. Returns the same object when no value changed. */
export function rewrite(graph: Graph, rule: Rule, folding?: Folding): Graph {
  return atOnce(rewriting(graph, rule, folding));
}

/** `rewrite` that pauses after every value that changes, and between others. */
export function rewriting(
  graph: Graph,
  rule: Rule,
  folding: Folding = new Folding(graph),
): Pausing<Graph> {
  return sweeping(graph, rule, folding);
}

/** @param settled values that the rule leaves as they are; this sweep adds its own */
function* sweeping(
  graph: Graph,
  rule: Rule,
  folding: Folding,
  settled?: Set<Value>,
): Pausing<Graph> {
  /** What has become of the values that changed. */
  const results = new Map<Value, Value>();
  let counts: ReadonlyMap<Value, number> | undefined;
  const rebuilt = (original: Value) => results.get(original) ?? original;
  const count = (original: Value) => {
    counts ??= uses(graph);
    return counts.get(original) ?? 0;
  };
  let left = 0;
  for (const original of topological(graph)) {
    const value = original.inputs.some((input) => results.has(input))
      ? withInputs(original, original.inputs.map(rebuilt))
      : original;
    const site: Site = { original, uses: count, rebuilt, folding };
    const result =
      settled === undefined
        ? (applied(rule, value, site) ?? value)
        : settledOf(value, rule, site, settled, AGAIN.deep);
    if (result !== original) results.set(original, result);
    // A pause costs as much as a rule that finds nothing, and takes place in every generator that
    // waits for this one.
    if (result !== value || ++left % LEFT_BETWEEN === 0) yield;
  }
  if (results.size === 0) return graph;
  return uniqueNames(mapGraph(graph, rebuilt));
}

/** What the rule puts in place of a value. @throws BitplaneError ERR_GRAPH for another type */
function applied(rule: Rule, value: Value, site: Site): Value | undefined {
  if (value.op === 'input') return undefined;
  const replacement = rule(value, site);
  if (replacement !== undefined) requireSameType(value, replacement);
  return replacement;
}

/**
 * What becomes of a value when the rule is applied until it leaves it as it is: to it, to what it
 * becomes and to new values therein. So rules that follow one another, such as those that move a
 * transpose through a network, take a sweep or two together and not one each.
 */
function settledOf(value: Value, rule: Rule, site: Site, settled: Set<Value>, deep: number): Value {
  let current = value;
  for (let times = 0; times < AGAIN.times; times++) {
    // Leaves are what they are.
    if (current.inputs.length === 0 || settled.has(current)) return current;
    const replacement = applied(rule, current, site);
    if (replacement === undefined) {
      settled.add(current);
      return current;
    }
    current = replacement;
    if (deep > 0 && !current.inputs.every((input) => isSettled(input, settled)))
      current = withInputs(
        current,
        current.inputs.map((input) => settledOf(input, rule, site, settled, deep - 1)),
      );
  }
  return current;
}

function isSettled(value: Value, settled: ReadonlySet<Value>): boolean {
  return value.inputs.length === 0 || settled.has(value);
}

/** The node over other inputs; the node itself where they are the same. */
export function withInputs(node: Value, inputs: readonly Value[]): Value {
  return inputs.every((input, i) => input === node.inputs[i]) ? node : remade(node, inputs);
}

/** The same computation under another name; an input or a state keeps its own. */
export function renamed(node: Value, name: string): Value {
  if (name === node.name) return node;
  if (node.op === 'constant') return constant(name, node.data!);
  return node.inputs.length === 0 ? node : make(node.op, name, node.inputs, node.attrs);
}

/**
 * Applies the rule again and again, until it changes nothing; pauses as `rewriting` does. A value
 * that the rule has left as it is is not asked about again, nor are leaves; so the rule must go by
 * the value and what it depends on alone, not by its readers.
 */
export function* fixpoint(
  graph: Graph,
  rule: Rule,
  folding: Folding = new Folding(graph),
): Pausing<Graph> {
  const seen = topological(graph).length;
  const settled = new Set<Value>();
  let current = graph;
  // A rule that sinks something moves it over every node at most; needing more rounds than that
  // means that two rules undo each other.
  for (let round = 0; round < 16 + 2 * seen; round++) {
    const next = yield* sweeping(current, rule, folding, settled);
    if (next === current) return current;
    current = next;
  }
  throw new BitplaneError(
    'ERR_GRAPH',
    'expected the rewriting rules to come to an end but two of them undo each other',
  );
}

/** The first rule that applies. */
export function firstOf(...rules: readonly Rule[]): Rule {
  return (value, site) => {
    for (const rule of rules) {
      const replacement = rule(value, site);
      if (replacement !== undefined) return replacement;
    }
    return undefined;
  };
}

/**
 * A graph whose values have names of their own, of a length that files may have: a name taken twice
 * gets a number, and one that is too long is cut. Inputs and states keep theirs, which are an
 * interface.
 */
export function uniqueNames(graph: Graph): Graph {
  const order = topological(graph);
  const taken = new Set(order.filter(isInterface).map((value) => value.name));
  /**
   * The number to try next for a name, so that many of one name are no more work than as many
   * names.
   */
  const next = new Map<string, number>();
  const names = new Map<Value, string>();
  for (const value of order) {
    if (isInterface(value)) continue;
    const wanted =
      value.name.length > MAX_NAME ? value.name.slice(0, MAX_NAME - NUMBER_LENGTH) : value.name;
    let name = wanted;
    if (taken.has(name)) {
      let n = next.get(wanted) ?? 2;
      do name = `${wanted}#${n++}`;
      while (taken.has(name));
      next.set(wanted, n);
    }
    taken.add(name);
    if (name !== value.name) names.set(value, name);
  }
  return names.size > 0 ? renameValues(graph, names) : graph;
}

/** Gives values new names; those without an entry keep theirs. */
export function renameValues(graph: Graph, names: ReadonlyMap<Value, string>): Graph {
  const results = new Map<Value, Value>();
  const rebuilt = (value: Value) => results.get(value) ?? value;
  for (const value of topological(graph)) {
    const result = renamed(
      withInputs(value, value.inputs.map(rebuilt)),
      names.get(value) ?? value.name,
    );
    if (result !== value) results.set(value, result);
  }
  return mapGraph(graph, rebuilt);
}

/** Inputs and states are known by their names outside the graph. */
function isInterface(value: Value): boolean {
  return value.op === 'input' || value.op === 'state';
}

function requireSameType(before: Value, after: Value): void {
  if (before.dtype === after.dtype && sameShape(before.shape, after.shape)) return;
  const want = `${before.dtype}${showShape(before.shape)}`;
  const got = `${after.dtype}${showShape(after.shape)}`;
  throw new BitplaneError(
    'ERR_GRAPH',
    `expected a replacement of type ${want} but received ${got}`,
    { op: before.op, node: before.name },
  );
}

/**
 * Attributes as a string that is equal exactly for equal attributes; JSON would lose infinities and
 * the sign of zero.
 */
export function attrsKey(attrs: Attrs): string {
  const show = (value: unknown): string => {
    if (Array.isArray(value)) return `[${value.map(show).join(',')}]`;
    if (typeof value === 'string') return JSON.stringify(value);
    return Object.is(value, -0) ? '-0' : String(value);
  };
  return Object.keys(attrs)
    .sort()
    .map((key) => `${key}:${show(attrs[key])}`)
    .join(';');
}
