/**
 * RNN, GRU and LSTM, unrolled over a length that the file says. x [T, N, I], weights [D, G H, I]
 * and [D, G H, H] of D directions and G gates; every step is a product with the weights of the
 * state, and arithmetic. Not here: lengths known only to a run.
 */
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Pausing } from '../../../core/turns.js';
import type { Value } from '../../../graph/value.js';
import type { NodeContext } from '../context.js';
import { type Part, partsOf } from '../formula.js';
import { type Item, valueItem } from '../item.js';
import type { PausingImporter } from '../pausing-importer.js';
import { integerNode, wholeOf } from './integers.js';

export const recurrentImporters: Readonly<Record<string, PausingImporter>> = {
  RNN: recurrent(1, ['Tanh'], ({ part, act, x, h, r }) => {
    return { h: act(0, part('add', [x, part('dense', [h, r])])) };
  }),

  /** Gates z, r, h: H = (1 - z) h' + z H before. */
  GRU: recurrent(3, ['Sigmoid', 'Tanh'], (step) => {
    const { part, act, x, h, r, size, context, stateBias } = step;
    const [xz, xr, xh] = [0, 1, 2].map((gate) => gateOf(context, x, gate, size));
    const rows = (first: number, count: number) => {
      const ends = [(first + count) * size, size];
      return context.make(
        'slice',
        [r],
        { starts: [first * size, 0], ends, steps: [1, 1] },
        '/rows',
      );
    };
    const both = part('dense', [h, rows(0, 2)]);
    const z = act(0, part('add', [xz!, gateOf(context, both, 0, size)]));
    const reset = act(0, part('add', [xr!, gateOf(context, both, 1, size)]));
    const last = rows(2, 1);
    const hidden =
      stateBias === undefined
        ? part('dense', [part('mul', [reset, h]), last])
        : part('mul', [reset, part('add', [part('dense', [h, last]), stateBias])]);
    const candidate = act(1, part('add', [xh!, hidden]));
    const kept = part('mul', [z, h]);
    return { h: part('add', [part('mul', [part('sub', [1, z]), candidate]), kept]) };
  }),

  /** Gates i, o, f, c, and peepholes of i, o, f. */
  LSTM: recurrent(4, ['Sigmoid', 'Tanh', 'Tanh'], (step) => {
    const { part, act, x, h, r, size, context, peepholes } = step;
    const c = step.c as Value;
    const sum = part('add', [x, part('dense', [h, r])]);
    const [i, o, f, g] = [0, 1, 2, 3].map((gate) => gateOf(context, sum, gate, size));
    const seen = (gate: Value, cell: Value, at: number) =>
      peepholes === undefined
        ? gate
        : part('add', [gate, part('mul', [cell, gateOf(context, peepholes, at, size)])]);
    const input = act(0, seen(i!, c, 0));
    const forget =
      context.int('input_forget', 0) === 1 ? part('sub', [1, input]) : act(0, seen(f!, c, 2));
    const cell = part('add', [part('mul', [forget, c]), part('mul', [input, act(1, g!)])]);
    const output = act(0, seen(o!, cell, 1));
    return { h: part('mul', [output, act(2, cell)]), c: cell };
  }),
};

interface Step {
  readonly context: NodeContext;
  readonly part: Part;
  /** The activation of that number. */
  readonly act: (which: number, x: Value) => Value;
  /** What the input adds to the gates, [N, G H], biases included. */
  readonly x: Value;
  readonly h: Value;
  readonly c: Value | undefined;
  /** [G H, H] */
  readonly r: Value;
  readonly size: number;
  /** [1, 3 H] */
  readonly peepholes: Value | undefined;
  /** The bias of the state in the last gate, where GRU adds it before the reset. */
  readonly stateBias: Value | undefined;
}

/** One direction: y [T, 1, N, H], the last state and cell [1, N, H]. */
interface Direction {
  readonly y: Value;
  readonly h: Value;
  readonly c: Value | undefined;
}

interface State {
  readonly h: Value;
  readonly c?: Value;
}

function recurrent(
  gates: number,
  activations: readonly string[],
  step: (step: Step) => State,
): PausingImporter {
  return function* (context) {
    const part = partsOf(context);
    const batchFirst = context.int('layout', 0) === 1;
    const given = context.value(0);
    const x = batchFirst ? context.transpose(given, [1, 0, 2], '/time_first') : given;
    const [length, batch] = x.shape as [Dim, Dim];
    if (x.shape.length !== 3 || !isSize(length) || length < 1)
      throw context.expected(
        'ERR_UNSUPPORTED',
        'an input of rank 3 whose length is a number',
        showShape(given.shape),
      );
    const size = context.value(2).shape.at(-1);
    if (!isSize(size)) throw context.expected('ERR_UNSUPPORTED', 'a known hidden size', size);
    const said = context.int('hidden_size', size);
    if (said !== size) throw context.expected('ERR_FORMAT', `a hidden_size of ${size}`, said);
    const direction = context.text('direction', 'forward');
    const reverses = DIRECTIONS.get(direction);
    if (reverses === undefined)
      throw context.expected('ERR_FORMAT', 'forward, reverse or bidirectional', direction);
    const names = context.texts('activations') ?? reverses.flatMap(() => activations);
    const lengths = lengthsOf(context, length, reverses.includes(true));
    const runs: Direction[] = [];
    for (const [d, reversed] of reverses.entries()) runs.push(yield* run(d, reversed));
    const stacked = (values: readonly Value[], axis: number, suffix: string) =>
      values.length === 1 ? (values[0] as Value) : context.make('concat', values, { axis }, suffix);
    const y = stacked(
      runs.map((one) => one.y),
      1,
      '/directions',
    );
    const last = stacked(
      runs.map((one) => one.h),
      0,
      '/states',
    );
    const turned = (value: Value, perm: readonly number[], suffix: string) =>
      batchFirst ? context.transpose(value, perm, suffix) : value;
    const items: Item[] = [
      valueItem(turned(y, [2, 0, 1, 3], '/batch_first')),
      valueItem(turned(last, [1, 0, 2], '/state_batch_first')),
    ];
    const cells = runs.flatMap(({ c }) => (c === undefined ? [] : [c]));
    if (cells.length > 0)
      items.push(valueItem(turned(stacked(cells, 0, '/cells'), [1, 0, 2], '/cell_batch_first')));
    return items;

    /** Pauses after each step. */
    function* run(d: number, reversed: boolean): Pausing<Direction> {
      const own = (index: number) => directionOf(context, context.value(index), d);
      const w = own(1);
      const r = own(2);
      const bias = context.has(3) ? own(3) : undefined;
      const before = gates === 3 && context.int('linear_before_reset', 0) === 1;
      let all = part('dense', [x, w]);
      let stateBias: Value | undefined;
      if (bias !== undefined) {
        const half = gates * (size as number);
        const ofInput = piece(context, bias, 0, half);
        all = part('add', [all, ofInput]);
        const ofState = piece(context, bias, half, 2 * half);
        if (before) {
          const border = 2 * (size as number);
          stateBias = piece(context, ofState, border, half);
          const first = piece(context, ofState, 0, border);
          const zeros = context.filled(0, [size as number]);
          all = part('add', [all, part('concat', [first, zeros], { axis: 0 })]);
        } else all = part('add', [all, ofState]);
      } else if (before) stateBias = context.filled(0, [1]);
      const peepholes =
        gates === 4 && context.has(7)
          ? part('reshape', [own(7)], { shape: [1, 3 * (size as number)] })
          : undefined;
      const act = (which: number, value: Value) =>
        activated(context, part, names[d * activations.length + which] ?? '', limited(value));
      const limit = context.hasAttribute('clip') ? context.float('clip') : undefined;
      const limited = (value: Value) =>
        limit === undefined ? value : part('clip', [value], { min: -limit, max: limit });
      const initial = (index: number) => {
        if (!context.has(index))
          return part('expand', [context.scalar(0, '/zero')], { shape: [batch, size as number] });
        const state = context.value(index);
        return directionOf(
          context,
          batchFirst ? context.transpose(state, [1, 0, 2], '/state_first') : state,
          d,
        );
      };
      let h = initial(5);
      let c = gates === 4 ? initial(6) : undefined;
      const results: Value[] = [];
      for (let i = 0; i < (length as number); i++) {
        const t = reversed ? (length as number) - 1 - i : i;
        const now = directionOf(context, all, t);
        const next = step({
          context,
          part,
          act,
          x: now,
          h,
          c,
          r,
          size: size as number,
          peepholes,
          stateBias,
        });
        const mask = lengths === undefined ? undefined : maskAt(context, lengths, t);
        const kept = (fresh: Value, old: Value) =>
          mask === undefined
            ? fresh
            : part('add', [
                part('gate', [fresh, mask], { min: 1, max: 1 }),
                part('gate', [old, mask], { min: 0, max: 0 }),
              ]);
        const shown =
          mask === undefined ? next.h : part('gate', [next.h, mask], { min: 1, max: 1 });
        h = kept(next.h, h);
        if (c !== undefined && next.c !== undefined) c = kept(next.c, c);
        results.push(part('reshape', [shown], { shape: [1, 1, batch, size as number] }));
        yield;
      }
      if (reversed) results.reverse();
      const y = results.length === 1 ? (results[0] as Value) : part('concat', results, { axis: 0 });
      const whole = (value: Value) =>
        part('reshape', [value], { shape: [1, batch, size as number] });
      return { y, h: whole(h), c: c && whole(c) };
    }
  };
}

const DIRECTIONS: ReadonlyMap<string, readonly boolean[]> = new Map([
  ['forward', [false]],
  ['reverse', [true]],
  ['bidirectional', [false, true]],
]);

/** Element `index` of the first axis, without that axis. */
function directionOf(context: NodeContext, x: Value, index: number): Value {
  const shape = x.shape.slice(1);
  const starts = x.shape.map((_, i) => (i === 0 ? index : 0));
  const ends = x.shape.map((dim, i) => (i === 0 ? index + 1 : dim));
  const part = partsOf(context);
  const row =
    x.shape[0] === 1 ? x : part('slice', [x], { starts, ends, steps: x.shape.map(() => 1) });
  return part('reshape', [row], { shape });
}

/** Elements [from, to) of the last axis. */
function piece(context: NodeContext, x: Value, from: number, to: number): Value {
  const last = x.shape.length - 1;
  const starts = x.shape.map((_, i) => (i === last ? from : 0));
  const ends = x.shape.map((dim, i) => (i === last ? to : dim));
  return partsOf(context)('slice', [x], { starts, ends, steps: x.shape.map(() => 1) });
}

function gateOf(context: NodeContext, x: Value, gate: number, size: number): Value {
  return piece(context, x, gate * size, (gate + 1) * size);
}

/** Lengths of the sequences as i32 [N, 1]; undefined where all are as long as the input. */
function lengthsOf(context: NodeContext, length: number, reverses: boolean): Value | undefined {
  if (!context.has(4)) return undefined;
  if (context.isIntegers(4) && context.numbers(4).every((one) => one === length)) return undefined;
  if (reverses)
    throw context.fail('ERR_UNSUPPORTED', 'sequence_lens of a reversed direction is not supported');
  const lengths = wholeOf(context, 4);
  return partsOf(context)('reshape', [lengths], { shape: [lengths.shape[0] as Dim, 1] });
}

/** 1 where step t lies in the sequence, else 0. */
function maskAt(context: NodeContext, lengths: Value, t: number): Value {
  const number = context.integerConstant('i32', Int32Array.of(t), [], '/step');
  const inside = integerNode(context, 'less', [number, lengths], '/inside');
  return partsOf(context)('cast', [inside], { to: 'f32' });
}

function activated(context: NodeContext, part: Part, name: string, x: Value): Value {
  if ((context.floatList('activation_alpha') ?? []).length > 0)
    throw context.fail('ERR_UNSUPPORTED', 'activation_alpha is not supported');
  switch (name.toLowerCase()) {
    case 'tanh':
      return part('tanh', [x]);
    case 'sigmoid':
      return part('sigmoid', [x]);
    case 'relu':
      return part('relu', [x]);
    case 'softsign':
      return part('div', [x, part('add', [part('abs', [x]), 1])]);
    case 'hardsigmoid':
      return part('clip', [part('add', [part('mul', [x, Math.fround(0.2)]), 0.5])], {
        min: 0,
        max: 1,
      });
    default:
      throw context.expected(
        'ERR_UNSUPPORTED',
        'activations Tanh, Sigmoid, Relu, Softsign or HardSigmoid',
        name,
      );
  }
}
