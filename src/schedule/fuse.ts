/**
 * Groups a bound graph into calls: a reduction or data movement (the anchor) with the element-wise
 * ops that follow it (the epilogue), so that a feature map is written once and its sign bits leave
 * in the same pass. The result is a schedule, in execution order. Not here: memory
 * (./memory-plan.ts), instructions (src/runtime/lower).
 *
 * An epilogue keeps graph order and merges nothing, so fusing changes no bit. It may read back a
 * map that it has stored itself: element by element the store comes first.
 */
import { sameShape } from '../core/shape.js';
import { atOnce, type Pausing } from '../core/turns.js';
import type { Graph, Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import { weightExpressions } from '../passes/quantized-weights.js';
import type { KernelCall } from './calls.js';
import { type ConcatLayout, concatLayout } from './concat-layout.js';
import { castBack, type Dequantized, integerShortcuts, integerSources } from './dequantized.js';
import {
  castForm,
  type EpilogueStep,
  joined,
  operandsOf,
  operation,
  type Slot,
  stepFor,
  storage,
  storeForm,
  target,
  writesMemory,
} from './epilogue.js';
import { fusionOrder } from './fusion-order.js';
import { PLANES, signsOfPlanes } from './planes.js';
import { Uses } from './uses.js';

const isLeaf = (value: Value) => value.inputs.length === 0;

/**
 * Channels of a repeated map are a multiple of this: no tile of an epilogue then reads past its end
 * (native/kernels/epilogue).
 */
const REPEAT_UNIT = 16;

export function fuse(graph: Graph): KernelCall[] {
  return atOnce(fusing(graph));
}

/** `fuse` that pauses after every call. */
export function* fusing(graph: Graph): Pausing<KernelCall[]> {
  const order = fusionOrder(graph);
  yield;
  const fusion = new Fusion(graph, order);
  yield;
  return yield* fusion.run();
}

class Fusion {
  private readonly uses: Uses;
  /** What must be in memory at the end: outputs, and what becomes of states. */
  private readonly outputs: Set<Value>;
  /** Values that exist when the next kernel begins: leaves, and what earlier calls computed. */
  private readonly ready = new Set<Value>();
  private readonly calls: KernelCall[] = [];
  /** Parts of concatenations that earlier calls have written in place. */
  private readonly placed = new Set<Value>();
  /** Maps beside themselves that are never built, and the map that is read in their place. */
  private readonly repeated = new Map<Value, Value>();
  private readonly layouts = new Map<Value, ConcatLayout>();
  /** Values that are added straight from the integers that they are stored as. */
  private readonly shortcuts: ReadonlyMap<Value, Dequantized>;
  /** Operands of reductions that are read as the integers that they are stored as. */
  private readonly sources: ReadonlyMap<Value, Dequantized>;
  /** Signs that are read off a map whose channels come first, and that map. */
  private readonly planes: ReadonlyMap<Value, Value>;
  /**
   * What is never built: floats of shortcuts, sources and weights of few bits, and maps behind
   * `planes`.
   */
  private readonly unbuilt: ReadonlySet<Value>;

  constructor(
    graph: Graph,
    private readonly order: readonly Value[],
  ) {
    const results = [...Object.values(graph.outputs), ...Object.values(graph.updates ?? {})];
    this.outputs = new Set(results.map(storage));
    this.uses = new Uses(order);
    const usersOf = this.uses.of;
    const isResult = (value: Value) => this.outputs.has(value);
    this.shortcuts = integerShortcuts(this.order, usersOf, isResult);
    this.sources = integerSources(this.order, usersOf, isResult, this.shortcuts);
    const integers = [
      ...this.shortcuts.values(),
      ...this.sources.values(),
      ...weightExpressions(this.order, usersOf, isResult).values(),
    ];
    this.planes = signsOfPlanes(this.order, usersOf, isResult);
    const turned = [...this.planes.keys()].map(({ inputs }) => inputs[0] as Value);
    this.unbuilt = new Set([...integers.flatMap(({ floats }) => floats), ...turned]);
  }

  *run(): Pausing<KernelCall[]> {
    for (const value of this.order) {
      if (isLeaf(value)) this.ready.add(value);
      if (this.repeats(value)) this.repeated.set(value, value.inputs[0] as Value);
    }
    for (const value of this.order) {
      if (this.ready.has(value)) continue;
      const inPlace = value.op === 'concat' && value.inputs.every((part) => this.placed.has(part));
      if (value.op === 'reshape' || inPlace || this.repeated.has(value) || this.unbuilt.has(value))
        this.ready.add(value);
      else {
        this.calls.push(this.begin(value));
        yield;
      }
    }
    return this.calls;
  }

  private begin(value: Value): KernelCall {
    const epilogue: EpilogueStep[] = [];
    const planes = this.planes.get(value);
    if (planes !== undefined) {
      this.ready.add(value);
      const steps: EpilogueStep[] = [{ kind: 'store', value }];
      const reads = [planes].map(storage).filter(({ op }) => op !== 'constant');
      return { kind: 'kernel', anchor: value, map: false, epilogue: steps, stores: [value], reads };
    }
    const first = this.startOfMap(value);
    if (first !== undefined) {
      // An element-wise op that no epilogue took: the epilogue alone, over a value in memory.
      epilogue.push(first.step);
      this.ready.add(value);
      if (value.dtype === 'f32') this.extend(value, epilogue, imagesOf(first.source));
      return this.finish(first.source, true, epilogue);
    }
    this.ready.add(value);
    const chained = opDef(value.op).epilogue?.(value) === true;
    if (value.op === 'concat') {
      const inPlace = new Set(value.inputs.filter((part) => this.placed.has(part)));
      const reads = value.inputs
        .filter((part) => !inPlace.has(part) && part.op !== 'constant')
        .map(storage);
      return {
        kind: 'kernel',
        anchor: value,
        map: false,
        epilogue: [{ kind: 'store', value }],
        stores: [value],
        reads,
        inPlace,
      };
    }
    if (!chained) return this.finish(value, false, [{ kind: 'store', value }]);
    this.extend(value, epilogue, imagesOf(value));
    return this.finish(value, false, epilogue);
  }

  private finish(anchor: Value, map: boolean, steps: readonly EpilogueStep[]): KernelCall {
    const epilogue = joined(steps);
    const stores = epilogue
      .filter((step) => step.kind === 'store' || step.kind === 'threshold' || writesMemory(step))
      .map(target);
    const integers = map ? undefined : this.sources.get(anchor.inputs[0] as Value);
    const built = anchor.inputs.filter((input) => !this.unbuilt.has(input));
    const inputs = map ? [anchor] : integers ? [integers.q, ...built] : built;
    const reads = new Set<Value>(inputs.map(storage));
    for (const step of epilogue)
      for (const { value } of operandsOf(step)) reads.add(storage(value));
    return {
      kind: 'kernel',
      anchor,
      map,
      epilogue,
      stores,
      reads: [...reads].filter((value) => value.op !== 'constant'),
      ...(integers && { integers }),
    };
  }

  /** Follows the consumers of `tail` for as long as one of them can go on in the epilogue. */
  private extend(start: Value, epilogue: EpilogueStep[], images: number): void {
    let tail: Value | undefined = start;
    while (tail !== undefined) {
      const current: Value = tail;
      // Views of the tail are the tail: look through them.
      const consumers = this.uses.behindViews(current);
      const taken = new Set<Value>();
      const next = consumers.find((user) => this.step(user, current, images) !== undefined);
      let back: Value | undefined;
      for (const user of consumers) {
        if (user.inputs[0]?.shape.at(-1) !== current.shape.at(-1)) continue;
        const form = this.unbuilt.has(user) ? undefined : storeForm(user, current, images);
        if (form !== undefined) {
          this.take(user, taken);
          if (next === undefined && back === undefined) {
            back = this.goesOn(current, user);
            // Integers that only the rest of this epilogue reads need no memory.
            if (back !== undefined && !this.outputs.has(user) && this.uses.of(user).length === 1)
              continue;
          }
          const into = form.op === PLANES ? undefined : this.slot(user, new Set());
          epilogue.push({ ...operation(user, form), ...(into && { into }) });
        } else if (
          user.op === 'threshold' &&
          consumers.length === 1 &&
          !this.outputs.has(current)
        ) {
          // Alone it is the kernel's own fast path; beside others it becomes a kernel of its own
          // over the stored integers.
          epilogue.push({ kind: 'threshold', value: user });
          this.take(user, taken);
        }
      }
      const step =
        next === undefined
          ? back && operation(back, { op: 'poszero' })
          : this.step(next, current, images);
      if (next !== undefined) this.take(next, taken);
      if (back !== undefined) this.take(back, taken);
      const stays =
        this.outputs.has(current) ||
        consumers.some((user) => !taken.has(user)) ||
        consumers.length === 0;
      if (stays) {
        const into = this.slot(current, taken);
        epilogue.push({ kind: 'store', value: current, ...(into && { into }) });
      }
      if (step !== undefined) epilogue.push(step);
      tail = next ?? back;
    }
  }

  /**
   * The floats that an epilogue can go on with behind integers that it stores; undefined where it
   * cannot, or where somebody reads them from the integers.
   */
  private goesOn(x: Value, q: Value): Value | undefined {
    const back = castBack(x, q, this.uses.of);
    return back === undefined || this.ready.has(back) || this.unbuilt.has(back) ? undefined : back;
  }

  /**
   * Where a value that only a concatenation along the channels still reads (but for those in
   * `taken`) may be written at once.
   */
  private slot(value: Value, taken: ReadonlySet<Value>): Slot | undefined {
    const [whole, ...others] = this.uses.of(value).filter((user) => !taken.has(user));
    if (
      whole?.op !== 'concat' ||
      others.length > 0 ||
      this.outputs.has(value) ||
      value.dtype === 'i32'
    )
      return undefined;
    const { firsts, wholeWords } = this.layoutOf(whole);
    const first = firsts.get(value);
    if (
      whole.attrs.axis !== whole.shape.length - 1 ||
      first === undefined ||
      (value.dtype === 'b1' && !wholeWords)
    )
      return undefined;
    this.placed.add(value);
    return { whole, first };
  }

  private layoutOf(concat: Value): ConcatLayout {
    const layout = this.layouts.get(concat) ?? concatLayout(concat);
    this.layouts.set(concat, layout);
    return layout;
  }

  /**
   * True for concat(x, x, ...) along the channels if only epilogues read it, element by element. It
   * is then not materialised; the epilogues read x with a period.
   */
  private repeats(value: Value): boolean {
    const [part] = value.inputs;
    if (
      value.op !== 'concat' ||
      value.dtype !== 'f32' ||
      part === undefined ||
      this.outputs.has(value)
    )
      return false;
    const inChannels =
      value.attrs.axis === value.shape.length - 1 &&
      (part.shape.at(-1) as number) % REPEAT_UNIT === 0;
    if (!inChannels || !value.inputs.every((input) => input === part)) return false;
    return this.uses.of(value).every((user) => {
      const other = user.inputs.find((input) => input !== value);
      // The other operand starts the epilogue, so it may be neither a constant nor a concat.
      if (
        user.inputs.length !== 2 ||
        other === undefined ||
        other.op === 'concat' ||
        other.op === 'constant'
      )
        return false;
      return (
        stepFor(user, user.inputs.indexOf(other), other, 0, () => true)?.kind === 'op' &&
        sameShape(other.shape, value.shape)
      );
    });
  }

  private take(user: Value, taken: Set<Value>): void {
    taken.add(user);
    this.ready.add(user);
  }

  /**
   * The step that continues an epilogue from `flow` with `user`, if its other operands exist
   * already and lie well.
   */
  private step(user: Value, flow: Value, images: number): EpilogueStep | undefined {
    // No step of an epilogue has more operands; a concatenation may have thousands.
    if (user.inputs.length > 2) return undefined;
    const through = user.inputs.findIndex((source) => storage(source) === flow);
    const direct = user.inputs[through];
    // Through a view the channels must stay the innermost axis, or per-channel operands would move.
    if (direct === undefined || direct.shape.at(-1) !== flow.shape.at(-1)) return undefined;
    if (!this.compatible(user, direct)) return undefined;
    return this.resolved(
      stepFor(
        user,
        through,
        direct,
        images,
        (operand) => this.available(operand) && storage(operand) !== flow,
      ),
    );
  }

  private available(operand: Value): boolean {
    const shortcut = this.shortcuts.get(operand);
    if (shortcut !== undefined) return this.ready.has(storage(shortcut.q));
    return this.ready.has(storage(this.repeated.get(storage(operand)) ?? operand));
  }

  /**
   * The step as it reads memory: a repeated map through the map itself, a shortcut of integers
   * through them.
   */
  private resolved(step: EpilogueStep | undefined): EpilogueStep | undefined {
    if (step?.kind !== 'op') return step;
    const shortcut = this.shortcuts.get(step.operands[0]?.value as Value);
    if (shortcut !== undefined) {
      const { q, zero, scale } = shortcut;
      const form = { op: 'addscaled', immediates: [zero, scale] as const };
      return operation(step.value, form, [{ value: q, layout: 'tensor' }]);
    }
    const operands = step.operands.map((operand) => ({
      ...operand,
      value: this.repeated.get(storage(operand.value)) ?? operand.value,
    }));
    return { ...step, operands };
  }

  private compatible(user: Value, direct: Value): boolean {
    if (user.op === 'cast') return direct.dtype === 'i32' && user.dtype === 'f32';
    return direct.dtype === 'f32';
  }

  /** For an element-wise op over memory: what flows in and its first step. */
  private startOfMap(value: Value): { source: Value; step: EpilogueStep } | undefined {
    const from = value.inputs[0];
    if (from === undefined) return undefined;
    if (value.op === 'sign') return { source: from, step: operation(value, { op: 'store_bits' }) };
    if (value.op === 'threshold') return { source: from, step: { kind: 'threshold', value } };
    if (value.op === 'cast')
      return {
        source: from,
        step: operation(value, castForm(value.dtype)),
      };
    for (let i = 0; i < value.inputs.length; i++) {
      const flow = value.inputs[i] as Value;
      if ((flow.op === 'constant' && value.inputs.length > 1) || this.repeated.has(storage(flow)))
        continue;
      if (this.shortcuts.has(flow)) continue;
      const step = this.resolved(stepFor(value, i, flow, imagesOf(flow), () => true));
      if (step !== undefined) return { source: flow, step };
    }
    return undefined;
  }
}

/**
 * How many images the kernel of an anchor counts: its first axis, where that is not the channels.
 */
function imagesOf(anchor: Value): number {
  return anchor.shape.length < 2 ? 1 : (anchor.shape[0] as number);
}
