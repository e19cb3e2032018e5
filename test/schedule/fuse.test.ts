/**
 * Schedules: which ops become one kernel, and no kernel reads a value before it is stored.
 */
import { describe, expect, test } from 'vitest';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { canonicalize, optimize } from '../../src/passes/index.js';
import type { KernelCall } from '../../src/schedule/calls.js';
import { operandsOf, storage, writesMemory } from '../../src/schedule/epilogue.js';
import { fuse } from '../../src/schedule/fuse.js';
import { Numbers } from '../passes/fixtures.js';
import { RandomGraph } from '../runtime/random-graph.js';

const n = new Numbers(3);

/** Anchor, then the steps, as words: `conv2d: cast mul(channel) store` */
function words({ anchor, map, epilogue }: KernelCall): string {
  const steps = epilogue.map((step) => {
    if (step.kind !== 'op') return step.kind;
    const form = step.reversed ? step.form.reversed : step.form.op;
    return step.operands.length === 0
      ? form
      : `${form}(${step.operands.map(({ layout }) => layout).join(', ')})`;
  });
  return `${map ? 'map of ' : ''}${anchor.op}: ${steps.join(' ')}`;
}

const scheduleOf = (graph: Graph) => fuse(graph).map(words);

describe('maps whose channels come first', () => {
  const draw = (last: (g: GraphBuilder, map: Value<'f32'>) => Value) => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [2, 64, 5, 7]);
    const bits = g.sign(g.transpose(x, [0, 2, 3, 1]));
    const sum = g.cast(g.conv2d(bits, weights(g, [64, 3, 3, 64]), { pads: [1, 1, 1, 1] }), 'f32');
    return g.graph([x], { y: last(g, g.mul(sum, channels(g, 64))) });
  };
  test('signs are read off them, and the last epilogue writes them', () => {
    const graph = draw((g, map) => g.transpose(map, [0, 3, 1, 2]));
    expect(scheduleOf(graph)).toEqual(['sign: store', 'conv2d: cast mul(channel) store_planes']);
    expect(fuse(graph)[0]?.reads).toEqual([graph.inputs[0]]);
  });
  test('any other order of axes is a copy', () => {
    const graph = draw((g, map) => g.transpose(map, [0, 3, 2, 1]));
    expect(scheduleOf(graph)).toEqual([
      'sign: store',
      'conv2d: cast mul(channel) store',
      'transpose: store',
    ]);
  });
  test('a part of a concatenation is no place for one', () => {
    const graph = draw((g, map) => {
      const turned = g.transpose(map, [0, 3, 1, 2]);
      return g.concat([turned, turned], 3);
    });
    expect(scheduleOf(graph).at(-2)).toBe('conv2d: cast mul(channel) store_planes');
  });
  test('a map that is read both ways is stored both ways', () => {
    const graph = draw((g, map) =>
      g.add(g.transpose(map, [0, 3, 1, 2]), g.reshape(map, [2, 64, 5, 7])),
    );
    expect(scheduleOf(graph)[1]).toBe('conv2d: cast mul(channel) store_planes store');
  });
});

function weights(g: GraphBuilder, shape: number[]) {
  return g.constant(n.bits(shape));
}

function channels(g: GraphBuilder, count: number) {
  return g.constant(n.scales([count]));
}

describe('one kernel', () => {
  test(
    'a residual block: scale, bias, shortcut, activation, the float map, batch norm, sign ' +
      'bits',
    () => {
      const g = new GraphBuilder();
      const bits = g.input('bits', 'b1', [1, 8, 8, 64]);
      const shortcut = g.input('shortcut', 'f32', [1, 8, 8, 64]);
      const sum = g.cast(g.conv2d(bits, weights(g, [64, 3, 3, 64]), { pads: [1, 1, 1, 1] }), 'f32');
      const scaled = g.add(g.mul(sum, channels(g, 64)), channels(g, 64));
      const map = g.prelu(g.add(shortcut, scaled), channels(g, 64));
      const next = g.sign(g.add(g.mul(map, channels(g, 64)), channels(g, 64)));
      const after = g.cast(g.conv2d(next, weights(g, [64, 1, 1, 64])), 'f32');
      const graph = g.graph([bits, shortcut], { y: g.add(after, map) });
      const kernels = fuse(graph);
      expect(kernels.map(words)).toEqual([
        'conv2d: cast mul(channel) add(channel) add(tensor) prelu(channel) store ' +
          'mul(channel) add(channel) store_bits',
        'conv2d: cast add(tensor) store',
      ]);
      expect(kernels.map(({ stores }) => stores)).toEqual([[map, next], [graph.outputs.y]]);
      expect(kernels.map(({ reads }) => new Set(reads))).toEqual([
        new Set([bits, shortcut]),
        new Set([next, map]),
      ]);
    },
  );

  test('a gate, whichever of its operands flows', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 4, 4, 16]);
    const upstream = g.input('upstream', 'f32', [1, 4, 4, 16]);
    const scaled = g.mul(g.neg(x), channels(g, 16));
    const graph = g.graph([x, upstream], {
      flows: g.gate(scaled, upstream, { min: 0 }),
      reversed: g.gate(upstream, g.abs(x), { max: 1 }),
    });
    expect(scheduleOf(graph)).toEqual([
      'map of input: neg mul(channel) gate(tensor) store',
      'map of input: abs rgate(tensor) store',
    ]);
  });

  test('of an operand by channel that is computed later in the graph, once there is one', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 4, 4, 16]);
    const variance = g.input('variance', 'f32', [16]);
    const scaled = g.mul(g.sub(x, channels(g, 16)), g.div(channels(g, 16), g.sqrt(variance)));
    const graph = g.graph([x, variance], { y: g.add(scaled, g.neg(variance)) });
    expect(scheduleOf(graph)).toEqual([
      'map of input: neg store',
      'map of input: sqrt rdiv(channel) store',
      'map of input: submul(channel, channel) add(channel) store',
    ]);
  });

  test('of numbers that a run computes, each repeated for the channels once', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [2, 4, 4, 16]);
    const [scale, zero] = [g.input('scale', 'f32', []), g.input('zero', 'f32', [1])];
    const code = g.clip(g.add(g.round(g.div(g.relu(x), scale)), zero), 0, 15);
    const graph = g.graph([x, scale, zero], { y: g.mul(scale, g.sub(code, zero)) });
    expect(scheduleOf(canonicalize(graph))).toEqual([
      'expand: store',
      'expand: store',
      'map of input: relu div(channel) round add(channel) clip submul(channel, channel) store',
    ]);
  });

  test('of a number that a run computes, unless the map has few rows', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [4, 16]);
    const scale = g.input('scale', 'f32', []);
    const graph = g.graph([x, scale], { y: g.mul(g.relu(x), scale) });
    expect(scheduleOf(canonicalize(graph))).toEqual(['map of input: relu store', 'mul: store']);
  });

  describe('a batch norm is two steps', () => {
    const normal = (g: GraphBuilder, x: Value<'f32'>) => {
      const centred = g.sub(x, channels(g, 64));
      return { centred, y: g.add(g.mul(centred, channels(g, 64)), channels(g, 64)) };
    };
    const convolved = (g: GraphBuilder) => {
      const x = g.input('x', 'f32', [1, 4, 4, 8]);
      return { x, dot: g.conv2d(x, g.constant(n.floats([64, 1, 1, 8]))) };
    };

    test('the difference and the product one of two operands, the mean first', () => {
      const g = new GraphBuilder();
      const { x, dot } = convolved(g);
      const { centred, y } = normal(g, dot);
      const kernels = fuse(g.graph([x], { y }));
      expect(kernels.map(words)).toEqual(['conv2d: submul(channel, channel) add(channel) store']);
      const [step] = kernels[0]!.epilogue;
      expect(operandsOf(step!)[0]?.value).toBe(centred.inputs[1]);
    });

    test('stays three steps where another op reads the difference, or its sign', () => {
      for (const other of ['relu', 'sign'] as const) {
        const g = new GraphBuilder();
        const { x, dot } = convolved(g);
        const { centred, y } = normal(g, dot);
        const [schedule] = scheduleOf(g.graph([x], { y, other: g[other](centred) }));
        expect(schedule).toContain('sub(channel)');
        expect(schedule).not.toContain('submul');
      }
    });

    test('stays a difference and a product where the mean is on the left, or a map', () => {
      const g = new GraphBuilder();
      const { x, dot } = convolved(g);
      const map = g.input('map', 'f32', [1, 4, 4, 64]);
      const reversed = g.mul(g.sub(channels(g, 64), dot), channels(g, 64));
      expect(scheduleOf(g.graph([x], { reversed }))).toEqual([
        'conv2d: rsub(channel) mul(channel) store',
      ]);
      expect(scheduleOf(g.graph([x, map], { y: g.mul(g.sub(dot, map), channels(g, 64)) }))).toEqual(
        ['conv2d: sub(tensor) mul(channel) store'],
      );
    });
  });

  test('a sign of a map that is read later: one kernel stores bits and floats', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 4, 4, 8]);
    const y = g.conv2d(x, g.constant(n.floats([8, 1, 1, 8])));
    expect(scheduleOf(g.graph([x], { bits: g.sign(y), relu: g.relu(y) }))).toEqual([
      'conv2d: store_bits relu store',
    ]);
  });

  test('a threshold alone, or behind stored integers where another op reads them', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'b1', [1, 4, 4, 8]);
    const y = g.conv2d(x, weights(g, [8, 3, 3, 8]));
    const t = g.constant(n.integers([8]));
    const limits = optimize(
      g.graph([x], { bits: g.sign(g.add(g.cast(y, 'f32'), t as Value<'f32'>)) }),
    );
    expect(scheduleOf(limits)).toEqual(['conv2d: threshold']);
    const both = g.graph([x], {
      ...limits.outputs,
      sums: (limits.outputs.bits as Value).inputs[0] as Value,
    });
    expect(scheduleOf(both)).toEqual(['conv2d: store', 'map of conv2d: threshold']);
  });

  test('operands per channel, per image, per pixel or whole, also on the left', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [2, 3, 3, 8]);
    const image = g.input('image', 'f32', [2, 1, 1, 8]);
    const pixel = g.input('pixel', 'f32', [2, 3, 3, 1]);
    const whole = g.input('whole', 'f32', [2, 3, 3, 8]);
    const y = g.conv2d(x, g.constant(n.floats([8, 1, 1, 8])));
    const z = g.div(2, g.sub(whole, g.mul(g.mul(g.add(y, channels(g, 8)), image), pixel)));
    expect(scheduleOf(g.graph([x, image, pixel, whole], { z }))).toEqual([
      'conv2d: add(channel) mul(image_channel) mul(pixel) rsub(tensor) rdiv(channel) store',
    ]);
  });
});

describe('more than one kernel', () => {
  test('an operand that is computed later waits for a kernel of its own', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 4, 4, 8]);
    const a = g.conv2d(x, g.constant(n.floats([8, 1, 1, 8])));
    const b = g.conv2d(a, g.constant(n.floats([8, 1, 1, 8])));
    expect(scheduleOf(g.graph([x], { y: g.add(a, b) }))).toEqual([
      'conv2d: store',
      'conv2d: add(tensor) store',
    ]);
  });

  test('per-image operands stay outside a view that moves the border between images', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 4, 4, 8]);
    const image = g.input('image', 'f32', [2, 1, 8]);
    const seen = g.relu(g.reshape(g.conv2d(x, g.constant(n.floats([8, 1, 1, 8]))), [2, 8, 8]));
    const schedule = fuse(g.graph([x, image], { y: g.add(seen, image) }));
    const taken = schedule.flatMap(({ anchor, epilogue }) =>
      epilogue
        .filter((step) => operandsOf(step).some(({ layout }) => layout === 'image_channel'))
        .map(() => anchor.shape),
    );
    for (const shape of taken) expect(shape[0]).toBe(2);
  });

  test('views cost nothing', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [2, 4, 4, 8]);
    const pooled = g.reshape(g.avgPool2d(x, [4, 4]), [2, 8]);
    expect(scheduleOf(g.graph([x], { y: g.dense(pooled, g.constant(n.floats([3, 8]))) }))).toEqual([
      'avgPool2d: store',
      'dense: store',
    ]);
  });
});

/**
 * Checks a schedule: every value is stored once, before it is read, and every output is stored at
 * the end. A concatenation counts as stored when each part is written into it, or when its own
 * kernel copies them.
 */
function expectSound(graph: Graph): void {
  const placed = new Set<Value>();
  const stored = new Set<Value>(topological(graph).filter((value) => value.inputs.length === 0));
  for (const kernel of fuse(graph)) {
    const read = (value: Value) => {
      expect(stored.has(storage(value)), `${words(kernel)} reads ${value.name}`).toBe(true);
      if (value.data === undefined && storage(value).data === undefined)
        expect(kernel.reads).toContain(storage(value));
    };
    for (const part of kernel.inPlace ?? [])
      expect(placed.has(part), `${part.name} lies in its concatenation`).toBe(true);
    // The sign of planes reads what its operand turns.
    const turned = kernel.map || kernel.anchor.op !== 'sign' ? [] : kernel.anchor.inputs;
    const inputs = turned[0]?.inputs ?? kernel.anchor.inputs;
    for (const value of kernel.map ? [kernel.anchor] : inputs)
      if (kernel.inPlace?.has(value) !== true) read(value);
    for (const step of kernel.epilogue) {
      if (step.kind !== 'multiThreshold' && step.kind !== 'threshold' && step.into !== undefined) {
        const { whole, first } = step.into;
        const part = whole.inputs.indexOf(step.value);
        expect(first).toBe(
          whole.inputs.slice(0, part).reduce((sum, { shape }) => sum + (shape.at(-1) as number), 0),
        );
        expect(placed.has(step.value), `${step.value.name} is placed twice`).toBe(false);
        placed.add(step.value);
        if (whole.inputs.every((input) => placed.has(input))) stored.add(whole);
        continue;
      }
      for (const { value } of operandsOf(step)) read(value);
      if (
        !kernel.stores.includes(step.value) ||
        (step.kind !== 'store' && step.value.dtype === 'f32' && !writesMemory(step))
      )
        continue;
      expect(stored.has(step.value), `${step.value.name} is stored twice`).toBe(false);
      stored.add(step.value);
    }
    expect(kernel.stores.length).toBeGreaterThan(0);
    const partly = (value: Value) =>
      value.op === 'concat' && value.inputs.some((part) => placed.has(part));
    for (const value of kernel.stores)
      expect(stored.has(value) || partly(value), `${value.name} is never stored`).toBe(true);
  }
  for (const value of Object.values(graph.outputs))
    expect(stored.has(storage(value)), value.name).toBe(true);
}

test('schedules of random graphs are sound', () => {
  for (let seed = 1000; seed < 1200; seed++) {
    const { graph, feeds } = new RandomGraph(seed).draw();
    const sizes: Record<string, number> = {};
    for (const input of graph.inputs) {
      input.shape.forEach((dim, axis) => {
        if (typeof dim === 'string')
          sizes[dim] = (feeds[input.name] as { shape: readonly number[] }).shape[axis] as number;
      });
    }
    for (const pass of [optimize, canonicalize]) expectSound(bind(pass(graph), sizes));
  }
});

test(
  "ReActNet's reduction block is two kernels: activations, both stores and the signs of " +
    'the concatenation included',
  () => {
    const g = new GraphBuilder();
    const n = new Numbers(3);
    const x = g.input('x', 'f32', [1, 6, 6, 64]);
    const bits = g.sign(x);
    const half = () => {
      const dot = g.cast(g.conv2d(bits, g.sign(g.constant(n.floats([64, 1, 1, 64])))), 'f32');
      return g.add(g.mul(dot, g.constant(n.floats([64]))), x);
    };
    const y = g.prelu(
      g.add(g.concat([half(), half()], 3), g.constant(n.floats([128]))),
      g.constant(n.floats([128])),
    );
    const next = g.sign(g.add(y, g.constant(n.floats([128]))));
    const dot = g.cast(g.conv2d(next, g.sign(g.constant(n.floats([64, 1, 1, 128])))), 'f32');
    const schedule = fuse(bind(optimize(g.graph([x], { y, dot })), {}));
    expect(schedule.map(({ anchor, map }) => (map ? 'map' : anchor.op))).toEqual([
      'map',
      'conv2d',
      'conv2d',
      'conv2d',
    ]);
  },
);

describe('a map beside itself', () => {
  const build = (
    use: (g: GraphBuilder, twice: Value<'f32'>, sum: Value<'f32'>) => Value<'f32'>,
    channelsOfX = 32,
  ) => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 6, 6, channelsOfX]);
    const twice = g.concat([x, x], 3);
    const sum = g.conv2d(x, g.constant(n.floats([2 * channelsOfX, 1, 1, channelsOfX])));
    return { x, schedule: fuse(g.graph([x], { y: use(g, twice, sum) })) };
  };

  test('is not materialised for an add in a chain: the chain reads the map with a period', () => {
    const { x, schedule } = build((g, twice, sum) => g.relu(g.add(sum, twice)));
    expect(schedule.map(words)).toEqual(['conv2d: add(tensor) relu store']);
    const [add] = schedule[0]?.epilogue ?? [];
    expect(add?.kind === 'op' && add.operands[0]?.value).toBe(x);
  });

  test('is not materialised for a subtraction, nor for a chain as its own kernel', () => {
    expect(build((g, twice, sum) => g.sub(twice, sum)).schedule.map(words)).toEqual([
      'conv2d: rsub(tensor) store',
    ]);
    const alone = build((g, twice, sum) => g.add(g.softmax(sum), twice)).schedule;
    expect(alone.map(words)).toEqual([
      'conv2d: store',
      'softmax: store',
      'map of softmax: add(tensor) store',
    ]);
  });

  test('is built if it is an output, has few channels, or an op outside a chain reads it', () => {
    expect(build((g, twice, sum) => g.add(g.add(sum, twice), twice)).schedule.map(words)[0]).toBe(
      'conv2d: add(tensor) add(tensor) store',
    );
    expect(
      build((g, twice, sum) => g.add(sum, g.relu(twice))).schedule.map(({ anchor }) => anchor.op),
    ).toContain('concat');
    expect(build((_g, twice) => twice).schedule.map(({ anchor }) => anchor.op)).toEqual(['concat']);
    expect(
      build((g, twice, sum) => g.add(sum, twice), 8).schedule.map(({ anchor }) => anchor.op),
    ).toContain('concat');
  });
});
