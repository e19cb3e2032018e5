/**
 * A convolution, float or binary, and the pooling behind it, strip by strip: a few rows of the map
 * are computed, pooled while they are in cache, and written over by the next. The map between the
 * two, the largest of many networks, is never in memory whole. Every element is computed once and
 * as before, so no bit changes. For runs of one thread. Not here: which calls there are
 * (./fuse.ts), instructions (src/runtime/lower).
 *
 * Of each strip: `needed` are the rows of the map that its rows of the result read; `kept` of them
 * were computed for the strip before, and are moved to the front of the buffer; `fresh` are the
 * others. Rows are counted within their image.
 */
import { sameShape } from '../core/shape.js';
import type { Graph, Value } from '../graph/value.js';
import { input } from '../ops/make.js';
import { quantizedWeights } from '../passes/quantized-weights.js';
import {
  isOfRun,
  isScratch,
  type KernelCall,
  type Memory,
  type Scratch,
  type StripedCall,
  type StripPart,
  scratch,
  type View,
} from './calls.js';
import { type EpilogueStep, operandsOf, storage } from './epilogue.js';
import { memoryBytes } from './memory-bytes.js';
import { overwrites } from './overwrites.js';
import { PLANES } from './planes.js';

/** What a strip may take: half of a common L2. */
const STRIP_BYTES = 1 << 19;
/** A few instructions a strip; beyond this many strips, maps of several images are left whole. */
const MOST_STRIPS = 64;

/** The schedule with each such pair as one call. */
export function cutStrips(
  calls: readonly KernelCall[],
  graph: Graph,
): (KernelCall | StripedCall)[] {
  const readers = new Map<Value, number>();
  const results = [...Object.values(graph.outputs), ...Object.values(graph.updates ?? {})];
  const outputs = results.map(storage);
  for (const value of [...calls.flatMap(({ reads }) => reads), ...outputs])
    readers.set(value, (readers.get(value) ?? 0) + 1);
  const result: (KernelCall | StripedCall)[] = [];
  for (const call of calls) {
    const before = result.at(-1);
    const map =
      before?.kind === 'kernel'
        ? before.stores.find((value) => value === call.anchor.inputs[0])
        : undefined;
    const pair =
      before?.kind === 'kernel' && map && readers.get(map) === 1 && canCut(before, call, map)
        ? new Pair(before, call, map).cut()
        : undefined;
    if (pair !== undefined) result.pop();
    result.push(pair ?? call);
  }
  return result;
}

/** True where rows of each can be computed by themselves. */
function canCut(conv: KernelCall, pool: KernelCall, map: Value): boolean {
  const [x, w] = conv.anchor.inputs;
  return (
    conv.anchor.op === 'conv2d' &&
    conv.integers === undefined &&
    x !== undefined &&
    w !== undefined &&
    isOfRun(storage(x)) &&
    // Computed weights would be packed for every strip.
    (storage(w).op === 'constant' || quantizedWeights(w) !== undefined) &&
    (pool.anchor.op === 'maxPool2d' || pool.anchor.op === 'avgPool2d') &&
    pool.anchor.inputs[0] === map &&
    map.dtype === 'f32' &&
    // A map that is written over the shortcut takes neither memory nor cache of its own.
    overwrites(conv).every(([result]) => result !== map) &&
    [conv, pool].every(
      (call) => !call.map && call.epilogue.every((step) => hasRows(step, call.anchor)),
    ) &&
    [conv, pool].every(({ anchor, stores }) =>
      stores.every((value) => sameShape(value.shape, anchor.shape)),
    )
  );
}

/** True for a step of an epilogue that can be given rows of the map alone. */
function hasRows(step: EpilogueStep, anchor: Value): boolean {
  if ('into' in step && step.into !== undefined) return false;
  // Rows of a map whose channels come first lie apart.
  if (step.kind === 'op' && step.form.op === PLANES) return false;
  return operandsOf(step).every(({ value, layout }) => {
    if (layout === 'channel') return true;
    return (
      isOfRun(storage(value)) &&
      layout !== 'image_channel' &&
      value.shape.length === 4 &&
      sameShape(value.shape.slice(0, 3), anchor.shape.slice(0, 3))
    );
  });
}

interface Rows {
  readonly begin: number;
  readonly end: number;
}

/** A window over rows: row r of the result needs rows from r * stride - pad on. */
class RowWindow {
  private readonly stride: number;
  private readonly pad: number;
  /** Rows that one result needs. */
  readonly span: number;

  constructor(
    private readonly node: Value,
    kernelRows: number,
    private readonly inputRows: number,
  ) {
    const { strides, pads, dilations } = node.attrs as Record<string, readonly number[]>;
    this.stride = strides![0]!;
    this.pad = pads![0]!;
    this.span = (kernelRows - 1) * dilations![0]! + 1;
  }

  /** Results that `rows` rows are enough for. */
  results(rows: number): number {
    return Math.floor((rows - this.span) / this.stride) + 1;
  }

  needs({ begin, end }: Rows): Rows {
    const first = begin * this.stride - this.pad;
    const last = (end - 1) * this.stride - this.pad + this.span;
    return { begin: Math.max(0, first), end: Math.min(this.inputRows, last) };
  }

  /** The node over just the rows that it needs. */
  over(x: Value, { begin, end }: Rows): Value {
    const [, left, , right] = this.node.attrs.pads as readonly number[];
    const top = Math.max(0, this.pad - begin * this.stride);
    const bottom = Math.max(0, (end - 1) * this.stride - this.pad + this.span - this.inputRows);
    const attrs = { ...this.node.attrs, pads: [top, left, bottom, right] };
    return {
      ...this.node,
      shape: rowsOf(this.node, end - begin),
      inputs: [x, ...this.node.inputs.slice(1)],
      attrs,
    };
  }
}

function rowsOf(value: Memory, rows: number): readonly number[] {
  const [, , width, channels] = value.shape as readonly number[];
  return [1, rows, width!, channels!];
}

class Pair {
  private readonly parts: StripPart[] = [];
  private readonly views = new Map<Value, View>();
  private readonly convWindow: RowWindow;
  private readonly poolWindow: RowWindow;

  constructor(
    private readonly conv: KernelCall,
    private readonly pool: KernelCall,
    private readonly map: Value,
  ) {
    const [x, w] = conv.anchor.inputs as [Value, Value];
    this.convWindow = new RowWindow(conv.anchor, w.shape[1] as number, x.shape[1] as number);
    this.poolWindow = new RowWindow(
      pool.anchor,
      (pool.anchor.attrs.kernel as readonly number[])[0]!,
      map.shape[1] as number,
    );
  }

  /** Undefined where the map is small, or strips would be too small or too many. */
  cut(): StripedCall | undefined {
    const [images, height] = this.pool.anchor.shape as readonly [number, number];
    const rowBytes = memoryBytes('f32', rowsOf(this.map, 1));
    const fitting = this.poolWindow.results(Math.floor(STRIP_BYTES / rowBytes));
    if (fitting < this.poolWindow.span) return undefined;
    const count = Math.ceil(height / fitting);
    if (count < 2 || images * count > MOST_STRIPS) return undefined;
    const strips = Array.from({ length: count }, (_, i) =>
      rows(Math.floor((height * i) / count), Math.floor((height * (i + 1)) / count)),
    );
    const needed = strips.map((strip) => this.poolWindow.needs(strip));
    if (
      [...needed, ...needed.map((strip) => this.convWindow.needs(strip))].some(
        ({ begin, end }) => begin >= end,
      )
    )
      return undefined;
    // What else leaves the convolution, the signs of the map, is needed of every row, read by the
    // pooling or not.
    const everyRow =
      needed.every(({ begin }, i) => begin <= (needed[i - 1]?.end ?? 0)) &&
      needed.at(-1)?.end === this.map.shape[1];
    if (this.conv.stores.length > 1 && !everyRow) return undefined;

    const most = needed.reduce((sum, rows) => Math.max(sum, length(rows)), 0);
    const buffer = scratch(`${this.map.name}.strip`, this.map.dtype, rowsOf(this.map, most));
    for (let image = 0; image < images; image++) {
      for (const [i, strip] of strips.entries())
        this.emit(image, strip, needed[i]!, needed[i - 1], buffer);
    }
    const { conv, pool, parts, views } = this;
    const others = (values: readonly Value[]) => values.filter((value) => value !== this.map);
    const stores: Memory[] = [buffer, ...others(conv.stores), ...pool.stores];
    return {
      kind: 'strips',
      anchor: pool.anchor,
      stores,
      reads: [...conv.reads, ...others(pool.reads)],
      parts,
      views,
    };
  }

  private emit(
    image: number,
    strip: Rows,
    needed: Rows,
    before: Rows | undefined,
    buffer: Scratch,
  ): void {
    const kept =
      before === undefined || before.end <= needed.begin
        ? undefined
        : rows(needed.begin, before.end);
    const inBuffer = ({ begin, end }: Rows, base: Rows) =>
      this.view(buffer, 0, rows(begin - base.begin, end - base.begin));
    if (kept !== undefined)
      this.parts.push({
        on: this.pool,
        from: inBuffer(kept, before as Rows),
        to: inBuffer(kept, needed),
      });
    const fresh = rows(kept?.end ?? needed.begin, needed.end);
    if (length(fresh) > 0) {
      const x = this.view(this.conv.anchor.inputs[0] as Value, image, this.convWindow.needs(fresh));
      const place = (value: Value) =>
        value === this.map ? inBuffer(fresh, needed) : this.view(value, image, fresh);
      this.run(this.conv, this.convWindow.over(x, fresh), place);
    }
    const pooled = this.poolWindow.over(inBuffer(needed, needed), strip);
    this.run(this.pool, pooled, (value) => this.view(value, image, strip));
  }

  /**
   * The call with `anchor` in place of its own; the rows that it writes, and those of its
   * epilogue's operands, lie where `place` says.
   */
  private run(on: KernelCall, anchor: Value, place: (value: Value) => Value): void {
    const placed = new Map(on.stores.map((store) => [store, place(store)]));
    const epilogue = on.epilogue.map((step) => {
      const value = placed.get(step.value) ?? step.value;
      if (step.kind !== 'op') return { ...step, value };
      const operands = step.operands.map((operand) =>
        operand.layout === 'channel' ? operand : { ...operand, value: place(operand.value) },
      );
      return { ...step, value, operands };
    });
    this.parts.push({
      on,
      run: {
        kind: 'kernel',
        anchor,
        map: false,
        epilogue,
        stores: [...placed.values()],
        reads: [],
      },
    });
  }

  /** These rows of `of` as a value of their own. */
  private view(of: Memory, image: number, { begin, end }: Rows): Value {
    const value = input(`${of.name}.rows`, of.dtype, rowsOf(of, end - begin));
    const rowBytes = memoryBytes(of.dtype, rowsOf(of, 1));
    this.views.set(value, {
      of: isScratch(of) ? of : storage(of),
      offset: (image * (of.shape[1] as number) + begin) * rowBytes,
    });
    return value;
  }
}

function rows(begin: number, end: number): Rows {
  return { begin, end };
}

function length({ begin, end }: Rows): number {
  return end - begin;
}
